"""What ``gpu`` and ``servers`` go without on a narrow terminal: whole columns, never half of one."""

from __future__ import annotations

import pytest
from stackops.console.report.gpus import lines as gpu_lines
from stackops.console.report.servers import lines as server_lines
from stackops.console.report.text import narrowed, processes
from support import gpu_stage, server_stage

ROWS = [("NAME", "OWNER", "WHERE"), ("a" * 10, "b" * 10, "c" * 10)]


@pytest.mark.parametrize(
    ("width", "titles"), [(34, ("NAME", "OWNER", "WHERE")), (33, ("NAME", "WHERE")), (21, ("NAME", "WHERE"))]
)
def test_columns_are_given_up_by_title_until_the_rest_fits(width: int, titles: tuple[str, ...]) -> None:
    assert narrowed(ROWS, width, ("OWNER",))[0] == titles


def test_the_last_column_may_be_cut_down_to_what_has_to_be_seen() -> None:
    assert narrowed(ROWS, 29, ("OWNER",), last=5)[0] == ("NAME", "OWNER", "WHERE")


@pytest.mark.parametrize("width", [80, 120, 400])
def test_no_server_loses_half_of_its_name(width: int) -> None:
    told = [text for _, _, text in server_lines(server_stage.full(), width)]
    assert ("ADDRESS" in told[0]) == (width == 400)
    for server in server_stage.full().servers:
        assert any(server.key in text for text in told)


def test_a_lost_card_is_told_without_figures_and_without_an_empty_table() -> None:
    text = "\n".join(word + rest for word, _, rest in gpu_lines(gpu_stage.ill(), 120))
    lost = text[text.index(" LOST ") :]
    assert "– of –" not in lost
    assert "PID" not in lost


@pytest.mark.parametrize("width", [60, 400])
def test_the_versions_of_containers_stand_where_there_is_room(width: int) -> None:
    (_, _, titles), *_ = processes(server_stage.full(), width)
    assert ("VERSION" in titles) == (width == 400)

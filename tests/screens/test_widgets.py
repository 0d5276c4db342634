"""The parts that need no screen: columns, wrapping, changed cells, glyphs, states in words."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from stackops.console.judge import judge
from stackops.console.model import Fault
from stackops.console.report.plain import processes
from stackops.console.report.text import processes as table_of_processes
from stackops.console.text.cleaning import ascii_cells
from stackops.screens.driver import FrugalUpdate
from stackops.screens.render import stacks, states, strip
from stackops.screens.widgets import paint
from stackops.screens.widgets.paint import line, plain
from stackops.screens.widgets.table import Column, place
from stackops.screens.widgets.text import changed_cells, wrap
from support import stage
from textual._compositor import ChopsUpdate
from textual.strip import Strip

COLUMNS = (Column("a", "A", 10, most=20), Column("b", "B", 5, rank=1), Column("c", "C", 8, rank=2))


def test_columns_fill_the_width_and_the_least_important_go_first() -> None:
    assert [each.column.key for each in place(COLUMNS, 60)] == ["a", "b", "c"]
    assert [each.column.key for each in place(COLUMNS, 22)] == ["a", "b"]
    assert [each.column.key for each in place(COLUMNS, 14)] == ["a"]
    assert [each.column.key for each in place(COLUMNS, 3)] == ["a"]


@pytest.mark.parametrize("width", range(1, 120))
def test_columns_never_overlap(width: int) -> None:
    placed = place(stacks.COLUMNS, width)
    for one, other in pairwise(placed):
        assert one.x + one.width < other.x


@pytest.mark.parametrize("width", [20, 33, 60])
def test_wrapped_lines_fit_and_lose_no_word(width: int) -> None:
    text = "数据库 " + "word " * 30 + "x" * 200 + " 数据库服务器名称很长的容器"
    wrapped = wrap([line(("  label  ", "muted"), text)], width)
    assert all(cell_len(plain([each])) <= width for each in wrapped)
    assert "".join("".join(plain(wrapped).split())) == "".join(f"label{text}".split())


def test_what_continues_a_labelled_line_stands_under_its_words() -> None:
    wrapped = plain(wrap([line(("  because  ", "muted"), "one two three four five")], 24)).splitlines()
    assert wrapped[1].startswith(" " * 11)


def test_a_changed_figure_costs_its_own_cells() -> None:
    old = line(("cpu ", "muted"), " 23%", ("  mem ", "muted"), "47.0G")
    new = line(("cpu ", "muted"), " 24%", ("  mem ", "muted"), "47.0G")
    assert changed_cells(old, old) is None
    assert changed_cells(old, new) == (6, 7)
    assert changed_cells(line("数据 1 x"), line("数据 2 x")) == (5, 6)
    assert changed_cells(line("abc"), line("abcdef")) == (3, 6)
    assert changed_cells(line(("a", "ok")), line(("a", "error"))) == (0, 1)


def test_a_partial_update_is_cropped_on_both_sides() -> None:
    chop = Strip([Segment("0123456789", Style())], 10)
    update = ChopsUpdate([{0: chop}], [(0, 4, 6)], [[10]])
    assert FrugalUpdate.of(update).render_segments(Console(force_terminal=True)).endswith("45")


def test_every_glyph_has_a_twin_of_one_cell() -> None:
    used = {
        value for name, value in vars(paint).items() if name.isupper() and isinstance(value, str) and len(value) == 1
    }
    for glyph in used | set("▁▂▃▄▅▆▇█░–…•→"):
        twin = ascii_cells(glyph)
        assert twin.isascii()
        assert len(twin) == 1
        assert twin != "?" or glyph == "?", glyph


def test_bars_and_curves_keep_their_width() -> None:
    assert paint.bar(0.5, 10) == "█████░░░░░"
    assert paint.bar(None, 4) == "    "
    assert paint.bar(7.0, 4) == "████"
    assert len(paint.sparkline([1.0, None, 3.0], 8)) == 8
    assert paint.sparkline([None, None], 8) == ""


@pytest.mark.parametrize(
    ("count", "shown"), [(None, "–"), (0, "0B"), (999, "999B"), (1 << 20, "1M"), (3 << 30, "3.0G"), (5 << 40, "5.0T")]
)
def test_sizes_fit_a_cell(count: int | None, shown: str) -> None:
    assert states.short_size(count) == shown


def test_unknown_is_a_dash_and_never_a_zero() -> None:
    bare = replace(stage.ONEAPI, restart_count=None, deaths=(), health=None, exit_code=None)
    assert (
        states.cpu(None).text == states.memory(None).text == states.deaths(bare).text == states.health(bare).text == "–"
    )
    assert states.state(replace(bare, state="exited")).text == "✖ exited –"


def test_the_verdict_says_the_worst_first_and_how_many() -> None:
    assert plain([strip.verdict(None, None, 400)]).startswith("○ Looking")
    said = plain([strip.verdict(stage.full(), judge(stage.full(), stage.RESULTS), 400)])
    assert said == "✖ 2 problems: LibreChat's config file is not mounted, and 1 more (librechat.config-mount)"
    one = plain([strip.verdict(stage.full(), judge(stage.full(), stage.RESULTS[1:2]), 400)])
    assert one.startswith("▲ 1 problem: ")
    well = plain([strip.verdict(stage.full(), judge(stage.full(), ()), 400)])
    assert well == "● All well: 8 containers, 2 stacks"
    assert plain([strip.verdict(stage.full(), judge(stage.full(), stage.RESULTS[3:4]), 400)]).startswith("? Not sure: ")
    assert "No Docker Engine answers" in plain([strip.verdict(stage.failed(), judge(stage.failed(), ()), 400)])


def test_faults_beyond_what_fits_are_counted() -> None:
    assert plain(states.fault_lines(stage.half(), 1)).endswith("and 1 more that could not be read")
    assert "read 40s ago" in plain(states.fault_lines(stage.half(), 2))


def test_a_result_tells_evidence_cause_and_fix() -> None:
    said = plain(states.in_full(stage.FINDINGS[0], "Sources"))
    for part in (
        "Because",
        "Evidence",
        "/srv/librechat/librechat.yaml",
        "Fix",
        "disruptive",
        "About this check",
        "Sources",
    ):
        assert part in said


def test_rows_are_grouped_by_project_with_native_services_last() -> None:
    rows = stacks.rows(stage.full(), stage.RESULTS, stacks.StackView())
    headings = [plain([row.heading]).strip() for row in rows if row.heading is not None]
    assert "fastgpt  3 running" in headings[0]
    assert headings[-1].startswith("Native services")
    marks = {row.key: row.mark.text for row in rows if row.mark.text}
    assert marks == {stage.LIBRECHAT.id: "✖", stage.MONGO.id: "▲"}


def test_cpu_and_memory_of_a_native_service_stand_in_its_row_and_in_ps() -> None:
    world = stage.full()
    world = replace(world, figures=world.figures | {"pid:4242": stage.figures(37.0, 3 * stage.GIB)})
    (row,) = [row for row in stacks.rows(world, stage.RESULTS, stacks.StackView()) if row.key == "pid:4242"]
    assert (row.cells["cpu"].text.strip(), row.cells["memory"].text.strip()) == ("37%", "3.0G")
    told = [words for words in processes(world) if words[1] == "process"]
    assert told[0][-2:] == ("37%", "3.0 GiB")
    (line,) = [text for _, _, text in table_of_processes(world, 160) if "pid 4242" in text]
    assert line.split()[4:7] == ["–", "37%", "3.0"]


def test_an_explanation_is_broken_where_this_terminal_ends_not_where_its_author_did() -> None:
    long = "word " * 20 + "end"
    result = replace(stage.RESULTS[0], evidence=())
    told = [plain([each]) for each in states.in_full(result, f"Summary\n\nFix\n    {long}\n    goes on\n    short\n")]
    assert any(each.endswith("end goes on") for each in told)
    assert any(each.strip() == "short" for each in told)


def test_the_age_of_what_is_shown_is_told_once() -> None:
    fault = Fault("gpus", "It does not answer; what is shown is the last it told", None)
    snapshot = replace(stage.full(), faults=(fault,), ages={"gpus": stage.NOW - 12})
    assert plain(states.fault_lines(snapshot, 1)).count("what is shown") == 1
    assert "(read 10s ago)" in plain(states.fault_lines(snapshot, 1))

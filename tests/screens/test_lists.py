"""Lists: ordered by any column, filtered by words and states, peeked into; the way back and forth."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from stackops.console.model import Server
from stackops.screens.widgets.paint import Span, line
from stackops.screens.widgets.rows import Column, Order, Row, filtered, measured, ordered
from stackops.screens.widgets.table import Table
from support import stage
from support.pilots import Stage, console

NAME, SIZE = Column("name", "NAME", 10), Column("size", "SIZE", 6, "right")


def row(key: str, size: str = "", **more: object) -> Row:
    return Row(key, {"name": Span(key), "size": Span(size)}, **more)  # type: ignore[arg-type]


def keys(rows: list[Row]) -> list[str]:
    return [each.key for each in rows]


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("999K", "1.2G"), ("9%", "85%"), ("45s", "3m"), ("12m", "2h5m"), ("2h5m", "3d 4h"), ("9K/28K", "10K/1K"),
        ("0/9", "3/0"),
        ("800ms", "1.2s"), ("1023B", "1K"), ("-5.0 GiB", "2.0 GiB"), ("9", "10"), ("4.5", "12.25"),
    ],
)  # fmt: skip
def test_figures_are_ordered_by_what_they_mean(less: str, more: str) -> None:
    found = measured(less, figures=True), measured(more, figures=True)
    assert sorted(found, key=lambda each: each or (2, 0.0, ())) == list(found)
    assert found[0] != found[1]


def test_names_are_ordered_so_that_9_comes_before_10() -> None:
    rows = [row("gpu10"), row("gpu9"), row("Alpha"), row("✖ beta")]
    assert keys(ordered(rows, NAME, Order("name"))) == ["Alpha", "✖ beta", "gpu9", "gpu10"]


def test_the_largest_figure_stands_first_and_what_is_not_known_last_either_way() -> None:
    rows = [row("a", "–"), row("b", "10M"), row("c", "1.0G"), row("d", ""), row("e", "10M")]
    assert keys(ordered(rows, SIZE, Order("size"))) == ["c", "b", "e", "a", "d"]
    assert keys(ordered(rows, SIZE, Order("size", backwards=True))) == ["b", "e", "c", "a", "d"]
    assert keys(ordered(rows, None, None)) == ["a", "b", "c", "d", "e"]


def test_a_value_that_no_cell_shows_counts_before_its_words() -> None:
    rows = [row("a", "29 Nov", values={"size": 1.0}), row("b", "1 Dec", values={"size": 2.0})]
    assert keys(ordered(rows, SIZE, Order("size"))) == ["b", "a"]


def test_rows_stay_below_their_heading_and_headings_that_can_be_selected_move() -> None:
    def group(name: str) -> Row:
        return Row(f"group:{name}", heading=line(name), stands=True)

    rows = [group("x"), row("x1", "1M"), row("x2", "9M"), Row("gap", heading=()), group("y"), row("y1", "5G"),
            group("z"), Row("~", heading=line("others")), row("o", "9T")]  # fmt: skip
    assert keys(ordered(rows, SIZE, Order("size"))) == [
        "gap", "group:y", "y1", "group:x", "x2", "x1", "group:z", "~", "o",
    ]  # fmt: skip
    cards = [Row("gpu0", heading=line("gpu0")), row("p", "1M"), Row("gpu1", heading=line("gpu1")), row("q", "9M")]
    assert keys(ordered(cards, SIZE, Order("size"))) == ["gpu0", "p", "gpu1", "q"]


ROWS = [
    Row("lab", heading=line("lab")), row("ollama", words=("ill", "down")), row("installed", words=("well",)),
    Row("web", heading=line("web RTX 4090")), row("nginx", words=("well",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["lab", "ollama", "installed", "web", "nginx"]), ("  ", ["lab", "ollama", "installed", "web", "nginx"]),
        ("OLLA", ["lab", "ollama"]), ("ill", ["lab", "ollama"]), ("down", ["lab", "ollama"]),
        ("well", ["lab", "installed", "web", "nginx"]),
        ("nst", ["lab", "installed"]), ("olm", ["lab", "ollama"]), ("ngx", ["web", "nginx"]),
        ("4090", ["web", "nginx"]),
        ("!well", ["lab", "ollama"]), ("!ollama well", ["lab", "installed", "web", "nginx"]),
        ("lab well", ["lab", "installed"]),
        ("zzz", []), ("xgn", []), ("!", []),
    ],
)  # fmt: skip
def test_a_filter_knows_words_states_headings_and_letters_left_out(query: str, found: list[str]) -> None:
    assert keys(filtered(ROWS, query)) == found


def test_a_folded_stack_is_found_by_its_own_line() -> None:
    rows = [Row("group:a", heading=line("▸ alpha"), stands=True), Row("group:b", heading=line("▸ beta"), stands=True)]
    assert keys(filtered(rows, "beta")) == ["group:b"]


async def _shows(running: Stage, *keys_: str) -> Table:
    await running.press(*keys_)
    return next(iter(running.app.screen.query(Table)))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("place", ["2", "3", "4", "5", "6", "e", "w"])
async def test_every_list_is_ordered_and_filtered_by_the_same_keys(place: str, size: tuple[int, int]) -> None:
    servers = tuple(Server(f"s{n}:1", f"http://s{n}:1", "vllm", state) for n, state in enumerate(("up", "down")))
    async with console(stage.desk(replace(stage.full(), servers=servers), stage.RESULTS), size) as running:
        table = await _shows(running, place)
        await running.press("o")
        assert table.order is not None
        assert "↑" in running.text or "↓" in running.text
        before, turned = table.order, await running.press("i")
        assert table.order == before._replace(backwards=True), turned
        await running.press("slash", *"zzzz")
        assert not table.keys
        if table._given:
            assert "Nothing here has zzzz" in running.text
        await running.press("escape")
        assert len(table.rows) == len(table._given)
        assert table.has_focus


async def test_a_server_that_is_down_is_found_by_the_word() -> None:
    servers = tuple(Server(f"s{n}:1", f"http://s{n}:1", "vllm", state) for n, state in enumerate(("up", "down")))
    async with console(stage.desk(replace(stage.full(), servers=servers), stage.RESULTS), (120, 40)) as running:
        table = await _shows(running, "5", "slash", *"down", "enter")
        assert table.keys == ("s1:1",)
        assert running.app.screen.selected_server().key == "s1:1"


async def test_ill_services_are_found_in_the_overview() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await _shows(running, "slash", *"down", "enter")
        table = running.app.screen.query_one("#stacks", Table)
        assert [key for key in table.keys if not key.startswith("group:")] == [
            each.id
            for each in stage.full().containers
            if each.state not in {"running", "paused"} and each.id in table.keys
        ]
        assert stage.RAG.id in table.keys
        assert stage.FASTGPT.id not in table.keys


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_space_peeks_at_the_selected_row_and_the_same_key_or_esc_ends_it(size: tuple[int, int]) -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), size) as running:
        screen = running.app.screen
        await running.stacks()
        await running.press("space")
        peek = screen.query_one("#peek")
        assert peek.display
        assert "fastgpt" in running.text
        assert screen.query_one("#stacks").has_focus
        first = peek.lines
        await running.press("j")
        assert peek.lines != first, "it follows the cursor"
        await running.press("space")
        assert not screen.has_class("-peeking")
        await running.press("space", "escape")
        assert not screen.has_class("-peeking")
        screen.query_one("#stacks", Table).select("group:librechat")
        await running.press("space")
        assert "/srv/librechat" in running.text


async def test_a_broad_screen_has_the_selected_row_in_full_anyway_and_space_gives_its_room_to_the_lists() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (200, 50)) as running:
        peek, needs = running.app.screen.query_one("#peek"), running.app.screen.query_one("#needs")
        assert "librechat.yaml lies in the project folder" in running.text
        before = needs.size.width
        await running.press("space")
        assert not peek.display
        assert needs.size.width > before
        await running.press("space", "j")
        assert "mongod refuses a key that group or others may read" in running.text
        await running.stacks(stage.PG.id)
        assert "pgvector" in running.text or stage.PG.image in running.text


async def test_space_gives_a_list_all_of_the_room_and_takes_it_back() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        table = await _shows(running, "2")
        before = table.size.height
        await running.press("space")
        assert table.size.height > before
        await running.press("space")
        assert table.size.height == before
        await running.press("space", "enter")
        assert running.app.screen.focused.id == "result", "whoever opens a row reads it"


async def test_minus_goes_to_the_last_place_and_back_again() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await running.press("minus")
        assert "There is no place before this one" in running.notices
        await running.press("2", "minus")
        assert running.app.screen.PLACE == "overview"
        await running.press("minus")
        assert running.app.screen.PLACE == "doctor"
        await running.press("1")
        await running.stacks()
        await running.press("enter")
        assert running.app.screen.PLACE == "container"
        await running.press("escape", "minus")
        assert running.app.screen.PLACE == "container"
        assert running.app.screen.selected_container().id == stage.FASTGPT.id
        await running.press("l", "3", "minus")
        assert running.app.screen.PLACE == "logs"


async def test_the_header_says_the_way_here() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        await running.stacks()
        shown = await running.press("enter", "l")
        assert "› fastgpt › fastgpt › logs" in shown.splitlines()[0]


async def test_what_the_checks_say_is_ordered_by_how_bad_it_is() -> None:
    async with console(stage.desk(stage.full(), stage.RESULTS), (120, 40)) as running:
        table = await _shows(running, "2", "o")
        ranks = [row.values["state"] for row in table.rows]
        assert ranks == sorted(ranks)
        await running.press("i")
        assert [row.values["state"] for row in table.rows] == sorted(ranks, reverse=True)


async def test_times_are_ordered_as_times_and_not_as_words() -> None:
    ended = [replace(stage.RAG, finished_at=stage.NOW - before, started_at=None) for before in (60, 86_400 * 40)]
    other = replace(ended[1], id="c" * 64, name="other")
    async with console(stage.desk(replace(stage.empty(), containers=(ended[0], other))), (120, 40)) as running:
        table = await _shows(running, "e")
        await running.until(lambda _: len(table.rows) >= 2)
        await running.press("o")
        assert table.order == Order("when")
        times = [row.values["when"] for row in table.rows if row.heading is None]
        assert times == sorted(times)
        assert len(set(times)) > 1

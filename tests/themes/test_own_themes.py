"""Somebody's own themes: read from the configuration folder, followed when saved, one sentence for a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from stackops.console.settings import Settings, SettingsError
from stackops.themes import PALETTES, palette
from stackops.themes.own import names, saved_again
from stackops.themes.own import palette as own
from support import stage
from support.pilots import Stage, console


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    made = tmp_path / "stackops" / "themes"
    made.mkdir(parents=True)
    return made


def test_what_it_does_not_say_is_as_in_its_base_and_what_follows_from_a_colour_follows(folder: Path) -> None:
    (folder / "mine.toml").write_text('base = "light"\n[colors]\naccent = "#102030"\nrule = "ansi_red"\n')
    made, light = own("mine"), palette("light")
    assert (made.dark, made.background) == (False, light.background)
    assert made.accent == made.variables["key"] == made.variables["rule-focus"] == "#102030"
    assert made.variables["scrollbar"] == made.variables["rule"] == "ansi_red"
    assert made.variables["badge"] == light.variables["badge"]


def test_an_empty_file_is_the_usual_palette(folder: Path) -> None:
    (folder / "mine.toml").write_text("")
    assert own("mine").variables == palette(PALETTES[0]).variables


def test_they_are_listed_behind_ours_and_none_can_take_the_name_of_ours(folder: Path) -> None:
    for name in ("zebra", "dark", "mine", "not a name", ".hidden"):
        (folder / f"{name}.toml").write_text("")
    assert names() == (*PALETTES, "mine", "zebra")


def test_without_the_folder_there_are_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert names() == PALETTES


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[colors]\nacent = "#102030"\n', ':2: unknown key "acent" in [colors]; did you mean "accent"?'),
        (
            '[colors]\naccent = "blue"\n',
            ':2: "colors.accent" must be a colour such as "#7aa2d6" or "ansi_red", not the',
        ),
        ('[colors]\naccent = "#12345"\n', ':2: "colors.accent" must be a colour'),
        ("[colors]\naccent = 7\n", ':2: "colors.accent" must be a colour such as "#7aa2d6" or "ansi_red", not 7'),
        ('base = "drak"\n', ':1: "base" must be one of "dark"'),
        ('colors = "red"\n', ':1: "colors" must be a section'),
        ("[colors]\naccent =\n", ":2: not valid TOML"),
        ('[colors]\naccent = "\\u001b[31m"\n', ':2: "colors.accent" must be a colour'),
    ],
)
def test_a_mistake_is_one_sentence_with_file_line_and_key(folder: Path, text: str, says: str) -> None:
    file = folder / "mine.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        own("mine")
    assert str(caught.value).startswith(f"{file}{says}")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["none", "../themes/mine", "", "a/b", "a" * 41, "\x1b[31m"])
def test_a_name_that_is_none_says_which_there_are(folder: Path, name: str) -> None:
    (folder / "mine.toml").write_text("")
    with pytest.raises(SettingsError, match=r'^there is no theme "[^\x1b]*"; ') as caught:
        own(name)
    assert "mine" in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "mine.toml").mkdir()
    with pytest.raises(SettingsError, match="it is a directory"):
        own("mine")


def test_a_file_is_new_until_it_is_read(folder: Path) -> None:
    file = folder / "seen.toml"
    assert not saved_again("seen")
    file.write_text("")
    assert saved_again("seen")
    own("seen")
    assert not saved_again("seen")
    file.write_text("# more\n")
    assert saved_again("seen")
    file.unlink()
    assert not saved_again("seen")


def drawn(running: Stage) -> set[str]:
    """Every colour of a letter on the screen."""
    styles = [segment.style for strip in running.app.screen._compositor.render_strips() for segment in strip]
    return {each.color.get_truecolor().hex for each in styles if each is not None and each.color is not None}


async def test_the_console_draws_in_it_and_follows_the_file(folder: Path) -> None:
    file = folder / "mine.toml"
    file.write_text('[colors]\naccent = "#102030"\n')
    async with console(stage.desk(stage.full(), settings=Settings(theme="mine"))) as running:
        assert "#102030" in drawn(running)
        file.write_text('[colors]\naccent = "#405060"  # saved again\n')
        await running.until(lambda _: running.app.theme_variables["key"] == "#405060")
        await running.until(lambda _: "#405060" in drawn(running))
        file.write_text('[colors]\nacent = "#708090"  # with a mistake\n')
        await running.until(lambda _: "did you mean" in running.notices)
        assert f'{file}:2: unknown key "acent"' in running.notices
        assert running.app.theme_variables["accent"] == "#405060"
        file.unlink()
        await running.settle()
        file.write_text('[colors]\naccent = "#203040"  # and put right\n')
        await running.until(lambda _: running.app.theme_variables["accent"] == "#203040")


async def test_a_place_that_was_hidden_meanwhile_has_no_colour_of_the_theme_before() -> None:
    before = {value.upper() for value in palette("dark").variables.values() if value.startswith("#")}
    async with console(stage.desk(stage.full(), stage.RESULTS)) as running:
        await running.press("2")
        await running.until("In full")
        await running.press("1")
        assert running.app.use_theme("ember")
        await running.until(lambda _: not {each.upper() for each in drawn(running)} & before)
        await running.press("2")
        await running.until(lambda _: not {each.upper() for each in drawn(running)} & before)


async def test_a_theme_that_there_is_not_is_told_and_the_usual_one_drawn() -> None:
    async with console(stage.desk(stage.full(), settings=Settings(theme="drak"))) as running:
        await running.until(lambda _: bool(running.notices))
        assert running.notices == 'there is no theme "drak"; did you mean "dark"?'
        assert running.app.theme == "stackops-dark"


@pytest.mark.parametrize("wanted", ["ember", "mine"])
async def test_the_palette_of_commands_lists_and_uses_each(folder: Path, wanted: str) -> None:
    (folder / "mine.toml").write_text('[colors]\naccent = "#102030"\n')
    async with console(stage.desk(stage.full()), (120, 40)) as running:
        await running.press("colon")
        await running.type(f"theme: {wanted}")
        await running.until(f"Draw everything in the {wanted} theme")
        await running.press("enter")
        await running.until(lambda _: running.app.theme == f"stackops-{wanted}")


async def test_only_the_chosen_palette_is_read_for_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    async with console(stage.desk(stage.full())) as running:
        ours = {name for name in running.app.available_themes if name.startswith("stackops-")}
        assert ours == {"stackops-dark"}

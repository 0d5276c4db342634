"""EnvLine: one variable gets its value, every other byte of the file stays, and doubt means refusal."""

from __future__ import annotations

from io import StringIO

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.compose.interpolation import parse_env_file
from stackops.console.fix.acts.editing import EnvLine
from stackops.console.fix.steps import StepFailed

PATH = "/srv/librechat/.env"
EDIT = EnvLine("SESSION_COOKIE_SECURE", "false")

CASES = {
    "no file": (None, b"SESSION_COOKIE_SECURE=false\n"),
    "an empty file": (b"", b"SESSION_COOKIE_SECURE=false\n"),
    "absent": (b"A=1\n", b"A=1\nSESSION_COOKIE_SECURE=false\n"),
    "absent, without a last newline": (b"A=1", b"A=1\nSESSION_COOKIE_SECURE=false\n"),
    "there, with a comment behind it": (
        b"A=1\nSESSION_COOKIE_SECURE=true # https soon\nB=2\n",
        b"A=1\nSESSION_COOKIE_SECURE=false # https soon\nB=2\n",
    ),
    "below its commented line": (
        b"A=1\n# SESSION_COOKIE_SECURE=\nB=2\n",
        b"A=1\n# SESSION_COOKIE_SECURE=\nSESSION_COOKIE_SECURE=false\nB=2\n",
    ),
    "twice: the last one counts": (
        b"SESSION_COOKIE_SECURE=1\nSESSION_COOKIE_SECURE=2\n",
        b"SESSION_COOKIE_SECURE=1\nSESSION_COOKIE_SECURE=false\n",
    ),
    "exported, quoted, over two lines": (
        b"export SESSION_COOKIE_SECURE = 'a\nb' # c\nB=2\n",
        b"export SESSION_COOKIE_SECURE = false # c\nB=2\n",
    ),
    "empty with a comment": (b"SESSION_COOKIE_SECURE=  # unset\n", b"SESSION_COOKIE_SECURE=false  # unset\n"),
    "a name without a value": (b"SESSION_COOKIE_SECURE\nB=2\n", b"SESSION_COOKIE_SECURE=false\nB=2\n"),
    "line ends of Windows and a byte order mark": (
        b"\xef\xbb\xbfA=1\r\nSESSION_COOKIE_SECURE=true\r\nB=2\r\n",
        b"\xef\xbb\xbfA=1\r\nSESSION_COOKIE_SECURE=false\r\nB=2\r\n",
    ),
    "a comment in GBK": (b"# \xc4\xe3\xba\xc3\nA=1\n", b"# \xc4\xe3\xba\xc3\nA=1\nSESSION_COOKIE_SECURE=false\n"),
    "another name that begins alike": (
        b"SESSION_COOKIE_SECURE_X=true\n",
        b"SESSION_COOKIE_SECURE_X=true\nSESSION_COOKIE_SECURE=false\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_one_line_is_set_and_a_second_run_changes_nothing(name: str) -> None:
    old, wanted = CASES[name]
    new = EDIT.apply(old, PATH)
    assert new == wanted
    assert EDIT.apply(new, PATH) == new
    assert parse_env_file(new.decode("utf-8", "replace"))["SESSION_COOKIE_SECURE"] == "false"


@pytest.mark.parametrize(
    "edit",
    [EnvLine("A B", "x"), EnvLine("", "x"), EnvLine("A", "two words"), EnvLine("A", "x\nB=1"), EnvLine("A", "$HOME"),
     EnvLine("A", ""), EnvLine("A", "a#b"), EnvLine("A", "'x'")],
)  # fmt: skip
def test_what_would_need_quotes_is_refused(edit: EnvLine) -> None:
    with pytest.raises(StepFailed, match="nothing was changed"):
        edit.apply(b"A=1\n", PATH)


def test_a_refusal_says_what_to_write_by_hand() -> None:
    with pytest.raises(StepFailed) as caught:
        EnvLine("A", "two words").apply(b"A=1\n", PATH)
    assert "A=two words" in (caught.value.remedy or "")


def test_a_value_that_is_there_already_in_quotes_stays_as_it_is() -> None:
    assert EDIT.apply(b'SESSION_COOKIE_SECURE="false"\n', PATH) == b'SESSION_COOKIE_SECURE="false"\n'


LINE = st.one_of(
    st.sampled_from(
        ["", "# c", "A=1", "export B = 'x y'", 'C="q # r"', "D=", "NAME=old # why", "  NAME='old'", "# NAME=x", "junk",
         'E="two\nlines"', "NAME2=3"]
    ),
    st.text(alphabet="AB=#'\" \\n", max_size=12),
)  # fmt: skip


@given(lines=st.lists(LINE, max_size=8), newline=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_whatever_stands_in_the_file_nothing_else_changes_its_value(
    lines: list[str], newline: str, *, last: bool
) -> None:
    text = newline.join(lines) + (newline if last else "")
    try:
        new = EnvLine("NAME", "new").apply(text.encode(), PATH).decode()
    except StepFailed:
        return
    before, after = (dotenv_values(stream=StringIO(one), interpolate=False) for one in (text, new))
    assert after == {**before, "NAME": "new"}
    kept = [line for line in new.splitlines() if "NAME" not in line]
    assert [line for line in kept if line in text.splitlines()] == kept or "'" in text or '"' in text


def test_neither_the_words_nor_a_refusal_show_a_secret():
    edit = EnvLine("MONGODB_URI", "mongodb://root:s3cr3tpassw0rd@mongo:27017/a b")
    assert "s3cr3tpassw0rd" not in edit.describe()
    with pytest.raises(StepFailed) as caught:
        edit.apply(b"", "/srv/.env")
    assert "s3cr3tpassw0rd" not in f"{caught.value} {caught.value.remedy}"

"""One key of a JSON file is set or removed, and not a byte beside it changes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.fix.acts.editing import apply_all, words
from stackops.console.fix.steps import EditFile, EditJson, StepFailed
from stackops.console.text.json_text import JsonError, load

PATH = "/etc/docker/daemon.json"
ONE, TWO = '["https://a.example"]', '["https://a.example", "https://b.example"]'


def edited(old: str | None, value: str | None = ONE, instead_of: str | None = None) -> str:
    content = None if old is None else old.encode()
    return EditJson("registry-mirrors", value, instead_of).apply(content, PATH).decode()


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        (None, ONE, '{\n  "registry-mirrors": ["https://a.example"]\n}\n'),
        ("", ONE, '{\n  "registry-mirrors": ["https://a.example"]\n}\n'),
        ("{}", "[]", '{\n  "registry-mirrors": []\n}'),
        ('{"debug":true}', TWO, '{"debug":true, "registry-mirrors": ["https://a.example", "https://b.example"]}'),
        (
            '{\n    "a": 1.0,\n    "z": {"y":  2}\n}\n', TWO,
            ('{\n    "a": 1.0,\n    "z": {"y":  2},\n    "registry-mirrors": [\n        "https://a.example",\n'
             '        "https://b.example"\n    ]\n}\n'),
        ),
        ('{\n\t"a": 1\n}', ONE, '{\n\t"a": 1,\n\t"registry-mirrors": ["https://a.example"]\n}'),
        ('{\r\n  "a": 1\r\n}\r\n', ONE, '{\r\n  "a": 1,\r\n  "registry-mirrors": ["https://a.example"]\r\n}\r\n'),
        ('{\n  "registry-mirrors" :  ["x"],\n  "a": 1e3\n}', "[]", '{\n  "registry-mirrors" :  [],\n  "a": 1e3\n}'),
        ('{"registry-mirrors":[],"registry-mirrors":["x"]}', "[]", '{"registry-mirrors":[],"registry-mirrors":[]}'),
    ],
)  # fmt: skip
def test_the_key_is_set_the_way_the_file_is_written(old, value, new):
    assert edited(old, value) == new
    assert edited(new, value) == new, "twice is once"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{\n  "a": 1,\n  "registry-mirrors": ["x"],\n  "b": 2\n}', '{\n  "a": 1,\n  "b": 2\n}'),
        ('{\n  "registry-mirrors": ["x"],\n  "b": 2\n}', '{\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "registry-mirrors": ["x"]\n}', '{\n  "a": 1\n}'),
        ('{"registry-mirrors": ["x"]}', "{}"),
        ('{"registry-mirrors": [],"b": 1,"registry-mirrors": []}', '{"b": 1}'),
        ('{"a": 1}', '{"a": 1}'),
    ],
)
def test_the_key_goes_with_its_comma(old, new):
    assert edited(old, None) == new


def test_a_misspelt_key_is_replaced_where_it_stands():
    old = '{\n  "a": 1,\n  "registry-mirror": ["x"],\n  "b": 2\n}'
    assert edited(old, ONE, "registry-mirror") == old.replace('registry-mirror": ["x"]', f'registry-mirrors": {ONE}')
    both = '{\n  "registry-mirrors": ["y"],\n  "registry-mirror": ["x"]\n}'
    assert edited(both, ONE, "registry-mirror") == '{\n  "registry-mirrors": ["https://a.example"]\n}'


def test_a_byte_order_mark_stays():
    new = EditJson("registry-mirrors", "[]").apply(b'\xef\xbb\xbf{"a": "\xe4\xb8\xad"}', PATH)
    assert new == b'\xef\xbb\xbf{"a": "\xe4\xb8\xad", "registry-mirrors": []}'


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ('{\n  "a": 1,\n}', (2, 9), "a comma stands before the closing bracket"),
        ('{\n  "a": [1,]\n}', (2, 10), "a comma stands before the closing bracket"),
        ('// mine\n{}', (1, 1), "JSON has no comments"),
        ('{"a": 1 # mine\n}', (1, 9), "JSON has no comments"),
        ("{'a': 1}", (1, 2), "single quotes; JSON wants double ones"),
        ("{“a”: 1}", (1, 2), "“ is not the plain ASCII character that JSON wants"),
        ('{"a"：1}', (1, 5), "： is not the plain ASCII character that JSON wants"),
        ('{"a": 1 "b": 2}', (1, 9), "a comma or the closing brace is expected"),
        ('{"a": 1', (1, 8), "the file ends too early; a comma or the closing brace is expected"),
        ('{"a": 1}}', (1, 9), "there is something behind the closing brace"),
        ('["x"]', (1, 1), "the outermost value must be an object in braces"),
        ('{"a": NaN}', (1, 7), "NaN is no JSON value"),
        ("\n \n", (1, 1), "the file is empty"),
        ("[" * 100_000, (1, 1), "it is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_told_with_its_place_and_left_alone(text, place, reason):
    with pytest.raises(JsonError) as caught:
        load(text.encode())
    assert (caught.value.line, caught.value.column, caught.value.reason) == (*place, reason)
    if not text.strip():
        return
    with pytest.raises(StepFailed, match="nothing was changed") as refused:
        edited(text)
    assert f"{PATH}:{place[0]}:{place[1]}" in str(refused.value)
    assert '"registry-mirrors": ["https://a.example"]' in (refused.value.remedy or "")


def test_bytes_that_are_no_utf_8_have_a_place_too():
    with pytest.raises(JsonError, match="line 2, column 3: not UTF-8"):
        load(b'{\n "\xff": 1}')


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=8,
)  # fmt: skip
keys = st.sampled_from(["registry-mirrors", "registry-mirror", "debug", "a b", "中", '"', "\\"]) | st.text(max_size=5)


@given(
    data=st.dictionaries(keys, values, max_size=5), indent=st.sampled_from([None, 1, 2, 4, "\t"]),
    ascii_only=st.booleans(), value=st.none() | st.lists(st.text(max_size=5), max_size=3),
    instead_of=st.none() | st.just("registry-mirror"),
)  # fmt: skip
def test_whatever_the_file_only_the_one_key_changes(data, indent, ascii_only, value, instead_of):
    old = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    try:
        raw = old.encode()
    except UnicodeEncodeError:
        return
    edit = EditJson("registry-mirrors", None if value is None else json.dumps(value), instead_of)
    new = edit.apply(raw, PATH)
    wanted = {key: one for key, one in data.items() if value is None or key != instead_of}
    wanted.pop("registry-mirrors", None)
    if value is not None:
        wanted["registry-mirrors"] = value
    assert json.loads(new) == wanted
    assert [key for key in json.loads(new) if key != "registry-mirrors"] == [
        k for k in wanted if k != "registry-mirrors"
    ]
    assert edit.apply(new, PATH) == new


def test_it_is_an_edit_like_any_other():
    edit = EditJson("registry-mirrors", ONE, "registry-mirror")
    assert apply_all(b'{"registry-mirror": []}', [edit], PATH) == b'{"registry-mirrors": ["https://a.example"]}'
    assert words([edit]) == "set registry-mirrors in place of registry-mirror"
    assert words([EditJson("registry-mirrors", None)]) == "remove registry-mirrors"
    assert EditFile(PATH, (edit,)).describe() == f"Edit {PATH}: set registry-mirrors in place of registry-mirror"

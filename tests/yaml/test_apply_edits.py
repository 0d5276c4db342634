"""AddVolume: the mount is added where it belongs, nothing else changes, and doubt means refusal."""

# ruff: noqa: E501 - recorded lines and file contents stay whole

from __future__ import annotations

import pytest
from stackops.console.compose.yaml import load
from stackops.console.fix.acts.base import StepFailed
from stackops.console.fix.acts.compose_edits import HEADER, AddVolume
from stackops.console.fix.acts.editing import apply_all

PATH = "/srv/librechat/docker-compose.override.yml"
MOUNT = AddVolume(service="api", source="./librechat.yaml", target="/app/librechat.yaml")
ITEM = "- type: bind\n  source: ./librechat.yaml\n  target: /app/librechat.yaml\n"
ENTRY = {"type": "bind", "source": "./librechat.yaml", "target": "/app/librechat.yaml"}


def edited(old: str | bytes | None, edit: AddVolume = MOUNT) -> str:
    content = old.encode() if isinstance(old, str) else old
    new = apply_all(content, [edit], PATH)
    assert apply_all(new, [edit], PATH) == new, "a second run must change nothing"
    return new.decode()


def indented(text: str, columns: int) -> str:
    return "".join(" " * columns + line for line in text.splitlines(keepends=True))


def refusal(old: str | bytes) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        apply_all(old.encode() if isinstance(old, str) else old, [MOUNT], PATH)
    return caught.value


def test_a_missing_file_is_written_with_a_line_that_says_who_made_it() -> None:
    assert edited(None) == f"{HEADER}\nservices:\n  api:\n    volumes:\n" + indented(ITEM, 6)


def test_no_edits_leave_every_file_alone() -> None:
    assert apply_all(b"a: [\n", [], PATH) == b"a: [\n"
    assert apply_all(None, [], PATH) == b""


def test_a_file_of_comments_keeps_them_and_gets_the_services_below() -> None:
    # fact: librechat-stack 2.5, everything in the override example is commented, `services:` included
    old = "# services:\n#   api:\n#     image: x\n"
    assert edited(old) == old + "\nservices:\n  api:\n    volumes:\n" + indented(ITEM, 6)


def test_an_uncommented_services_line_is_filled() -> None:
    old = "services:\n\n# # USE LIBRECHAT CONFIG FILE\n#   api:\n"
    new = edited(old)
    assert new.startswith("services:\n  api:\n    volumes:\n")
    assert new.endswith("\n\n# # USE LIBRECHAT CONFIG FILE\n#   api:\n")


def test_a_version_above_comments_stays_where_it_is() -> None:
    old = "version: '3.4'\n# a\n# services:\n"
    assert edited(old).startswith(old + "\nservices:\n")


def test_an_existing_list_gets_added_lines_only_indented_like_its_neighbours() -> None:
    old = "services:\n  api:\n    volumes:  # mounts\n    - ./a:/a # one\n    # - ./b:/b\n    image: x\n"
    assert edited(old) == old.replace("# one\n", "# one\n" + indented(ITEM, 4))


def test_a_long_neighbour_at_the_end_is_not_torn_apart() -> None:
    old = "services:\n  api:\n    volumes:\n      - type: bind\n        source: ./x\n        target: /x\n  db:\n    image: y\n"
    assert edited(old) == old.replace("        target: /x\n", "        target: /x\n" + indented(ITEM, 6))


def test_a_service_without_volumes_gets_them_behind_its_last_key() -> None:
    old = "services:\n    api:\n        image: x   # pinned\n\n    db:\n        volumes:\n        - ./d:/d\n"
    added = "        volumes:\n" + indented(ITEM, 8)
    assert edited(old) == old.replace("# pinned\n", "# pinned\n" + added)


def test_a_service_without_anything_is_filled_with_the_file_s_own_indentation() -> None:
    old = "services:\n    api:   # mine\n    db:\n        image: x\n"
    assert edited(old) == old.replace("# mine\n", "# mine\n        volumes:\n" + indented(ITEM, 10))


def test_a_volumes_key_without_a_list_is_filled() -> None:
    old = "services:\n  api:\n    volumes:\n    image: x\n"
    assert load(edited(old).encode()).data["services"]["api"] == {"volumes": [ENTRY], "image": "x"}


def test_another_service_in_the_file_gets_a_sibling() -> None:
    old = "services:\n  db:\n    image: x\n\nvolumes:\n  d:\n"
    new = edited(old)
    assert new == old.replace("image: x\n", "image: x\n  api:\n    volumes:\n" + indented(ITEM, 6))


def test_crlf_and_byte_order_mark_stay() -> None:
    # fact: performance-and-safety 9.5 C4
    new = apply_all(b"\xef\xbb\xbfservices:\r\n  api:\r\n    volumes:\r\n      - ./a:/a\r\n", [MOUNT], PATH)
    assert new.startswith(b"\xef\xbb\xbfservices:\r\n")
    assert new.count(b"\r\n") == new.count(b"\n") == 7


def test_a_missing_final_newline_stays_missing() -> None:
    old = "services:\n  api:\n    volumes:\n      - ./a:/a"
    assert edited(old) == old + "\n" + indented(ITEM, 6).rstrip("\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("volumes: []", "volumes: [{type: bind, source: ./librechat.yaml, target: /app/librechat.yaml}]"),
        (
            'volumes: ["./a:/a"]',
            'volumes: ["./a:/a", {type: bind, source: ./librechat.yaml, target: /app/librechat.yaml}]',
        ),
        (
            "volumes: [ ./a:/a, ]",
            "volumes: [ ./a:/a, {type: bind, source: ./librechat.yaml, target: /app/librechat.yaml}, ]",
        ),
    ],
)
def test_a_list_in_brackets_keeps_its_brackets(old: str, new: str) -> None:
    assert edited(f"services:\n  api:\n    {old}\n    image: x\n") == f"services:\n  api:\n    {new}\n    image: x\n"


def test_a_list_in_brackets_over_several_lines_keeps_its_comments() -> None:
    old = "services:\n  api:\n    volumes: [\n      ./a:/a, # one\n      ./b:/b # two\n    ]\n"
    new = edited(old)
    assert [part in new for part in ("# one", "# two")] == [True, True]
    assert load(new.encode()).data["services"]["api"]["volumes"] == ["./a:/a", "./b:/b", ENTRY]


@pytest.mark.parametrize("old", ["services: {}\n", "services: {api: {image: x}}\n", "{services: {db: {}}}\n", "{}\n"])
def test_a_file_written_like_json_stays_so(old: str) -> None:
    data = load(edited(old).encode()).data
    assert data["services"]["api"]["volumes"] == [ENTRY]


@pytest.mark.parametrize("null", ["~", "null"])
def test_a_spelled_out_null_is_replaced(null: str) -> None:
    data = load(edited(f"services:\n  api: {null} # later\n  db: {{image: x}}\n").encode()).data
    assert data == {"services": {"api": {"volumes": [ENTRY]}, "db": {"image": "x"}}}


@pytest.mark.parametrize(
    "entry",
    [
        "./librechat.yaml:/app/librechat.yaml",
        "./librechat.yaml:/app/librechat.yaml:ro",
        "'./librechat.yaml:/app/librechat.yaml'",
        "/srv/librechat/librechat.yaml:/app/librechat.yaml/",
        "{type: bind, source: librechat.yaml, target: /app/librechat.yaml, read_only: true}",
    ],
)
def test_a_mount_that_is_there_already_changes_nothing(entry: str) -> None:
    old = f"services:\n  api:\n    volumes:\n      - {entry}\n"
    assert edited(old) == old


@pytest.mark.parametrize(
    ("entry", "changed"),
    [
        ("./old.yaml:/app/librechat.yaml:ro # x", "./librechat.yaml:/app/librechat.yaml:ro # x"),
        ('"./old.yaml:/app/librechat.yaml"', '"./librechat.yaml:/app/librechat.yaml"'),
        ("'./it''s.yaml:/app/librechat.yaml'", "'./librechat.yaml:/app/librechat.yaml'"),
        ("librechat.yaml:/app/librechat.yaml", "./librechat.yaml:/app/librechat.yaml"),
        ("${CONF:-./x.yaml}:/app/librechat.yaml", "./librechat.yaml:/app/librechat.yaml"),
        ("/app/librechat.yaml", "./librechat.yaml:/app/librechat.yaml"),
        ("{type: bind, source: ./old.yaml, target: /app/librechat.yaml}",
         "{type: bind, source: ./librechat.yaml, target: /app/librechat.yaml}"),
    ],
)  # fmt: skip
def test_the_same_target_from_elsewhere_gets_the_new_source_and_nothing_else(entry: str, changed: str) -> None:
    old = f"services:\n  api:\n    volumes:\n      - ./a:/a\n      - {entry}\n      - ./b:/b\n"
    assert edited(old) == old.replace(entry, changed)


def test_the_later_of_two_mounts_on_one_target_is_the_one_that_counts() -> None:
    # fact: librechat-stack 4, the later one wins
    old = "services:\n  api:\n    volumes:\n      - ./one:/app/librechat.yaml\n      - ./two:/app/librechat.yaml\n"
    assert edited(old) == old.replace("./two", "./librechat.yaml")


def test_odd_names_are_quoted_and_read_back_as_they_are() -> None:
    edit = AddVolume(service="1.5", source="./a b: #c.yaml", target="/app/x, [y].yaml", read_only=True)
    data = load(edited(None, edit).encode()).data
    item = {"type": "bind", "source": edit.source, "target": edit.target, "read_only": True}
    assert data == {"services": {"1.5": {"volumes": [item]}}}


def test_block_scalars_before_and_after_are_left_alone() -> None:
    old = (
        "services:\n  api:\n    entrypoint:\n      - bash\n      - -c\n      - |\n        echo '$$@' &\n\n        wait $$!\n"
        "  db:\n    command: |+\n      keep\n\n\n"
    )
    for service in ("api", "db"):
        new = edited(old, AddVolume(service=service, source="./x", target="/x"))
        before, after = load(old.encode()).data["services"], load(new.encode()).data["services"]
        assert {k: v for k, v in after[service].items() if k != "volumes"} == before[service]


def test_tags_for_compose_are_edited_inside() -> None:
    old = "services:\n  api:\n    volumes: !override\n      - ./a:/a\n    command: !reset null\n"
    assert edited(old) == old.replace("- ./a:/a\n", "- ./a:/a\n" + indented(ITEM, 6))


@pytest.mark.parametrize(
    ("old", "reason"),
    [
        ("x: &v [./a:/a]\nservices:\n  api:\n    volumes: *v\n", "services.api.volumes is shared through *v"),
        ("services:\n  api:\n    volumes: &v\n      - ./a:/a\n  b:\n    volumes: *v\n", "an anchor that is used elsewhere"),
        ("services:\n  api: &a\n    image: x\n  b:\n    <<: *a\n", "services.api is shared through an anchor"),
        ("x: &x {volumes: [./a:/a]}\nservices:\n  api:\n    <<: *x\n", "comes from an anchor (`<<:`)"),
        ("services:\n  api:\n    volumes: !reset []\n", "marked `!reset`"),
        ("services:\n  api:\n    volumes: {a: b}\n", "services.api.volumes must be a list"),
        ("services:\n  - api\n", "services must be a mapping"),
        ("services:\n  api: text\n", "services.api must be a mapping"),
        ("services:\n  api:\n    image: x\n    image: y\n", 'mapping key "image" already defined at line 3'),
        ("services:\n\tapi: {}\n", f"{PATH}:2:1: a tab"),
        ("a: 1\n---\nb: 2\n", "a second document begins here"),
        ("- a\n", "a mapping"),
        ("a: 1\n...\n", "closed by a line `...`"),
        ("services:\n  api:\n    volumes:\n      - {type: volume, source: v, target: /app/librechat.yaml}\n", "no file (volume)"),
        ("services:\n  api:\n    volumes:\n      - !x ./o:/app/librechat.yaml\n      - >-\n        ./p:/app/librechat.yaml\n", "not edited"),
    ],
)  # fmt: skip
def test_where_the_place_is_shared_or_unclear_it_refuses_with_the_text_to_paste(old: str, reason: str) -> None:
    error = refusal(old)
    assert str(error).startswith("Not edited, nothing was changed: ")
    assert reason in str(error)
    assert error.remedy is not None
    assert "source: ./librechat.yaml" in error.remedy


def test_bytes_that_are_no_utf8_are_refused() -> None:
    assert "UTF-8" in str(refusal("# 配置\nservices: {}\n".encode("gbk")))


def test_a_file_that_ends_inside_a_block_scalar_without_a_newline_is_refused() -> None:
    """Any line after it would give that scalar a newline it did not have."""
    with pytest.raises(StepFailed, match=r"would change more than services\.api\.volumes"):
        apply_all(
            b"services:\n  api:\n    command: |\n      one", [AddVolume("api", "./n.yaml", "/app/n.yaml")], "/srv/c.yml"
        )

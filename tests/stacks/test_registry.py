"""The registry of products: nothing is said twice, since the later one would silently win."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from stackops.console.products import catalogue
from stackops.console.products.registry import DESCRIPTORS, FILES, RECOGNISING, SERVERS, by_image, by_role

PATTERNS = ("image_words", "modules", "scripts", "apps", "tag")


def test_every_file_of_the_catalogue_has_its_line() -> None:
    there = {path.stem for path in Path(catalogue.__path__[0]).glob("*.py")} - {"__init__"}
    assert sorted(FILES) == sorted(there)


@pytest.mark.parametrize("kind", ["images", "names", "npm"])
def test_a_word_belongs_to_one_product(kind: str) -> None:
    count = Counter(word for one in DESCRIPTORS for word in getattr(one, kind).split())
    assert max(count.values()) == 1, count.most_common(3)


def test_a_program_belongs_to_one_product() -> None:
    count = Counter(program for one in DESCRIPTORS for program in one.programs)
    assert max(count.values()) == 1, count.most_common(3)


def test_a_model_server_has_one_descriptor() -> None:
    assert len(SERVERS) == sum(one.server is not None for one in DESCRIPTORS)


def test_a_path_that_strangers_are_asked_means_the_same_for_all() -> None:
    for server in SERVERS.values():
        assert {path: RECOGNISING[path] for path in server.sign_paths} == server.sign_paths, server.product
        assert (server.sign is None) == (not server.sign_after), server.product


def test_the_first_sign_of_life_is_on_the_list_of_what_may_be_asked() -> None:
    for server in SERVERS.values():
        assert not isinstance(server.alive, str) or server.alive in server.allowed, server.product


def test_every_pattern_can_be_read_and_fits_no_empty_text() -> None:
    for one in DESCRIPTORS:
        texts = [getattr(one, kind) for kind in PATTERNS]
        texts += [one.server.image, one.server.command] if one.server else []
        for text in filter(None, texts):
            assert re.compile(text).fullmatch("") is None, text


def test_the_first_of_a_role_speaks_for_it() -> None:
    assert by_role("postgres") is by_image("pgvector")
    assert by_role("postgres") is not by_image("postgres")

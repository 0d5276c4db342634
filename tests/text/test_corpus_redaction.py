"""The upstream compose files, as they are copied from blog posts, with their famous passwords."""

from __future__ import annotations

import re

import pytest
from stackops.console.text.redaction import Secrets
from support.corpus import CORPUS, needs_corpus

pytestmark = [pytest.mark.corpus, needs_corpus]

FAMOUS = (
    "mypassword",
    "oneapimmysql",
    "minioadmin",
    "seekdbpassword",
    "tenantpassword",
    "obsyspassword",
    "PostgresChangeMe",
    "RedisChangeMe",
    "fastgptsecret",
    "fastgptkey",
    "filetokenkey",
    "oneapikey",
    "sk-fastgpt",
    "sk-abcdefghijk",
    "fastgpt-plugin-token-please-change",
    "default_fastgpt_agent_sandbox_proxy_secret",
    "zilliz_cloud_token",
    "f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0",
    "e2341419ec3dd3d19b13a1a87fafcbfb",
    "DrhYf7zENyR6AlUCKmnz0eYASOQdl6zxH7s7MKFSfFCt",
    "16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef",
)
FILES = sorted(p for p in CORPUS.rglob("*") if p.is_file() and p.suffix != ".txt") if CORPUS.is_dir() else []
CONFIGURATION = [path for path in FILES if path.suffix != ".md"]


@pytest.mark.parametrize("path", CONFIGURATION, ids=lambda p: str(p.relative_to(CORPUS)))
def test_no_famous_password_is_left(path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    masked = Secrets(b"test").redact(text)
    assert [word for word in FAMOUS if word in masked] == []
    assert Secrets(b"test").redact(masked) == masked


@pytest.mark.parametrize("path", CONFIGURATION, ids=lambda p: str(p.relative_to(CORPUS)))
def test_what_is_no_secret_stays_readable(path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    masked = Secrets(b"test").redact(text)
    for pattern in (r"(?m)^\s*image: .*$", r"(?m)^\s*container_name: .*$", r"(?m)^\s*restart: .*$"):
        plain = [line for line in re.findall(pattern, text) if not any(word in line for word in FAMOUS)]
        assert re.findall(pattern, masked)[: len(plain)] == plain or set(plain) <= set(re.findall(pattern, masked))


def test_at_least_the_known_files_were_read() -> None:
    assert len(CONFIGURATION) > 40

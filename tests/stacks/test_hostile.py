"""Foreign text of any length and shape ends in an answer: no number is too long, no line takes time without end."""

from __future__ import annotations

import pytest
from stackops.console.compose.interpolation import expand, read_env_file
from stackops.console.compose.reading import read_project
from stackops.console.compose.schema import refused
from stackops.console.model import DeviceRequest, EnvVar
from stackops.console.products.gateways import fault_of, release
from stackops.console.products.gpu_grants import Grant, several
from stackops.console.products.librechat.env import release as release_of_librechat
from stackops.console.products.roles import role_of
from stackops.console.products.server_logs import mark_in
from support.memory_files import MemoryFiles

DIGITS = "9" * 5000


def error_of(text: str) -> str | None:
    found, _ = read_project(MemoryFiles({"/srv/a/compose.yml": text}), "/srv/a")
    return found.files[0].error


@pytest.mark.parametrize(
    ("dsn", "kind"),
    [
        (f"postgres://u:p@h:{DIGITS}/x", "host"),
        (f"u:p@tcp(h:{DIGITS})/x", "host"),
        ("u:p@tcp(h:0)/x", "host"),
        ("u:p@tcp(h:70000)/x", "host"),
        ("u:p@tcp(h:03306)/x", None),
        ("root:pw@tcp/oneapi?charset=utf8mb4", None),
        ("root:pw@unix/oneapi", None),
        ("root:pw@mysql/oneapi", "network"),
        ("root:pw@mysql:3306/oneapi", "network"),
    ],
    ids=lambda text: text and text[:30],
)
def test_a_port_of_any_length_is_judged(dsn: str, kind: str | None) -> None:
    fault = fault_of(dsn, ("postgres",), go=True)
    assert (fault and fault.kind) == kind


def test_numbers_of_any_length_are_none() -> None:
    assert release(f"v{DIGITS}") is not None
    assert release_of_librechat(f"{DIGITS}.1.1") is None
    grant = Grant("request", (DeviceRequest("nvidia", None, (DIGITS,), ("gpu",)),))
    found = several(("--tensor-parallel-size", DIGITS), (EnvVar("NVIDIA_VISIBLE_DEVICES", DIGITS),), grant)
    assert found is not None
    assert found.told


@pytest.mark.parametrize("depth", [60, 900, 100_000])
def test_variables_deep_in_each_other_are_refused(depth: int) -> None:
    nested = "${A:-" * depth + "}" * depth
    assert "deep in each other" in (error_of(f"services:\n  a: {{image: x, command: '{nested}'}}\n") or "")


def test_each_line_of_an_env_file_is_read_once() -> None:
    assert read_env_file("a=\n" * 700_000 + "a b=1\n").error == "line 700001: key cannot contain a space"
    found = read_env_file("A=1\n" + "".join(f"V{at}=$A\n" for at in range(300_000)), {"A": "2"})
    assert found.values["V299999"] == "2"


def test_a_duration_and_a_set_are_gone_through_once() -> None:
    assert "invalid duration" in (error_of(f"services:\n  a: {{image: x, stop_grace_period: {'1' * 200_000}}}\n") or "")
    names = [f"a{at}" for at in range(400_000)]
    service = {"image": "x", "security_opt": [*names, "a7"]}
    fault = refused({"services": {"a": service}})
    assert fault is not None
    assert "items[7,400000] must be unique" in fault.reason


@pytest.mark.parametrize("line", ["inference compute id=x " * 2000, "cuda" * 100_000], ids=["compute", "cuda"])
def test_a_line_of_a_log_that_only_begins_like_a_mark_is_none(line: str) -> None:
    assert mark_in("ollama", line) is None


def test_scripts_that_start_each_other_over_and_over_come_to_an_end() -> None:
    nested = [word for _ in range(6) for word in ("sh", "-c", '"$@"; ' * 25, "x")]
    assert role_of("mongo:5", (*nested, "mongosh", "--eval", "1")) == "unknown"
    doubled = [word for _ in range(6) for word in ("sh", "-c", '"$@" ' * 25, "x")]
    assert role_of("mongo:5", (*doubled, "a")) == "mongo"
    assert role_of("mongo:5", ("sh", "-c", "\n" * 400_000 + "mongosh --eval 1")) == "unknown"


def test_expansion_still_nests() -> None:
    assert expand("${A:-${B:-${C:-x}}}", {}) == "x"

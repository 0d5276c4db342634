"""Where an address leads that stands in somebody's settings, and how a container is reached."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from stackops.console.model import NetworkLink, Port
from stackops.console.products.addresses import address_of, lead, reached, shown
from support.server_rows import box

OLLAMA = box("ollama", "ollama/ollama", ports=[(11434, 11435)])
VLLM = box("vllm", "vllm/vllm-openai", networks=(NetworkLink("other", "172.19.0.4", ("vllm", "llm")),))
HOSTED = box("sglang", "lmsysorg/sglang", network_mode="host", networks=())
APP = box("app", "app", extra_hosts=("machine:host-gateway",))
ALL = (OLLAMA, VLLM, HOSTED, APP)
OWN = frozenset({"192.168.1.5", "172.17.0.1"})


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("http://ollama:11434", "http://ollama:11434"),
        ("http://ollama:11434/v1/", "http://ollama:11434"),
        ("http://box/v1/chat/completions", "http://box:80"),
        ("https://api.mistral.ai/v1", "https://api.mistral.ai:443"),
        ("http://10.0.0.5/ollama/v1", "http://10.0.0.5:80/ollama"),
        ("http://10.0.0.5:6006/api/v1/rerank", "http://10.0.0.5:6006"),
        ("ollama:11434", "http://ollama:11434"),
        ("http://[fd00::2]:8000/v1", "http://[fd00::2]:8000"),
        ("http://user:secret@box:1/v1?key=x", "http://box:1"),
    ],
)
def test_an_address_is_taken_apart(text: str, base: str) -> None:
    address = address_of(text)
    assert address is not None
    assert address.base == base


@pytest.mark.parametrize(
    "text", ["", "${URL}", "ftp://a:1", "http://", "not an address", "http://a:99999", "mysql://a:1"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert address_of(text) is None


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    assert shown("http://me:hunter2@box:8000/v1?api_key=sk-1#x") == "http://box:8000/v1"
    assert "\x1b" not in shown("http://a\x1b[31m:1")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("me:hunter2@box:8000/v1", "box:8000/v1"),
        ("http://me:hun@ter2@box:8000/v1", "http://box:8000/v1"),
        ("http://me:1/hunter2@box:8000/v1", "http://me:1"),
        ("http://box:8000/@cf/meta", "http://box:8000"),
        ("http://[::1]:8000/a/v1", "http://[::1]:8000/a/v1"),
        ("box:8000", "box:8000"),
    ],
)
def test_no_part_of_a_password_is_shown_however_it_is_written(text: str, seen: str) -> None:
    assert shown(text) == seen


@pytest.mark.parametrize(
    ("text", "where", "port", "name"),
    [
        ("http://ollama:11434", "container", 11434, "ollama"),
        ("http://172.18.0.9:11434", "container", 11434, "ollama"),
        ("http://host.docker.internal:11435", "container", 11434, "ollama"),
        ("http://machine:11435", "container", 11434, "ollama"),
        ("http://192.168.1.5:11435", "container", 11434, "ollama"),
        ("http://172.17.0.1:30000", "machine", 30000, None),
        ("http://localhost:11434", "itself", 11434, "app"),
        ("http://127.0.0.1:11434", "itself", 11434, "app"),
        ("http://vllm:8000", "nobody", 8000, None),
        ("http://gone:8000", "nobody", 8000, None),
        ("http://192.168.1.99:8000", "elsewhere", 8000, None),
        ("http://llm.example.com:8000", "elsewhere", 8000, None),
        ("https://llm.lan", "elsewhere", 443, None),
        ("https://api.openai.com/v1", "internet", 443, None),
        ("http://8.8.8.8:80", "internet", 80, None),
    ],
)
def test_an_address_means_what_it_means_inside(text: str, where: str, port: int, name: str | None) -> None:
    target = lead(address_of(text), APP, ALL, OWN)
    assert (target.where, target.port, target.container and target.container.name) == (where, port, name)


def test_from_the_machine_itself_loopback_is_the_machine() -> None:
    assert lead(address_of("http://localhost:11435"), None, ALL, OWN).container == OLLAMA
    assert lead(address_of("http://localhost:30000"), None, ALL, OWN).where == "machine"
    assert lead(address_of("http://localhost:30000"), HOSTED, ALL, OWN).where == "machine"


def test_a_container_is_reached_by_its_published_port_first() -> None:
    assert reached(OLLAMA, 11434, ALL, local=True) == ("127.0.0.1", 11435)
    assert reached(OLLAMA, 8000, ALL, local=True) == ("172.18.0.9", 8000)
    assert reached(HOSTED, 30000, ALL, local=True) == ("127.0.0.1", 30000)
    assert reached(OLLAMA, 11434, ALL, local=False) is None
    bound = box("b", "ollama", networks=(), ports=())
    assert reached(bound, 11434, ALL, local=True) is None


def test_a_port_bound_to_one_address_is_asked_there() -> None:
    one = box("b", "ollama")
    on_lan = replace(one, ports=(Port(11434, "tcp", "::", 1), Port(11434, "tcp", "10.0.0.1", 2)))
    assert reached(on_lan, 11434, (), local=True) == ("10.0.0.1", 2)
    assert reached(replace(one, ports=(Port(11434, "udp", "0.0.0.0", 5),)), 11434, (), local=True) == (
        "172.18.0.9", 11434,
    )  # fmt: skip


def test_a_container_in_anothers_network_is_reached_through_that_one() -> None:
    side = box("side", "ollama", networks=(), network_mode=f"container:{OLLAMA.id}")
    assert reached(side, 11434, ALL, local=True) == ("127.0.0.1", 11435)
    lost = box("lost", "ollama", networks=(), network_mode="container:nobody")
    assert reached(lost, 11434, ALL, local=True) is None
    ring = box("ring", "ollama", networks=(), network_mode="container:ring")
    assert reached(ring, 1, (ring,), local=True) is None

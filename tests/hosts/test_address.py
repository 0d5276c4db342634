"""Which Engine is meant."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest
from stackops.console.hosts import EngineUnreachable
from stackops.console.hosts.local.docker_command import DEFAULT_SOCKET, find_address, parse


def home(tmp_path: Path, **environ: str) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "none"), **environ}


def context(tmp_path: Path, name: str, host: str, *, skip: bool = False, ca: bool = False) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = tmp_path / ".docker/contexts/meta" / digest
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": skip}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    if ca:
        tls = tmp_path / ".docker/contexts/tls" / digest / "docker"
        tls.mkdir(parents=True)
        (tls / "ca.pem").write_text("x")


def test_nothing_said_means_the_usual_socket(tmp_path: Path) -> None:
    found = find_address(None, home(tmp_path), uid=54321)
    assert (found.socket, found.default) == (DEFAULT_SOCKET, True)


def test_a_rootless_socket_is_found_before_the_usual_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        found = find_address(None, home(tmp_path, XDG_RUNTIME_DIR=str(tmp_path)))
    assert (found.socket, found.default) == (f"{tmp_path}/docker.sock", False)


def test_settings_come_before_the_environment_and_that_before_the_context(tmp_path: Path) -> None:
    context(tmp_path, "gpu", "tcp://gpu:2375")
    environ = home(tmp_path, DOCKER_HOST="tcp://env:2375", DOCKER_CONTEXT="gpu")
    assert find_address("unix:///x.sock", environ).socket == "/x.sock"
    assert find_address(None, environ).host == "env"
    del environ["DOCKER_HOST"]
    assert find_address(None, environ).host == "gpu"


def test_the_current_context_of_the_config_file_is_used_with_its_keys(tmp_path: Path) -> None:
    context(tmp_path, "gpu", "tcp://gpu", ca=True)
    (tmp_path / ".docker/config.json").write_text('{"currentContext": "gpu", "auths": {"x": {"auth": "y"}}}')
    found = find_address(None, home(tmp_path))
    assert (found.url, found.port) == ("tcp://gpu:2376", 2376)
    assert found.tls
    assert found.tls.ca
    assert found.tls.ca.endswith("ca.pem")
    assert found.tls.verify


def test_verification_is_off_only_when_the_context_says_so(tmp_path: Path) -> None:
    context(tmp_path, "loose", "tcp://gpu", skip=True, ca=True)
    found = find_address(None, home(tmp_path, DOCKER_CONTEXT="loose"))
    assert found.tls
    assert not found.tls.verify
    environ = home(tmp_path, DOCKER_HOST="tcp://gpu:2376", DOCKER_CERT_PATH=str(tmp_path))
    assert find_address(None, environ).tls == parse("https://gpu:2376").tls


def test_a_context_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="context nope does not exist"):
        find_address(None, home(tmp_path, DOCKER_CONTEXT="nope"))


@pytest.mark.parametrize("text", ["{", "[]", '{"currentContext": 3}', "\x00"])
def test_a_broken_config_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(text)
    with pytest.raises(EngineUnreachable, match=r"config\.json cannot be used"):
        find_address(None, home(tmp_path))


def test_an_ssh_address_says_how_to_forward_the_socket() -> None:
    with pytest.raises(EngineUnreachable, match="later version") as caught:
        parse("ssh://me@gpu")
    assert "ssh -nNT -L" in str(caught.value.remedy)
    assert "me@gpu" in str(caught.value.remedy)


@pytest.mark.parametrize(
    "url", ["", "npipe:////./pipe/x", "unix://relative", "tcp://", "tcp://h:99999", "\x1b]52;c;x\x07"]
)
def test_an_address_that_cannot_be_used_is_refused_in_one_clean_sentence(url: str) -> None:
    with pytest.raises(EngineUnreachable) as caught:
        parse(url)
    assert "\x1b" not in str(caught.value)


def test_an_address_with_ipv6_keeps_its_brackets() -> None:
    found = parse("tcp://[::1]:2375")
    assert (found.host, found.url) == ("::1", "tcp://[::1]:2375")

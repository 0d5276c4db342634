"""Asking an Engine that misbehaves: every way has its own sentence, and none takes longer than its deadline."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from stackops.console.hosts import EngineFailed, EngineUnreachable, HostError, NotFound
from stackops.console.hosts.local import reasons
from stackops.console.hosts.local.client import LIMIT, EngineClient
from stackops.console.hosts.local.docker_command import EngineAddress, Tls, parse
from support.fake_engine import FakeEngine, container
from support.memory_host import until
from support.proxy import Proxy, Toxic


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine(container("web"), container("[/etc/x]")) as engine:
        yield engine


@pytest.fixture
async def proxy(engine: FakeEngine) -> AsyncIterator[Proxy]:
    async with Proxy(engine.socket) as proxy:
        yield proxy


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def client(url: str, total: float = 60.0) -> EngineClient:
    """Patient: who lets something hang gives the time in which that is told."""
    return EngineClient(parse(url), connect_timeout=total, total=total)


async def test_a_healthy_engine_is_asked_in_the_version_it_speaks(engine: FakeEngine) -> None:
    asked = client(engine.url)
    assert len(json.loads(await asked.get("/containers/json", query={"all": 1}))) == 2
    assert await asked.api() == "1.41"
    assert engine.targets[-1] == "GET /v1.41/containers/json?all=1"
    assert engine.requests["GET /_ping"] == 1


async def test_a_ping_answers_or_says_why_not(engine: FakeEngine, proxy: Proxy) -> None:
    await client(proxy.url).ping()
    assert engine.targets == ["GET /_ping"]
    proxy.set(Toxic("garbage", content=b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"), "/_ping")
    with pytest.raises(EngineFailed, match="not a Docker Engine: <html>"):
        await client(proxy.url).ping()
    proxy.set(Toxic("hang"), "/_ping")
    with pytest.raises(EngineUnreachable, match="not answering"):
        await client(proxy.url, total=0.4).ping()
    proxy.set(Toxic("status", 503, b"starting"), "/_ping")
    with pytest.raises(EngineFailed, match="503: starting"):
        await client(proxy.url).ping()


async def test_a_hung_engine_is_told_apart_and_cut_off_in_time(proxy: Proxy) -> None:
    proxy.set(Toxic("hang"))
    with pytest.raises(EngineUnreachable, match="not answering"):
        await client(proxy.url, total=0.4).get("/info")


async def test_a_program_that_stood_still_blames_nobody(engine: FakeEngine) -> None:
    asked = client(engine.url, total=0.5)
    asyncio.get_running_loop().call_soon(time.sleep, 1.0)
    assert json.loads(await asked.get("/info"))
    assert engine.requests["GET /_ping"] >= 1


async def test_a_reply_that_trickles_is_cut_by_the_total_deadline(proxy: Proxy) -> None:
    asked = client(proxy.url, total=1.5)
    await asked.api()
    proxy.set(Toxic("slow", 20), "/info")
    with pytest.raises(EngineUnreachable, match="not answering"):
        await asked.get("/info")


async def test_a_missing_socket_is_said_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match=r"no Engine at .*gone\.sock; is it installed or running\?"):
        await client(f"unix://{tmp_path}/gone.sock").get("/info")


async def test_a_socket_nobody_listens_at_is_not_a_missing_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
        with pytest.raises(EngineUnreachable, match="nobody listens"):
            await client(f"unix://{tmp_path}/s").get("/info")


async def test_an_engine_whose_queue_is_full_is_not_answering(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(tmp_path / "s"))
        busy.listen(0)
        first.connect(str(tmp_path / "s"))
        with pytest.raises(EngineUnreachable, match="not answering"):
            await client(f"unix://{tmp_path}/s", total=0.4).get("/info")


async def test_the_engine_comes_back_in_another_version(tmp_path: Path) -> None:
    path = str(tmp_path / "docker.sock")
    asked = client(f"unix://{path}")
    async with FakeEngine(api="1.41", socket=path):
        await asked.get("/info")
    with pytest.raises(EngineUnreachable):
        await asked.get("/info")
    async with FakeEngine(api="1.52", minimum="1.44", socket=path) as engine:
        await asked.get("/info")
        assert engine.targets[-1] == "GET /v1.51/info"


async def test_an_engine_replaced_unseen_is_agreed_with_anew(engine: FakeEngine) -> None:
    asked = client(engine.url)
    await asked.get("/info")
    engine.api, engine.minimum = "1.52", "1.44"
    await asked.get("/info")
    assert engine.targets[-1] == "GET /v1.51/info"


@pytest.mark.parametrize(
    ("api", "minimum", "asked"), [("1.24", "1.12", "1.24"), ("1.41", "1.12", "1.41"), ("1.55", "1.44", "1.51")]
)
async def test_old_and_new_engines_are_asked_in_a_version_both_speak(api: str, minimum: str, asked: str) -> None:
    async with FakeEngine(api=api, minimum=minimum) as engine:
        assert await client(engine.url).api() == asked


async def test_an_engine_without_the_ping_header_is_asked_for_its_version(proxy: Proxy) -> None:
    proxy.set(Toxic("garbage", content=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"), "/_ping")
    assert await client(proxy.url).api() == "1.41"


async def test_engines_out_of_reach_by_age_say_so() -> None:
    async with FakeEngine(api="1.18") as old:
        with pytest.raises(EngineFailed, match="too old"):
            await client(old.url).get("/info")
    async with FakeEngine(api="1.99", minimum="1.90") as new:
        with pytest.raises(EngineFailed, match=r"Minimum supported API version is 1\.90"):
            await client(new.url).get("/info")


async def test_a_reply_cut_once_is_asked_for_again(proxy: Proxy) -> None:
    proxy.set(Toxic("cut", 200, times=1), "/containers/json")
    assert await client(proxy.url).get("/containers/json")
    assert sum("/containers/json" in line for line in proxy.requests) == 2


@pytest.mark.parametrize("kind", ["cut", "reset"])
@pytest.mark.parametrize("after", [0, 10, 300])
async def test_a_reply_cut_twice_is_a_bad_reply(proxy: Proxy, kind: str, after: int) -> None:
    proxy.set(Toxic(kind, after), "/containers/json")
    with pytest.raises(EngineFailed, match="cut short"):
        await client(proxy.url).get("/containers/json")


async def test_a_chunked_reply_cut_in_a_chunk_is_a_bad_reply(engine: FakeEngine, proxy: Proxy) -> None:
    engine.add(*(container(f"c{n}") for n in range(40)))
    proxy.set(Toxic("cut", 9000), "/containers/json")
    with pytest.raises(EngineFailed, match="cut short"):
        await client(proxy.url).get("/containers/json")


HTML = b"<html><body>\x1b[31mSign in to the proxy " + b"x" * 200 + b"</body></html>"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(HTML), HTML), "not a Docker Engine: <html>"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "an empty reply"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\": 1, ", "not a Docker Engine"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", "not a Docker Engine: zz"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", "not a Docker Engine"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "not a Docker Engine: SSH-2.0"),
        (b"\xff\xfe\x00" * 50, "not a Docker Engine"),
        (b"A" * 200_000, "not a Docker Engine: AAAA"),
    ],
)  # fmt: skip
async def test_what_is_no_engine_is_named_by_how_it_begins(proxy: Proxy, content: bytes, named: str) -> None:
    asked = client(proxy.url)
    await asked.api()
    proxy.set(Toxic("garbage", content=content), "/info")
    with pytest.raises(EngineFailed) as caught:
        await asked.get("/info")
    assert named in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_the_engines_own_message_is_shown_clean(proxy: Proxy, status: int) -> None:
    asked = client(proxy.url)
    await asked.api()
    proxy.set(Toxic("status", status, b"disk \x1b]52;c;x\x07 broken [/]"), "/info")
    with pytest.raises(EngineFailed, match=rf"error {status}: disk  broken \[/\]") as caught:
        await asked.get("/info")
    assert caught.value.status == status


async def test_a_container_removed_meanwhile_is_not_found(engine: FakeEngine) -> None:
    with pytest.raises(NotFound, match="No such container"):
        await client(engine.url).get("/containers/gone/json")


async def test_an_endless_reply_is_refused_at_the_limit(proxy: Proxy) -> None:
    asked = client(proxy.url)
    await asked.api()
    proxy.set(Toxic("endless"), "/info")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(EngineFailed, match="more than 16 MiB"):
        await asked.get("/info")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * LIMIT // 1024


async def test_a_slow_engine_still_answers_within_its_deadline(proxy: Proxy) -> None:
    proxy.set(Toxic("latency", 0.1))
    assert await client(proxy.url).get("/info")


async def test_giving_up_leaves_no_connection_behind(proxy: Proxy) -> None:
    proxy.set(Toxic("hang"))
    before = descriptors()
    for _ in range(5):
        with pytest.raises(EngineUnreachable):
            await client(proxy.url, total=0.05).get("/info")
    await proxy.vanish()
    await until(lambda: descriptors() <= before)


async def test_a_cancelled_question_ends_at_once(proxy: Proxy) -> None:
    proxy.set(Toxic("hang"))
    task = asyncio.create_task(client(proxy.url).get("/info"))
    await until(lambda: proxy.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_running_out_of_descriptors_is_one_sentence(engine: FakeEngine) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    asked = client(engine.url)
    await asked.api()
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(HostError, match="Out of file descriptors"):
            await asked.get("/info")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_tcp_failures_have_different_words() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EngineUnreachable, match="nobody listens at tcp://127"):
        await client(f"tcp://127.0.0.1:{port}").get("/info")
    with pytest.raises(EngineUnreachable, match=r"host name .* is not known|not answering"):
        await client("tcp://no-such-host.invalid:2375").get("/info")


def test_permission_denied_names_the_group_and_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "docker.sock"
    path.touch(mode=0o660)
    path.chmod(0o660)
    monkeypatch.setattr(reasons, "_name_of_group", lambda gid: "docker")
    monkeypatch.setattr(reasons, "_name_of_user", lambda uid: "alice")
    monkeypatch.setattr(reasons, "_members", lambda group: [])
    monkeypatch.setattr(Path, "stat", lambda self: os.stat_result((0o140660, 0, 0, 1, 0, 999, 0, 0, 0, 0)))
    said = reasons.unreachable(PermissionError(13, "denied"), parse(f"unix://{path}"))
    assert "belongs to the group docker" in str(said)
    assert str(said.remedy) == "sudo usermod -aG docker alice, then log in again"
    monkeypatch.setattr(reasons, "_members", lambda group: ["alice"])
    assert reasons.unreachable(PermissionError(13, "denied"), parse(f"unix://{path}")).remedy == "log out and in again"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_a_user_who_may_not_use_the_socket_is_told_which_group(engine: FakeEngine) -> None:
    assert await asyncio.to_thread(_as_nobody, engine.socket)


def _as_nobody(path: str) -> bool:
    """Whether somebody else gets the sentence about permission; in a child, since there is no way back."""
    Path(path).parent.chmod(0o755)
    Path(path).chmod(0o600)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            with socket.socket(socket.AF_UNIX) as sock:
                try:
                    sock.connect(path)
                except PermissionError as error:
                    status = int("permission denied" not in str(reasons.unreachable(error, parse(f"unix://{path}"))))
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def make_certificate(folder: Path, name: str, days: int = 1) -> tuple[str, str]:
    key, cert = folder / f"{name}-key.pem", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", str(days),
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(cert), str(key)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
async def test_bad_certificates_are_refused_with_their_reason(tmp_path: Path) -> None:
    import ssl

    cert, key = make_certificate(tmp_path, "localhost")
    other, other_key = make_certificate(tmp_path, "elsewhere")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async def ask(server_cert: str, server_key: str, trusted: str | None) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server_cert, server_key)
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        address = EngineAddress(f"tcp://localhost:{port}", host="localhost", port=port, tls=Tls(ca=trusted))
        try:
            return await EngineClient(address).get("/info")
        finally:
            server.close()

    assert await ask(cert, key, cert) == b"{}"
    with pytest.raises(EngineUnreachable, match=r"certificate of tcp://localhost:.* is refused: self"):
        await ask(cert, key, None)
    with pytest.raises(EngineUnreachable, match=r"refused: self.*checked against .*localhost\.pem"):
        await ask(other, other_key, cert)
    with pytest.raises(EngineUnreachable, match="Hostname mismatch"):
        await ask(other, other_key, other)


async def test_a_plain_port_asked_with_tls_is_named(engine: FakeEngine) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(EngineUnreachable, match=r"No TLS connection to tcp://127\.0\.0\.1"):
        await client(f"https://127.0.0.1:{port}").get("/info")
    server.close()


def test_the_client_loads_no_driver() -> None:
    code = "import sys, stackops.console.hosts.local as l; from stackops.console.settings import Settings;"
    code += "l.open_local(Settings()); bad = {'docker', 'psutil', 'requests', 'textual', 'ruamel', 'httpx'};"
    code += "print(sorted(bad & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"

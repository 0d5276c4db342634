"""What is read of the Engine's own configuration, and what its next start would say to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from examples.snapshots import ENGINE
from msgspec.structs import replace
from stackops.console.collect import containers
from stackops.console.collect.daemon import is_apart, judged, read
from stackops.console.hosts import NotPermitted, ProcessRow
from stackops.console.hosts.local.files import LocalFiles
from stackops.console.model import DaemonConfig
from stackops.console.products.dockerd import (
    address_of,
    dockerds,
    flags,
    major,
    objections,
    refusal,
    repaired,
    shown,
    the_one,
)
from support.memory_files import MemoryFiles

FILE = "/etc/docker/daemon.json"
GOOD = "https://good.example"


def row(pid=812, *arguments, user="root", name="dockerd", container=None) -> ProcessRow:
    return ProcessRow(pid, 1, name, ("/usr/bin/dockerd", *arguments), 100.0, user, container)


def files(text: str | bytes | Exception | None = "{}", **more) -> MemoryFiles:
    paths = {} if text is None else {FILE: text}
    return MemoryFiles(
        {**paths, "/etc/docker/key.json": "{}", **{f"/{key.replace('__', '/')}": v for key, v in more.items()}}
    )


def told(text) -> DaemonConfig:
    return judged(DaemonConfig(FILE, "file"), text.encode() if isinstance(text, str) else text)


def test_file_flags_process_and_unit_are_told_together():
    cgroup = "12:cpu:/\n1:name=systemd:/system.slice/docker.service\n0::/system.slice/docker.service\n"
    store = MemoryFiles({
        FILE: '{"registry-mirrors": ["https://a.example/"], "debug": true, "log-opts": {"http-proxy": "http://u:p@x"}}',
        "/proc/812/cgroup": cgroup, "/etc/docker/certs.d/reg.example:5000/ca.crt": "x",
    })  # fmt: skip
    found = read(store, [row(812, "-H", "fd://", "--containerd=/run/c.sock"), row(1, name="init")][:1], ENGINE)
    assert (found.path, found.kind, found.pid, found.user, found.unit) == (FILE, "file", 812, "root", "docker.service")
    assert found.keys == ("registry-mirrors", "debug", "log-opts")
    assert (found.mirrors, found.error) == (("https://a.example/",), None)
    assert found.flags == {"hosts": ("fd://",), "containerd": ("/run/c.sock",)}
    assert found.certificates == ("reg.example:5000",)
    assert "u:p" not in repr(found), "nothing of the file but the mirrors is kept"


def test_without_a_file_and_without_a_dockerd_in_sight():
    found = read(files(None), [], ENGINE)
    assert (found.kind, found.pid, found.mirrors, found.keys) == ("missing", None, None, ())
    assert read(files(PermissionError()), [row()], ENGINE).kind == "unreadable"

    class Closed(MemoryFiles):
        def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
            raise NotPermitted("permission denied")

    shut = read(Closed({FILE: "{}"}), [row()], ENGINE)
    assert (shut.kind, shut.error, shut.pid) == ("unreadable", "permission denied", 812)


@pytest.mark.parametrize(
    ("arguments", "engine", "path"),
    [
        ((), ENGINE, FILE),
        (("--config-file", "/srv/d.json"), ENGINE, "/srv/d.json"),
        (("--config-file=/var/snap/docker/1/config/daemon.json",), ENGINE, "/var/snap/docker/1/config/daemon.json"),
        (("--config-file=relative.json",), ENGINE, FILE),
        ((), replace(ENGINE, rootless=True, root_dir="/home/li/.local/share/docker"),
         "/home/li/.config/docker/daemon.json"),
        ((), replace(ENGINE, rootless=True, root_dir="/srv/docker"), FILE),
        ((), replace(ENGINE, os="Docker Desktop"), "~/.docker/daemon.json"),
    ],
)  # fmt: skip
def test_where_the_file_lies(arguments, engine, path):
    assert read(files(), [row(812, *arguments)], engine).path == path


def test_a_unit_is_only_believed_for_the_system():
    for line in ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker.service\n", "0::/\n",
                 "0::/system.slice/ssh.service\n"):  # fmt: skip
        assert read(files(proc__812__cgroup=line), [row()], ENGINE).unit is None
    snap = "0::/system.slice/snap.docker.dockerd.service\n"
    assert read(files(proc__812__cgroup=snap), [row()], ENGINE).unit == "snap.docker.dockerd.service"
    assert read(files(proc__812__cgroup=snap), [row()], replace(ENGINE, rootless=True)).unit is None


def test_the_right_dockerd_among_several():
    plain, other = row(5, "-H", "fd://"), row(6, "-H", "unix:///run/x.sock")
    mine = row(7, user="li")
    shell = ProcessRow(9, 1, "bash", ("/bin/bash", "dockerd"), 1.0, "root", None)
    assert dockerds([plain, row(8, container="a" * 64), shell]) == [plain], "one in a container is another Engine"
    assert the_one([plain, other], address="unix:///run/x.sock", rootless=False) is other
    assert the_one([plain, other], address="unix:///var/run/docker.sock", rootless=False, pid=5) is plain
    assert the_one([plain, mine], address="unix:///run/user/1000/docker.sock", rootless=True) is mine
    assert the_one([plain, mine], address="unix:///var/run/docker.sock", rootless=False) is plain
    assert the_one([plain, row(10)], address="unix:///var/run/docker.sock", rootless=False) is None
    assert the_one([], address="", rootless=False) is None
    found = read(files(var__run__docker_pid="x"), [plain, row(10)], ENGINE)
    assert found.pid is None


SOCKET = "unix:///var/run/docker.sock"


def test_who_listens_at_the_socket_is_the_one_whatever_else_speaks_for_another():
    first, second = row(5, "-H", SOCKET), row(6, "-H", "unix:///run/x.sock")
    inside = row(7, container="a" * 64)
    rows = [first, second, inside]
    for listener, found in ((5, first), (6, second), (7, inside)):
        assert the_one(rows, address=SOCKET, rootless=False, listener=listener, pid=5) is found
    proxy = ProcessRow(8, 1, "ssh", ("ssh", "-nNT"), 1.0, "root", None)
    for listener in (0, 8, 99):  # out of sight, a forwarded socket, ended meanwhile: any Engine may be behind it
        assert the_one([first, proxy], address=SOCKET, rootless=False, listener=listener) is None


def test_a_socket_that_systemd_hands_on_belongs_to_who_takes_it():
    init = ProcessRow(1, 0, "systemd", ("/sbin/init",), 1.0, "root", None)
    own = ProcessRow(900, 1, "systemd", ("/usr/lib/systemd/systemd", "--user"), 1.0, "li", None)
    taken, beside = row(5, "-H", "fd://"), row(6, "-H", "unix:///run/x.sock")
    mine = row(7, "-H", "fd://", user="li")
    rows = [init, own, beside, taken, mine]
    assert the_one(rows, address=SOCKET, rootless=False, listener=1) is taken
    assert the_one(rows, address="unix:///run/user/7/docker.sock", rootless=True, listener=900) is mine
    by_file = row(8)  # its hosts may stand in the file
    assert the_one([init, taken, by_file], address=SOCKET, rootless=False, listener=1) is None
    assert the_one([init, taken, by_file], address=SOCKET, rootless=False, listener=1, pid=8) is by_file
    assert the_one([init, beside], address=SOCKET, rootless=False, listener=1) is None


def test_its_own_flags_and_its_own_file_are_read():
    store = MemoryFiles({FILE: "{}", "/srv/d.json": '{"registry-mirrors": ["https://a.example"]}'})
    rows = [row(5), row(6, "--config-file", "/srv/d.json", "-H", "unix:///run/x.sock")]
    found = read(store, rows, replace(ENGINE, address="unix:///run/x.sock"), listener=6)
    assert (found.pid, found.path, found.mirrors) == (6, "/srv/d.json", ("https://a.example",))
    assert read(store, rows, ENGINE, listener=5).path == FILE


@pytest.fixture
def in_its_own_namespace(tmp_path):
    """A process that finds another folder at ``tmp_path/etc`` than this one."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "shared").mkdir()
    code = f"mount --bind {tmp_path}/other {tmp_path}/etc && echo up && exec sleep 60"
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "up\n":
            pytest.skip("no mount namespaces here")
        yield process.pid
        process.kill()


def test_a_file_is_its_own_only_where_it_finds_the_same_one(in_its_own_namespace, tmp_path):
    local, pid = LocalFiles(), in_its_own_namespace
    assert is_apart(local, pid, f"{tmp_path}/etc/daemon.json"), "neither has a file yet, and the folders differ"
    assert not is_apart(local, pid, f"{tmp_path}/shared/none/daemon.json")
    for folder in ("etc", "other", "shared"):
        (tmp_path / folder / "daemon.json").write_text("{}")
    assert is_apart(local, pid, f"{tmp_path}/etc/daemon.json")
    assert not is_apart(local, pid, f"{tmp_path}/shared/daemon.json")
    assert not is_apart(local, os.getpid(), f"{tmp_path}/etc/daemon.json")
    command = ("/usr/bin/dockerd", "--config-file", f"{tmp_path}/etc/daemon.json")
    rows = [ProcessRow(pid, 1, "dockerd", command, 1.0, "root", None)]
    found = read(local, rows, ENGINE, listener=pid)
    assert (found.kind, found.pid, found.apart, found.unit) == ("unreadable", None, pid, None)
    assert found.error == f"dockerd ({pid}) has files of its own: it runs in a container or a mount namespace"


def test_a_relative_file_lies_where_its_dockerd_runs(tmp_path):
    (tmp_path / "d.json").write_text('{"registry-mirrors": ["https://a.example"]}')
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as process:
        rows = [ProcessRow(process.pid, 1, "dockerd", ("dockerd", "--config-file=d.json"), 1.0, "root", None)]
        found = read(LocalFiles(), rows, ENGINE, listener=process.pid)
        process.kill()
    assert (found.path, found.mirrors) == (f"{tmp_path}/d.json", ("https://a.example",))


def test_the_pid_file_tells_several_apart():
    store = MemoryFiles({FILE: "{}", "/var/run/docker.pid": "10\n"})
    assert read(store, [row(5), row(10)], ENGINE).pid == 10


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-H", "fd://", "-D"], {"hosts": ("fd://",), "debug": ("true",)}),
        (["--registry-mirror", "https://a", "--registry-mirror=https://b"], {"registry-mirrors": ("https://a", "https://b")}),
        (["-Hunix:///x", "--tlsverify", "--tlscacert=/ca.pem"],
         {"hosts": ("unix:///x",), "tlsverify": ("true",), "tlscacert": ("/ca.pem",)}),
        (["--icc=false", "--add-runtime", "nvidia=/x"], {"icc": ("false",), "runtimes": ("nvidia=/x",)}),
        (["--log-level"], {"log-level": ("true",)}), (["plain", "-", "--"], {}), ([], {}),
        (["-D=true", "-l", "debug"], {"debug": ("true",), "log-level": ("debug",)}),
    ],
)  # fmt: skip
def test_flags_by_the_name_the_file_has_for_them(words, found):
    assert flags(["/usr/bin/dockerd", *words]) == found


@pytest.mark.parametrize(
    ("text", "mirrors", "wrong", "typo", "beside"),
    [
        ('{"registry-mirrors": []}', (), None, None, ()),
        ('{"registry-mirrors": null}', None, None, None, ()),
        ('{"debug": true}', None, None, None, ()),
        ('{"registry-mirrors": "https://a, https://b"}', None, "a text", None, ("https://a", "https://b")),
        ('{"registry-mirrors": [1]}', None, "a list of other things than texts", None, ()),
        ('{"registry-mirrors": {"a": 1}}', None, "an object", None, ()),
        ('{"registry-mirrors": true}', None, "true or false", None, ()),
        ('{"registry-mirrors": 1}', None, "a number", None, ()),
        ('{"registry-mirror": ["https://a"]}', None, None, "registry-mirror", ("https://a",)),
        ('{"registry-mirror": "https://a"}', None, None, "registry-mirror", ("https://a",)),
        ('{"registry_mirrors": ["https://a"]}', None, None, "registry_mirrors", ("https://a",)),
        ('{"registryMirrors": ["https://a"]}', None, None, "registryMirrors", ("https://a",)),
        ('{"Registry-Mirrors": ["https://a"]}', None, None, "Registry-Mirrors", ("https://a",)),
        ('{"registry-mirros": ["https://a"]}', None, None, "registry-mirros", ("https://a",)),
        ('{"mirrors": ["https://a"]}', None, None, "mirrors", ("https://a",)),
        ('{"insecure-registries": ["a"], "max-concurrent-downloads": 3}', None, None, None, ()),
        ('{"registry-mirrors": ["https://a"], "registry-mirror": ["https://b"]}', ("https://a",), None,
         "registry-mirror", ("https://b",)),
    ],
)  # fmt: skip
def test_what_stands_in_the_file(text, mirrors, wrong, typo, beside):
    found = told(text)
    assert (found.mirrors, found.mirrors_wrong, found.typo, found.typo_mirrors) == (mirrors, wrong, typo, beside)


KNOWN = """allow-nondistributable-artifacts api-cors-header authorization-plugins bip bridge builder cgroup-parent
cli containerd containerd-namespace data-root debug default-address-pools default-cgroupns-mode default-gateway
default-runtime default-shm-size default-ulimits dns dns-opts dns-search exec-opts exec-root experimental features
fixed-cidr group hosts icc init insecure-registries ip ip-forward ip-masq iptables ipv6 labels live-restore log-driver
log-format log-level log-opts max-concurrent-downloads max-concurrent-uploads max-download-attempts metrics-addr mtu
no-new-privileges node-generic-resources oom-score-adjust pidfile proxies http-proxy raw-logs registry-mirrors runtimes
seccomp-profile selinux-enabled shutdown-timeout storage-driver storage-opts swarm-default-advertise-addr tls tlscacert
tlsverify userland-proxy userns-remap min-api-version image-store dns-mirror registries mirror registry"""


def test_no_key_that_the_engine_knows_is_taken_for_a_slip_of_the_pen():
    assert told(json.dumps(dict.fromkeys(KNOWN.split(), 1))).typo is None


def test_hostile_text_in_the_file_is_cleaned():
    found = told(json.dumps({"registry-mirrors": ["https://a\x1b]52;c;x\x07", "中" * 9000], "\x1b[2J": 1}))
    assert "\x1b" not in repr(found)
    assert len(found.mirrors[1]) < 5000


def said(text, version="20.10.24", effective=(), **more):
    config = replace(told(text), **more)
    return [(one.form, one.says) for one in objections(config, version, effective)]


def test_what_the_next_start_would_say():
    assert said("{}") == []
    assert said('{"a": 1,}') == [("invalid-json", "line 1, column 8: a comma stands before the closing bracket")]
    assert said("") == [("invalid-json", "line 1, column 1: the file is empty")]
    assert said("", version="25.0.3") == []
    assert [form for form, _ in said(b"\xef\xbb\xbf{}")] == ["invalid-json"]
    assert said(b"\xef\xbb\xbf{}", version="23.0.1") == []
    assert said('{"registry-mirrors": "x"}') == [("wrong-type", "registry-mirrors is a text and must be a list")]
    assert said('{"registry-mirror": ["https://a"]}') == [], "taken without a word"
    assert [form for form, _ in said('{"registry_mirrors": []}')] == ["misspelt"]
    both = said('{"hosts": [], "debug": true, "runtimes": {}}', flags={"hosts": ("fd://",), "runtimes": ("x",)})
    assert both == [("flag-conflict", "hosts: set in the file and as a flag of dockerd")]
    assert said('{"registry-mirrors": ["a.example"]}') == [
        ("bad-address", "a.example: it must begin with https:// or http://")
    ]
    path = '{"registry-mirrors": ["https://a.example/x"]}'
    assert [form for form, _ in said(path)] == ["bad-address"]
    assert said(path, version="28.1.0") == []
    assert said(path, effective=("https://a.example/x",)) == [], "what the Engine has taken it takes again"
    assert objections(DaemonConfig(FILE, "missing"), "20.10", ()) == ()
    assert [form for form, _ in said('{"mtu": "1"}', changed_at=9.0, started_at=5.0)] == ["refused-value"]
    assert said('{"mtu": "1"}', changed_at=5.0, started_at=9.0) == [], "it has started with this file"


@pytest.mark.parametrize(
    ("mirror", "refused", "meant"),
    [
        (GOOD, False, GOOD), (f"{GOOD}/", False, GOOD), ("http://127.0.0.1:5000", False, "http://127.0.0.1:5000"),
        ("good.example", True, GOOD), ("//good.example", True, GOOD), (f"{GOOD}/v2/", True, GOOD),
        (f"{GOOD}?x=1", True, GOOD), ("ftp://good.example", True, None), ("https://u:p@good.example", True, None),
        ("https://", True, None), ("", True, None), ("https://[::1", True, None), ("https://a:99999", True, None),
        ("https://good .example", True, None), ("https://good.example\x1b", True, None),
    ],
)  # fmt: skip
def test_which_addresses_the_engine_takes(mirror, refused, meant):
    assert (refusal(mirror, "20.10.24") is not None) == refused
    assert repaired(mirror) == meant
    assert shown("https://u:geheim@a.example") == "https://•••@a.example"


def test_addresses_are_compared_without_the_slash_and_the_case_of_the_host():
    assert address_of("HTTPS://Good.Example/") == GOOD
    assert address_of("https://good.example/Path/") == "https://good.example/Path"
    assert (major("20.10.24+dfsg1"), major("v28.0.0-rc1"), major(""), major(None), major("dev")) == (
        20,
        28,
        None,
        None,
        None,
    )


def test_info_tells_proxies_and_whom_the_engine_does_not_verify():
    raw = json.dumps({
        "HttpProxy": "http://p:1", "HttpsProxy": "", "NoProxy": "localhost",
        "RegistryConfig": {"InsecureRegistryCIDRs": ["127.0.0.0/8"], "Mirrors": [], "IndexConfigs": {
            "docker.io": {"Secure": True}, "reg.example:5000": {"Secure": False}, "odd": None}},
    }).encode()  # fmt: skip
    engine, _ = containers.engine(None, raw, address="x", local=True)
    assert (engine.http_proxy, engine.https_proxy, engine.no_proxy) == ("http://p:1", None, "localhost")
    assert engine.insecure_registries == ("127.0.0.0/8", "reg.example:5000")


STARTED = shutil.which("dockerd")
WRONG = [
    '"insecure-registries": "10.0.0.1:5000"',
    '"log-opts": {"max-file": 3}',
    '"dns": "1.1.1.1"',
    '"debug": "true"',
    '"default-address-pools": [{"base": "10.0.0.0/8", "size": "24"}]',
    '"default-shm-size": 67108864',
    '"ip": "1.2.3"',
    '"runtimes": {"nvidia": {"path": "x", "runtimeArgs": "x"}}',
    '"max-concurrent-downloads": 3.0',
    '"labels": "a=b"',
    '"features": {"buildkit": "true"}',
    '"storage-opts": "x"',
    '"exec-opts": {"a": "b"}',
    '"live-restore": 1',
    '"default-ulimits": {"nofile": {"Name": "nofile", "Hard": "64000", "Soft": 64000}}',
    '"bip": ["1.1.1.1/24"]',
    '"proxies": {"default": {"httpProxy": "http://x"}}',
    '"data_root": "/x"',
    '"Debug": true',
    '"log-driver": {}',
    '"default-gateway": "x"',
    '"authorization-plugins": "x"',
    '"shutdown-timeout": "15"',
    '"log-opts": ["max-size=1m"]',
    '"dns": ["1.1.1.1", ""]',
    '"ip": " 1.2.3.4 "',
    '"default-gateway": " 1.2.3.4"',
    '"foo": {"bar": {"debug": true}}',
    '"foo": {"debug": true, "tsl": true}',
    '"host": {"zz": true}',
    '"foo": null',
]
RIGHT = [
    '"insecure-registries": ["10.0.0.1:5000"]',
    '"log-opts": {"max-file": "3"}',
    '"dns": ["1.1.1.1"]',
    '"debug": true',
    '"default-address-pools": [{"base": "10.0.0.0/8", "size": 24}]',
    '"default-shm-size": "64M"',
    '"ip": "1.2.3.4"',
    '"runtimes": {"nvidia": {"path": "x", "args": "whatever"}}',
    '"max-concurrent-downloads": 3',
    '"labels": ["a=b"]',
    '"features": {"buildkit": true}',
    '"storage-opts": []',
    '"exec-opts": ["a=b"]',
    '"log-driver": null',
    '"hosts": []',
    '"insecure-registry": ["10.0.0.1:5000"]',
    '"builder": {"gc": {"enabled": true, "defaultKeepStorage": "20GB"}}',
    '"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}}',
    '"graph": "/x"',
    '"mtu": 1450',
    '"dns": [" 1.1.1.1 "]',
    '"ip": ""',
    '"default-gateway": "", "default-gateway-v6": ""',
    '"host-gateway-ip": ""',
    '"foo": {"debug": true}',
    '"foo": {"host": 1, "help": 2, "log-opts": {"a": 3}}',
    '"foo": {}',
]


def dockerd_says(folder: Path, members: str) -> str:
    """What a real dockerd says of these members. One more value that it refuses keeps it from starting in any case."""
    path = folder / "daemon.json"
    path.write_text(f'{{{members}, "log-level": "none"}}')
    apart = [f"--{name}={folder / name}" for name in ("data-root", "exec-root", "pidfile")]
    done = subprocess.run(
        [str(STARTED), "--config-file", str(path), *apart, "--containerd", str(folder / "none")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode, "it must not have started"
    assert "unable to" in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("members", "wrong"), [*((one, True) for one in WRONG), *((one, False) for one in RIGHT)], ids=str
)
def test_what_dockerd_refuses_is_what_is_said_of_its_file(tmp_path: Path, members: str, wrong: bool):
    found = [(form, says) for form, says in said(f"{{{members}}}") if form in ("refused-value", "unknown-key")]
    assert bool(found) == wrong
    if wrong:
        key = members.split('"')[1]
        assert key in found[0][1]
    if STARTED and os.geteuid() == 0:
        refuses = "unable to parse logging level: none" not in dockerd_says(tmp_path, members)
        assert refuses == wrong, "a real dockerd says otherwise"

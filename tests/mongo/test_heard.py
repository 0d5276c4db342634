"""Where a mongod on the machine listens: asked once in its life, and again while it takes no connections."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stackops.console.collect.files import mongod_configs
from stackops.console.collect.mongo_state import heard
from stackops.console.model import Container, Mount, NativeProcess
from support.memory_host import MemoryFiles, MemoryKernel

MONGOD = NativeProcess(9, "mongod", ("/usr/bin/mongod", "--config", "/etc/mongod.conf"), 1.0)
OTHER = NativeProcess(8, "ollama", ("ollama", "serve"), 1.0)
HERE = ("127.0.0.1", 27017)


class Counted(MemoryKernel):
    """Counts for whom it was asked."""

    def __init__(self, *heard: tuple[str, int], hidden: bool = False) -> None:
        super().__init__()
        self.ports = {} if hidden else {9: heard}
        self.asked: list[set[int]] = []

    def listening(self, pids: Collection[int]) -> Mapping[int, Sequence[tuple[str, int]]]:
        self.asked.append(set(pids))
        return {pid: ports for pid, ports in self.ports.items() if pid in pids}


def test_a_mongod_is_asked_once_and_nobody_else_is() -> None:
    kernel = Counted(HERE)
    found = heard(kernel, (OTHER, MONGOD), ())
    assert [one.listens for one in found] == [None, (HERE,)]
    assert heard(kernel, (OTHER, MONGOD), found) == found
    assert kernel.asked == [{9}]


def test_one_that_takes_no_connections_yet_is_asked_again() -> None:
    kernel = Counted()
    found = heard(kernel, (MONGOD,), ())
    assert found[0].listens == ()
    kernel.ports = {9: (HERE,)}
    assert heard(kernel, (MONGOD,), found)[0].listens == (HERE,)


def test_another_process_with_its_number_is_asked_anew() -> None:
    kernel = Counted(HERE)
    found = heard(kernel, (MONGOD,), ())
    again = NativeProcess(9, "mongod", MONGOD.command, 2.0)
    heard(kernel, (again,), found)
    assert kernel.asked == [{9}, {9}]


def test_one_that_may_not_be_looked_into_is_not_known() -> None:
    assert heard(Counted(hidden=True), (MONGOD,), ())[0].listens is None


def test_a_configuration_file_tells_where_mongod_listens() -> None:
    told = {"bindIp: 127.0.0.1,::1": "127.0.0.1,::1", "bindIpAll: true": "*", "port: 27017": None}
    for line, bind in told.items():
        files = MemoryFiles({"/srv/m.conf": f"net:\n  {line}\n".encode()})
        mount = Mount("bind", "/srv/m.conf", "/etc/mongod.conf")
        box = Container("a" * 64, "mongo", "mongo:5", "running", command=("mongod", "--config", "/etc/mongod.conf"),
                        mounts=(mount,))  # fmt: skip
        (config,) = mongod_configs(files, (), (box,))
        assert config.bind == bind

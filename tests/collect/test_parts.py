"""The pieces under the Collector: back-off, pace, board, register, history."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from stackops.console.collect.board import DEATHS, NewParts, Register, SnapshotBuilder
from stackops.console.collect.figures import FINE, MINUTES, History
from stackops.console.collect.source import Backoff, Pace, Site, Source, late
from stackops.console.hosts import EngineUnreachable
from stackops.console.model import Container, Fault, Figures, Gpu, Health, HostInfo, Mount, Port, ServerFigures, System
from stackops.console.settings import Settings
from support.clock import FakeClock
from support.memory_host import MemoryHost

A, B = "a" * 64, "b" * 64


def box(ident: str = A, name: str = "web", **fields: Any) -> Container:
    return Container(**{"id": ident, "name": name, "image": "nginx", "state": "running", **fields})


def listed(register: Register, *rows: tuple[Container, str]) -> list[str]:
    """List, and say whom that makes worth inspecting."""
    register.listed(rows)
    return register.take_doubtful()


def event(action: str, ident: str = A, at: float = 10.0, kind: str = "container") -> bytes:
    return json.dumps({"Type": kind, "Action": action, "Actor": {"ID": ident}, "timeNano": int(at * 1e9)}).encode()


class TestBackoff:
    def test_waits_1_2_then_5_seconds_and_begins_again_after_a_success(self) -> None:
        backoff = Backoff((1.0, 2.0, 5.0), spread=lambda: 0.0)
        assert [backoff.failed() for _ in range(5)] == [1.0, 2.0, 5.0, 5.0, 5.0]
        backoff.worked()
        assert backoff.failed() == 1.0

    def test_never_waits_longer_than_told(self) -> None:
        assert Backoff((5.0,), spread=lambda: 1.0).failed() == pytest.approx(4.5)


class TestPace:
    def test_a_slow_sweep_stretches_the_period_to_2_then_5_seconds(self) -> None:
        pace, seen = Pace(1.0, cpus=4), []
        for _ in range(3):
            pace.took(0.6, load=0.0)
            seen.append(pace.period)
        assert seen == [2.0, 5.0, 5.0]

    def test_so_does_a_load_of_twice_the_cores(self) -> None:
        pace = Pace(1.0, cpus=2)
        pace.took(0.001, load=4.1)
        assert pace.period == 2.0

    def test_it_comes_back_after_a_calm_while_and_not_before(self) -> None:
        pace = Pace(1.0, cpus=2)
        pace.took(0.5, load=0.0)
        for _ in range(Pace.CALM - 1):
            pace.took(0.001, load=0.0)
        assert pace.period == 2.0
        pace.took(0.001, load=0.0)
        assert pace.period == 1.0

    def test_a_period_asked_for_is_never_shortened(self) -> None:
        pace = Pace(3.0, cpus=None)
        for _ in range(20):
            pace.took(0.0, load=None)
        assert pace.period == 3.0
        pace.took(9.0, load=None)
        assert pace.period == 5.0


def test_late_parts_are_those_older_than_three_of_their_periods() -> None:
    ages = {"engine": 100.0, "figures": 97.0, "system": 96.9, "compose:/srv/x": 50.0, "gpus": 90.0}
    assert late(ages, 100.0, period=1.0) == {
        "system": pytest.approx(3.1), "compose:/srv/x": 50.0, "gpus": 10.0,
    }  # fmt: skip


class TestBoard:
    def board(self) -> tuple[SnapshotBuilder, FakeClock]:
        clock = FakeClock(now=100.0)
        return SnapshotBuilder(clock, HostInfo("box")), clock

    def test_a_failing_source_keeps_its_part_its_age_and_the_time_since_when(self) -> None:
        board, clock = self.board()
        board.take("engine", NewParts({"containers": (box(),)}))
        clock.advance(5)
        board.bad("engine", EngineUnreachable("No Engine answers", "systemctl start docker"))
        clock.advance(5)
        board.bad("engine", EngineUnreachable("No Engine answers at all"))

        snapshot = board.snapshot()

        assert snapshot.containers == (box(),)
        assert snapshot.ages == {"engine": 100.0}
        assert snapshot.faults == (Fault("engine", "No Engine answers at all", None, since=105.0),)
        board.take("engine", NewParts())
        assert board.snapshot().faults == ()

    def test_a_defect_becomes_a_sentence_without_control_characters(self) -> None:
        board, _ = self.board()
        with board.catch("gpus") as caught:
            raise KeyError("\x1b[2J")
        assert caught.failed
        (fault,) = board.snapshot().faults
        assert fault.sentence == "gpus could not be read: KeyError: '\\x1b[2J'"

    async def test_being_cancelled_is_no_fault(self) -> None:
        board, _ = self.board()
        with pytest.raises(asyncio.CancelledError), board.catch("gpus"):
            raise asyncio.CancelledError
        assert board.snapshot().faults == ()

    def test_the_same_again_changes_nothing(self) -> None:
        board, clock = self.board()

        def at(moment: float) -> NewParts:
            figures = {A: Figures(at=moment, memory=5)}
            return NewParts({"containers": (box(),), "system": System(at=moment), "figures": figures})

        board.take("x", at(1.0))
        board.snapshot()
        clock.advance(1)
        board.take("x", at(2.0))
        assert not board.changed.is_set()
        assert board.snapshot().ages["x"] == 101.0
        board.take("x", NewParts({"figures": {A: Figures(at=3.0, memory=6)}}))
        assert board.changed.is_set()

    def test_services_follow_their_parts(self) -> None:
        board, _ = self.board()
        board.put(containers=(box(),))
        first = board.snapshot()
        assert [service.role for service in first.services] == ["nginx"]
        assert board.snapshot().services is first.services
        board.put(containers=())
        assert board.snapshot().services == ()


def test_a_source_that_reads_nothing_is_not_made() -> None:
    class Half(Source):
        name = "half"

    with pytest.raises(TypeError, match="read"):
        Half(Site(MemoryHost(), Settings()))  # type: ignore[abstract, arg-type]


class TestRegister:
    def test_only_the_new_and_the_changed_are_inspected(self) -> None:
        register = Register()
        row = box(detailed=False)
        assert listed(register, (row, "Up 1 minute")) == [A]
        register.inspected(box(pid=7))
        assert listed(register, (row, "Up 2 minutes")) == []
        assert listed(register, (box(detailed=False, state="paused"), "Up 2 minutes (Paused)")) == [A]
        assert listed(register, (box(detailed=False, name="new"), "Up 3 minutes")) == [A]

    def test_a_restart_that_no_event_told_shows_in_the_uptime(self) -> None:
        register = Register()
        listed(register, (box(detailed=False), "Up 2 hours"))
        register.inspected(box(pid=7))
        assert listed(register, (box(detailed=False), "Up 3 seconds")) == [A]

    def test_what_ails_is_inspected_with_every_list_for_its_health_log(self) -> None:
        register = Register()
        row = (box(detailed=False, health=Health("unhealthy")), "Up 1 minute (unhealthy)")
        listed(register, row)
        register.inspected(box(health=Health("unhealthy")))
        assert listed(register, row) == [A]

    def test_what_is_not_listed_is_gone(self) -> None:
        register = Register()
        listed(register, (box(), ""), (box(B, "db"), ""))
        listed(register, (box(B, "db"), ""))
        assert [c.name for c in register.view()] == ["db"]

    def test_who_has_the_port_of_one_that_could_not_start_is_named_across_projects(self) -> None:
        register = Register()
        port = (Port(80, "tcp", host_port=3080),)
        refused = box(state="created", project="mine", error="port is already allocated", ports=port)
        has, stopped = box(B, "page", ports=port), box("c" * 64, "old", state="exited", ports=port)
        listed(register, (refused, ""), (has, ""), (stopped, ""))
        assert [one.port_holders for one in register.view("mine")] == [((3080, "tcp", "page"),)]
        register.inspected(box(B, "page", state="exited", ports=port))
        assert [one.port_holders for one in register.view("mine")] == [()]

    @pytest.mark.parametrize(
        ("had", "named"),
        [
            (Port(443, "tcp", "0.0.0.0", 443), True), (Port(443, "tcp", "", 443), True),
            (Port(443, "tcp", "10.0.0.1", 443), True), (Port(443, "tcp", "10.0.0.9", 443), False),
            (Port(443, "udp", "10.0.0.1", 443), False), (Port(443, "tcp", "::", 443), False),
            (Port(443, "tcp", "10.0.0.1", 8443), False), (Port(443, "tcp"), False),
        ],
    )  # fmt: skip
    def test_only_who_has_the_very_port_holds_it(self, had: Port, named: bool) -> None:
        register = Register()
        wanted = (Port(80, "tcp", "10.0.0.1", 80), Port(443, "tcp", "10.0.0.1", 443), Port(9000, "tcp"))
        refused = box(state="created", project="mine", error="port is already allocated", ports=wanted)
        listed(register, (refused, ""), (box(B, "page", ports=(had,)), ""))
        assert [one.port_holders for one in register.view("mine")] == [((443, "tcp", "page"),) if named else ()]

    @pytest.mark.parametrize(
        "raw",
        [
            b"nonsense", b"[]", b"{}", event("exec_create: sh"), event("exec_die"), event("top"), event("start", ""),
            event("pull", kind="image"), b'{"Type":"container","Action":"start"}',
        ],
    )  # fmt: skip
    def test_events_that_name_nobody_or_mean_nothing_are_let_go(self, raw: bytes) -> None:
        register = Register()
        assert register.event(raw) is None
        assert not register.doubtful

    def test_old_engines_name_the_container_beside_the_actor(self) -> None:
        register = Register()
        register.event(b'{"status": "die", "id": "' + A.encode() + b'", "time": 10}')
        assert register.take_doubtful() == [A]

    def test_a_reload_of_the_daemon_is_told(self) -> None:
        assert Register().event(event("reload", kind="daemon")) == "daemon"

    def test_health_events_carry_their_result_behind_a_colon(self) -> None:
        assert Register().event(event("health_status: unhealthy")) == "container"

    def test_what_happened_before_is_kept_to_be_read_and_counted_as_no_death(self) -> None:
        register = Register()
        register.began = 50.0
        listed(register, (box(), ""))
        for at in (40.0, 60.0, 60.0):
            register.event(event("die", at=at))
        assert [each.at for each in register.events()] == [40.0, 60.0]
        assert register.view()[0].deaths == (60.0,)

    def test_deaths_are_counted_once_in_order_and_the_last_twenty(self) -> None:
        register = Register()
        listed(register, (box(), ""))
        for at in (30.0, 10.0, 30.0, 20.0, *range(100, 100 + DEATHS - 1)):
            register.event(event("die", at=at))
        (seen,) = register.view()
        assert len(seen.deaths) == DEATHS
        assert seen.deaths[:2] == (30.0, 100.0)
        assert list(seen.deaths) == sorted(seen.deaths)
        assert register.since == 118.0

    def test_an_old_event_does_not_turn_the_clock_back(self) -> None:
        register = Register()
        register.event(event("start", at=50.0))
        register.event(event("start", at=40.0))
        assert register.since == 50.0

    def test_nothing_is_kept_of_what_is_gone(self) -> None:
        register = Register()
        listed(register, (box(), ""))
        register.event(event("die"))
        register.gone(A)
        listed(register, (box(), ""))
        assert register.view()[0].deaths == ()

    def test_unchanged_containers_stay_the_same_objects(self) -> None:
        register = Register()
        listed(register, (box(), ""), (box(B, "db"), ""))
        first = register.view()
        register.event(event("die", B))
        second = register.view()
        assert second[1] is first[1]
        assert second[0] is not first[0]
        register.inspected(box())
        assert register.view()[1] is first[1]

    def test_replaced_mounts_are_marked_and_only_those_of_binds(self) -> None:
        register = Register()
        mounts = (Mount("bind", "/h", "/c"), Mount("bind", "/i", "/d"), Mount("volume", "/v", "/e"))
        register.inspected(box(pid=7, mounts=mounts))
        register.inspected(box(B, "off", mounts=mounts))
        register.set_stale({A: frozenset({"/c", "/e"})})
        off, on = register.view()
        assert [mount.stale for mount in on.mounts] == [True, False, None]
        assert [mount.stale for mount in off.mounts] == [None, None, None]

    def test_one_project_may_be_shown_alone(self) -> None:
        register = Register()
        listed(register, (box(project="one"), ""), (box(B, "db", project="two"), ""))
        assert [c.name for c in register.view("two")] == ["db"]

    def test_each_image_is_asked_for_its_digest_once(self) -> None:
        register = Register()
        listed(register, (box(image_id="sha256:1"), ""), (box(B, "db", image_id="sha256:1"), ""))
        assert register.images_without_digest() == {"sha256:1": "nginx"}
        register.set_digest("sha256:1", "sha256:d")
        assert register.images_without_digest() == {}
        assert {c.image_digest for c in register.view()} == {"sha256:d"}


class TestHistory:
    def test_keeps_the_last_samples_and_forgets_who_is_gone(self) -> None:
        history = History(length=2)
        for n in (1, 2, 3):
            history.add(System(at=n, cpu_percent=n, memory_total=10, memory_available=4), {A: Figures(n, n, n)})
        assert history.curve("host") == history.curve(f"container:{A}") == ((2, 2), (3, 3))
        history.add(System(at=4), {})
        assert history.curve(f"container:{A}") == ()
        assert history.curve("host") == ((3, 3), (4, None))

    def test_of_a_gpu_the_highest_of_each_minute_is_kept_behind_what_is_kept_one_by_one(self) -> None:
        history = History()
        for n in range(2000):
            history.add_gpus((Gpu("GPU-0", utilisation=float(n % 100), temperature=50.0),), at=2.0 * n)
        past = history.curve("gpu:GPU-0")
        assert past[-1] == (3998.0, 99.0)
        assert [at for at, _ in past] == sorted(at for at, _ in past)
        assert len(past) == FINE + 3400 // 60
        assert past[0] == (0.0, 29.0)
        assert past[3] == (180.0, 99.0)
        assert history.curve("heat:GPU-0")[-1] == (3998.0, 50.0)
        history.add_gpus((Gpu("GPU-0", health="stale", utilisation=1.0),), at=4000.0)
        assert history.curve("gpu:GPU-0")[-1] == (4000.0, None)
        history.add_gpus((), at=4002.0)
        assert history.curve("gpu:GPU-0") == history.curve("vram:GPU-0") == ()

    def test_a_day_and_no_more_is_kept_of_a_server_and_nothing_once_it_is_gone(self) -> None:
        history = History()
        for n in range(2 * MINUTES):
            history.add_server("a:1", ServerFigures(0.0, running=1.0, waiting=2.0, tokens_per_second=n), at=60.0 * n)
        assert len(history.curve("server:a:1")) <= MINUTES + FINE
        assert history.curve("queue:a:1")[-1] == (60.0 * (2 * MINUTES - 1), 3.0)
        history.add_server("a:1", None, at=1e9)
        assert history.curve("queue:a:1")[-1] == history.curve("server:a:1")[-1] == (1e9, None)
        history.keep_servers(())
        assert history.curve("server:a:1") == history.curve("queue:a:1") == ()

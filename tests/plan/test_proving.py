"""No plan is proven by a Snapshot with a Fault in what its check reads; and what does not concern it does not block."""

from __future__ import annotations

import pytest
from examples import examples_of
from msgspec.structs import replace
from stackops.checks import registry
from stackops.checks.api import Check
from stackops.console.compose.places import WORKING_DIR
from stackops.console.fix import plan
from stackops.console.fix.proving import ALWAYS, PARTS, Look, unread
from stackops.console.hosts import EngineUnreachable
from stackops.console.model import Container, Fault, HostInfo, LoadedModel, Server, Snapshot
from stackops.console.model.findings import Result
from stackops.console.practice import open_demo
from stackops.console.settings import CheckSettings, Settings
from support.clock import FakeClock
from support.pilots import look as look_at

SETTINGS = Settings()
WHEN = {"taken_at", "faults", "ages", "period"}
"""Not read from the machine: when and how it was read."""
REPAIRING = [check for check in registry.ALL if check.plan is not None]
OTHER = Container(id="f" * 64, name="somebody-else", image="x", state="running",
                  labels={WORKING_DIR: "/srv/other"})  # fmt: skip


class Recording:
    """A Snapshot that notes which parts are looked at."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.seen: set[str] = set()

    def __getattr__(self, name: str) -> object:
        if name in Snapshot.__struct_fields__:
            self.seen.add(name)
        return getattr(self._snapshot, name)


def examined(check: Check, snapshot: Snapshot, settings: Settings = SETTINGS) -> set[str]:
    recording = Recording(snapshot)
    list(check.examine(recording, settings))  # type: ignore[arg-type]
    return recording.seen - WHEN


def read_well(snapshot: Snapshot, *faults: Fault) -> Snapshot:
    ages = dict.fromkeys(ALWAYS, snapshot.taken_at)
    return replace(snapshot, ages=ages, faults=faults)


def seen(check_id: str, subject: str, snapshot: Snapshot, folder: str | None = None, **given: object) -> Result:
    settings = given.pop("settings", SETTINGS)
    return Look(
        check_id, subject, registry.find, lambda _: snapshot,
        lambda shown, only: registry.examine(shown, settings, only), folder, **given,  # type: ignore[arg-type]
    )()  # fmt: skip


def good(check: Check) -> tuple[Result, Snapshot]:
    """An example of the check's own in which all is well, read well."""
    snapshot = next(one.snapshot for one in examples_of(check) if one.status == "ok")
    (result,) = registry.examine(snapshot, SETTINGS, [check.id])
    return result, read_well(snapshot)


def sources_of(check: Check) -> list[str]:
    return sorted({"engine", "engine-info", *(source for part in check.reads for source in PARTS[part])})


def whole(source: str, folder: str, subject: Container) -> str:
    """The source as a Fault of this very subject names it."""
    return {"compose": f"compose:{folder}", "container": f"container:{subject.id[:12]}"}.get(source, source)


# What is declared


def test_every_part_of_a_snapshot_has_its_sources() -> None:
    assert set(PARTS) == set(Snapshot.__struct_fields__) - WHEN


@pytest.mark.parametrize("check", registry.ALL, ids=lambda check: check.id)
def test_a_check_declares_exactly_the_parts_that_it_looks_at(check: Check) -> None:
    assert set(check.reads) <= set(PARTS)
    assert set().union(*(examined(check, example.snapshot) for example in examples_of(check))) == set(check.reads)


def test_on_the_practice_machine_no_check_looks_at_more() -> None:
    for scenarios in (None, ()):
        snapshot = look_at(open_demo(clock=FakeClock(), scenarios=scenarios), SETTINGS)
        for check in registry.ALL:
            assert examined(check, snapshot) <= set(check.reads), check.id


def test_every_source_that_reads_belongs_to_a_part() -> None:
    known = {source for sources in PARTS.values() for source in sources} | {"engine", "engine-info"}
    snapshot = look_at(open_demo(clock=FakeClock(), scenarios=None), SETTINGS)
    assert {source.partition(":")[0] for source in snapshot.ages} <= known


# What proves nothing

CASES = [pytest.param(check, source, id=f"{check.id}: {source}") for check in REPAIRING for source in sources_of(check)]


@pytest.mark.parametrize("check", REPAIRING, ids=lambda check: check.id)
def test_what_was_read_well_is_proof(check: Check) -> None:
    result, snapshot = good(check)
    assert seen(check.id, result.subject, snapshot).status == "ok"
    assert seen(check.id, "nobody", snapshot).status == "not_applicable"


@pytest.mark.parametrize(("check", "source"), CASES)
def test_a_fault_in_what_the_check_reads_is_no_proof(check: Check, source: str) -> None:
    result, snapshot = good(check)
    mine = Container(id="a" * 64, name="of-mine", image="x", state="running", labels={WORKING_DIR: "/srv/mine"})
    shown = replace(snapshot, containers=(*snapshot.containers, mine)) if source == "container" else snapshot
    fault = Fault(whole(source, "/srv/mine", mine), "It did not answer", "ask again")
    for subject in (result.subject, "nobody"):
        look = seen(check.id, subject, read_well(shown, fault), "/srv/mine")
        assert (look.status, look.because) == ("unknown", "It did not answer")


@pytest.mark.parametrize("check", REPAIRING, ids=lambda check: check.id)
@pytest.mark.parametrize("source", ["engine", "engine-info"])
def test_what_was_never_read_is_no_proof(check: Check, source: str) -> None:
    result, snapshot = good(check)
    ages = {name: at for name, at in snapshot.ages.items() if name != source}
    look = seen(check.id, result.subject, replace(snapshot, ages=ages))
    assert (look.status, look.because) == ("unknown", f"{source} was not read")


@pytest.mark.parametrize("check_id", [*(check.id for check in REPAIRING), plan.ACTION])
def test_an_engine_that_cannot_be_asked_is_told_as_such(check_id: str) -> None:
    nothing = Snapshot(0.0, HostInfo("x"), faults=(Fault("engine", "Nobody listens", "start it"),))
    with pytest.raises(EngineUnreachable, match="Nobody listens") as raised:
        seen(check_id, "mongo", nothing)
    assert raised.value.remedy == "start it"


def test_a_model_counts_as_unloaded_only_where_servers_were_read_well() -> None:
    server = Server("ollama:11434", "ollama", "http://ollama:11434", "up", loaded=())
    shown = Snapshot(0.0, HostInfo("x"), servers=(server,))
    subject = plan.subject_of(server, ["qwen2"])
    assert seen(plan.ACTION, subject, read_well(shown)).status == "ok"
    for source in PARTS["servers"]:
        assert seen(plan.ACTION, subject, read_well(shown, Fault(source, "no"))).status == "unknown"
    loaded = replace(shown, servers=(replace(server, loaded=(LoadedModel("qwen2"),)),))
    assert seen(plan.ACTION, subject, read_well(loaded)).status == "finding"


def test_a_check_that_is_switched_off_or_unknown_proves_nothing() -> None:
    check = registry.ALL[0]
    result, snapshot = good(check)
    off = Settings(checks=CheckSettings(disable=(check.id,)))
    assert seen(check.id, result.subject, snapshot, settings=off).status == "unknown"
    assert seen("area.of-tomorrow", "x", snapshot).status == "unknown"


# An unknown of somebody else


def told_of(other: Result, *names: str) -> Result:
    """What a look at ``fastgpt`` makes of a check that says nothing of it, and this of another subject."""
    standing = tuple(Container(id=name[0] * 64, name=name, image="x", state="running") for name in names)
    shown = read_well(Snapshot(0.0, HostInfo("x"), containers=standing))
    return Look("oneapi.restart", "fastgpt", registry.find, lambda _: shown, lambda *_: (other,))()


@pytest.mark.parametrize("status", ["unknown", "crashed"])
def test_what_cannot_be_told_of_another_container_says_nothing_of_ours(status: str) -> None:
    other = Result("oneapi.restart", "oneapi", status, "it does not answer")  # type: ignore[arg-type]
    assert told_of(other, "fastgpt", "oneapi").status == "not_applicable"
    assert told_of(other, "oneapi").status == status, "ours is not there: the other may be it under another name"
    assert told_of(other, "fastgpt").status == status, "the other is no container: its project, its set, its file"
    assert told_of(replace(other, also=("fastgpt",)), "fastgpt", "oneapi").status == status, "it speaks for ours too"
    assert told_of(replace(other, subject="fastgpt"), "fastgpt", "oneapi").status == status


# What does not concern it


@pytest.mark.parametrize("check", REPAIRING, ids=lambda check: check.id)
def test_faults_that_do_not_concern_the_subject_do_not_block(check: Check) -> None:
    result, snapshot = good(check)
    needed = set(sources_of(check))
    strange = [source for source in sorted({s for each in PARTS.values() for s in each} - needed) if source]
    faults = (
        *(Fault(source, "It did not answer") for source in strange),
        Fault("compose:/srv/other", "Its file is not valid"),
        Fault(f"container:{OTHER.id[:12]}", "The Engine refuses it"),
        Fault(f"logs:{OTHER.id[:12]}", "No answer in time"),
        Fault("oneapi", "The variable is not set", hides=False),
        Fault("servers", "[servers] addresses: x is no http address", hides=False),
    )
    shown = replace(snapshot, containers=(*snapshot.containers, OTHER))
    fault = unread(check.reads, read_well(shown, *faults), subject=result.subject, folder="/srv/mine")
    assert fault is None


@pytest.mark.parametrize("source", ["container", "logs"])
def test_a_container_of_the_same_project_concerns_it(source: str) -> None:
    beside = replace(OTHER, labels={WORKING_DIR: "/srv/mine/"})
    snapshot = replace(Snapshot(0.0, HostInfo("x")), containers=(beside,))
    shown = read_well(snapshot, Fault(f"{source}:{beside.id[:12]}", "No answer in time"))
    assert unread(("services",), shown, subject="api", folder="/srv/mine") is not None
    assert unread(("services",), shown, subject="api", folder="/srv/elsewhere") is None
    assert unread(("services",), shown, subject="app → somebody-else") is not None, "whom the subject names, concerns"


def test_where_a_folder_alone_is_judged_no_engine_is_asked_for() -> None:
    snapshot = Snapshot(0.0, HostInfo("x"), ages={"files": 0.0}, faults=(Fault("engine", "Nobody listens"),))
    assert unread(("containers", "projects", "files"), snapshot, folder="/srv/mine", files_only=True) is None
    bad = replace(snapshot, faults=(Fault("compose:/srv/mine", "cannot be read"),))
    assert unread(("projects",), bad, folder="/srv/mine", files_only=True) is not None
    assert unread(("files",), replace(snapshot, ages={}), files_only=True) is not None

"""A broken arrow is told once: by the finding that knows the cause, where there is one; else by what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from examples import Example
from examples.wiring.broken import FINDS, GATEWAY, MONGO, NOBODY, THERE, WELL, box, of, said, tried
from msgspec.structs import replace
from stackops.checks.registry import examine
from stackops.console.judge import judge
from stackops.console.model import DatabaseAnswer, DatabaseState, Health, HealthProbe, Hop, OneApiState, Snapshot
from stackops.console.model.findings import Evidence, FixSummary, Judgement, Result
from stackops.console.settings import Settings

CHECK = "wiring.broken"


def judged(snapshot: Snapshot, *more: Result) -> Judgement:
    return judge(snapshot, [*examine(snapshot, Settings()), *more])


def found(check: str, subject: str, title: str, severity: Any = "error", **more: Any) -> Result:
    return Result(check, subject, "finding", title, severity, because="because", form="form", **more)


def serious(told: Judgement) -> list[str]:
    return [each.result.check for each in told.troubles if each.result.severity != "info"]


def folded(told: Judgement) -> list[str]:
    return [each.check for trouble in told.troubles for each in trouble.consequences]


@pytest.mark.parametrize("example", FINDS, ids=lambda example: example.name)
def test_one_cut_arrow_is_one_trouble(example: Example) -> None:
    told = judged(example.snapshot)
    (check,) = serious(told)
    assert (check == CHECK) is (CHECK not in folded(told))
    assert not told.green


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_what_names_its_address_or_its_setting_says_it_better(severity: Any) -> None:
    at = found(
        "compose.networks", "fastgpt", "It is elsewhere", severity, evidence=(Evidence("a", "mongo:27017", "x"),)
    )
    setting = found("wiring.quotes", "fastgpt", "fastgpt has quotes in MONGODB_URI.", severity)
    for better in (at, setting):
        told = judged(tried(NOBODY, THERE), better)
        assert (serious(told), folded(told)) == ([better.check], [CHECK])


@pytest.mark.parametrize(
    "other",
    [
        found("wiring.login", "fastgpt", "MONGODB_URI has another password"),
        found("wiring.quotes", "other", "other has quotes in MONGODB_URI"),
        found("fastgpt.config", "fastgpt", "fastgpt does not read config.json"),
        found("docker.unpinned", "mongo", "mongo:27017 is not pinned", "info"),
        found("docker.exposed-databases", "mongo", "mongo is open to everybody"),
        found("container.crash-loop", "fastgpt", "fastgpt cannot connect to mongo:27017"),
    ],
    ids=lambda other: f"{other.check} {other.subject}",
)
def test_what_is_about_another_matter_does_not_hide_it(other: Result) -> None:
    told = judged(tried(NOBODY, THERE), other)
    assert CHECK in serious(told)
    assert CHECK not in folded(told)


def test_that_a_database_is_of_another_kind_explains_why_it_does_not_answer() -> None:
    kind = replace(LOGIN, form="other-kind", severity="error", because="MONGODB_URI of fastgpt is written for MongoDB")
    told = judged(tried(said("answers as MySQL does; MongoDB is wanted"), THERE), kind)
    assert (serious(told), folded(told)) == (["wiring.login"], [CHECK])


SETTING = found("wiring.address", "fastgpt", "fastgpt looks elsewhere", about="MONGODB_URI mango:27017")
LOGIN = found("wiring.login", "fastgpt", "fastgpt logs in with another password", "warning", about="MONGODB_URI")
KNOWS = found("mongo.replica-set", "mongo", "mongo is looked for elsewhere", also=("fastgpt",),
              evidence=(Evidence("names", "MONGODB_URI", "x"),))  # fmt: skip
KNOWING = {
    "names the setting": KNOWS,
    "is about the app": replace(KNOWS, also=(), about="fastgpt"),
    "has the setting as a row": replace(KNOWS, evidence=(Evidence("MONGODB_URI", "mango:27017/x", "x"),)),
    "is mended in the setting": replace(KNOWS, evidence=(), fix=FixSummary("manual", "write it into MONGODB_URI")),
}


@pytest.mark.parametrize("other", [SETTING, LOGIN], ids=lambda other: other.check)
@pytest.mark.parametrize("knows", KNOWING)
def test_what_the_programs_own_check_finds_of_a_setting_says_it_better(other: Result, knows: str) -> None:
    told = judged(tried(NOBODY, THERE), other, KNOWING[knows])
    assert serious(told) == ["mongo.replica-set"]
    assert sorted(folded(told)) == sorted([CHECK, other.check])


def test_what_names_the_address_of_a_setting_says_it_better_too() -> None:
    knows = found("oneapi.restart", "fastgpt", "fastgpt looks for its database at mango:27017")
    assert serious(judged(tried(WELL, THERE), SETTING, knows)) == ["oneapi.restart"]


@pytest.mark.parametrize(("check", "form"), [("oneapi.restart", "dies"), ("server.unreachable", "silent")])
def test_what_is_only_seen_from_outside_follows_from_any_cause(check: str, form: str) -> None:
    seen = replace(found(check, "oneapi", "oneapi does not work"), form=form)
    cause = found("wiring.dsn", "oneapi", "oneapi cannot use SQL_DSN as it is written", about="SQL_DSN")
    told = judged(tried(WELL, box("oneapi"), env=GATEWAY), seen, cause)
    assert (serious(told), folded(told)) == (["wiring.dsn"], [check])
    assert serious(judged(tried(WELL, box("oneapi"), env=GATEWAY), seen)) == [check]


NAMELESS = {"OPENAI_BASE_URL": "http://host.docker.internal:3001/v1"}
ABSENT = found("server.unreachable", "host:3001", "Nobody listens at host:3001", "warning", about="host:3001",
               evidence=(Evidence("used by", "fastgpt at http://host.docker.internal:3001", "x"),))  # fmt: skip


def test_who_cannot_resolve_the_machines_name_never_gets_to_its_port() -> None:
    cut = tried((Hop("name", "failed", "Docker's name server knows no host.docker.internal"),), env=NAMELESS)
    alone = judge(cut, [*examine(cut, Settings(), only=(CHECK,)), ABSENT])
    assert (serious(alone), folded(alone)) == ([CHECK], [ABSENT.check])
    told = judged(cut, ABSENT)
    assert (serious(told), sorted(folded(told))) == (["ollama.host-gateway"], [ABSENT.check, CHECK])


def test_who_looks_at_itself_is_told_by_the_setting_that_says_so() -> None:
    about = "localhost:11434 from fastgpt"
    seen = found("server.unreachable", about, "No model server is at localhost:11434", "warning", about=about)
    setting = replace(SETTING, about="baseURL of endpoint Ollama localhost:11434")
    told = judged(tried(WELL, THERE), seen, setting)
    assert (serious(told), folded(told)) == ([SETTING.check], [seen.check])
    assert len(serious(judged(tried(WELL, THERE), seen, replace(setting, subject="another")))) == 2


def test_at_a_port_of_the_machine_that_somebody_reaches_nobody_listens() -> None:
    assert ABSENT.check in serious(judged(tried(NOBODY, env=NAMELESS), ABSENT))
    assert serious(judged(tried(WELL, THERE), ABSENT)) == [ABSENT.check]


@pytest.mark.parametrize(
    ("other", "knows"),
    [
        (replace(SETTING, about="PG_URL gone:5432"), KNOWS),
        (replace(SETTING, about="MONGODB_URI mango:27017, PG_URL gone:5432"), KNOWS),
        (SETTING, replace(KNOWS, also=("another",))),
        (SETTING, replace(KNOWS, severity="warning")),
        (SETTING, replace(KNOWS, status="ok")),
        (LOGIN, replace(KNOWS, check="docker.default-secrets")),
    ],
)
def test_what_is_found_of_another_setting_or_service_hides_no_setting(other: Result, knows: Result) -> None:
    assert other.check in serious(judged(tried(WELL, THERE), other, knows))


def test_the_same_address_in_a_stack_beside_it_is_another_one() -> None:
    snapshot = tried(NOBODY, THERE)
    beside = box("staging-mongo", "mongo:5", project="staging", networks=("staging",))
    other = found("mongo.replica-set", beside.name, "Nobody has initiated the set of mongo:27017")
    told = judged(replace(snapshot, containers=(*snapshot.containers, beside)), other)
    assert sorted(serious(told)) == ["mongo.replica-set", CHECK]


def test_a_plain_word_of_a_setting_does_not_fold_it_under_something_else() -> None:
    snapshot = tried(NOBODY, THERE)
    arrow = found(
        CHECK, "fastgpt -> ollama:11434", "fastgpt cannot reach Ollama", also=("fastgpt",), blames="ollama",
        about="baseURL of endpoint Ollama ollama:11434",
    )  # fmt: skip
    other = found("fastgpt.config", "fastgpt", "The endpoint of a log is not written")
    assert {each.check for each in (arrow, other)} <= {t.result.check for t in judge(snapshot, [arrow, other]).troubles}


def test_what_is_found_about_its_target_is_the_cause() -> None:
    told = judged(tried(NOBODY, THERE), found("mongo.keyfile", "mongo", "The key file is a directory"))
    (trouble,) = told.troubles
    assert (trouble.result.check, trouble.takes_down) == ("mongo.keyfile", ("fastgpt",))
    assert folded(told) == [CHECK]


def test_it_is_a_consequence_of_its_target_even_where_whoever_asks_has_a_trouble_of_its_own() -> None:
    own = found("fastgpt.config", "fastgpt", "fastgpt does not read config.json")
    told = judged(tried(NOBODY, THERE), own, found("mongo.keyfile", "mongo", "The key file is a directory"))
    assert sorted(serious(told)) == ["fastgpt.config", "mongo.keyfile"]
    (cause,) = (each for each in told.troubles if each.result.check == "mongo.keyfile")
    assert [each.check for each in cause.consequences] == [CHECK]


def test_a_part_that_one_works_without_is_a_warning_and_folded_all_the_same() -> None:
    sandbox = {"SANDBOX_URL": "http://sandbox:3000"}
    alone = judged(tried(NOBODY, box("sandbox"), env=sandbox))
    assert [(each.result.check, each.result.severity) for each in alone.troubles] == [(CHECK, "warning")]
    health = Health("unhealthy", 9, tuple(HealthProbe(1.0, 1, "HTTP 500") for _ in range(9)))
    (trouble,) = judged(tried(NOBODY, box("sandbox", health=health), env=sandbox)).troubles
    assert (trouble.result.check, trouble.takes_down) == ("container.unhealthy", ())
    assert [each.check for each in trouble.consequences] == [CHECK]


def test_two_cut_arrows_of_one_service_are_two_troubles() -> None:
    told = judged(tried(NOBODY, THERE, box("oneapi"), env={**MONGO, **GATEWAY}))
    subjects = ["fastgpt -> mongo:27017", "fastgpt -> oneapi:3000"]
    assert [(each.result.check, each.result.subject) for each in told.troubles] == [(CHECK, one) for one in subjects]
    assert [each.state for each in told.services] == ["ill", "well", "well"]


def chain(boxes: Sequence[Any], *ends: tuple[str, str]) -> Snapshot:
    """Arrows of several; those from the first to the second of a pair are broken."""
    app, *others = boxes
    made = of(app, WELL, *others)
    broken = [replace(e, hops=NOBODY) if (e.source_name, e.target_name) in ends else e for e in made.edges]
    return replace(made, edges=tuple(broken))


def shared(hops: Sequence[Hop], *others: Any) -> Snapshot:
    """Two apps that need one MongoDB, and are cut off from it alike."""
    return of(box("fastgpt", "fastgpt:v4.8.4", env=MONGO), tuple(hops), box("plugin", "fastgpt-plugin:v1", env=MONGO),
              *others)  # fmt: skip


NO_MONGO = (Hop("name", "failed", "Docker's name server knows no mongo"),)


@pytest.mark.parametrize(
    ("told", "title"),
    [
        (shared(NO_MONGO, box("mongo", networks=())), "MongoDB: mongo is in no network of theirs"),
        (shared(NO_MONGO, box("mongo", networks=("back",))), "MongoDB: mongo is in no network of theirs"),
        (shared(NO_MONGO), "MongoDB: the name mongo does not resolve"),
        (shared(NOBODY, THERE), "MongoDB: nobody listens at mongo:27017"),
    ],
)
def test_what_two_need_is_one_trouble_that_names_it_and_both(told: Snapshot, title: str) -> None:
    (trouble,) = judged(told).troubles
    assert trouble.result.title == f"fastgpt and plugin cannot reach {title}"
    assert trouble.result.subject == "fastgpt -> mongo:27017, plugin -> mongo:27017"
    assert [each.state for each in judged(told).services[:2]] == ["ill", "ill"]
    assert judged(told).verdict == f"{trouble.result.title}"


def test_of_what_two_need_the_cause_is_told_where_it_is_known() -> None:
    told = judged(shared(NOBODY, THERE), found("mongo.keyfile", "mongo", "The key file is a directory"))
    (trouble,) = told.troubles
    assert (trouble.result.check, trouble.takes_down) == ("mongo.keyfile", ("fastgpt", "plugin"))
    assert folded(told) == [CHECK]


def test_what_explains_one_of_two_arrows_hides_not_the_other() -> None:
    one = found("wiring.quotes", "fastgpt", "fastgpt has quotes in MONGODB_URI.")
    other = replace(one, subject="plugin", title="plugin has quotes in MONGODB_URI.")
    assert sorted(serious(judged(shared(NOBODY, THERE), one))) == [CHECK, "wiring.quotes"]
    assert serious(judged(shared(NOBODY, THERE), one, other)) == ["wiring.quotes", "wiring.quotes"]


@pytest.mark.parametrize("fault", [NOBODY, NO_MONGO])
def test_the_same_fault_in_two_stacks_is_two(fault: Sequence[Hop]) -> None:
    seen = shared(fault)
    first, second = seen.containers
    apart = replace(seen, containers=(first, replace(second, project="other")))
    assert len(serious(judged(apart))) == 2


def test_who_has_two_arrows_to_what_was_taken_out_has_one_trouble() -> None:
    env = {"SANDBOX_URL": "http://both:3000", "PLUGIN_BASE_URL": "http://both:3001"}
    (trouble,) = judged(tried(NO_MONGO, box("both", networks=()), env=env)).troubles
    said = "fastgpt cannot reach its sandbox and its plugins: fastgpt and both share no network"
    assert (trouble.result.title, trouble.result.also) == (said, ("fastgpt",))


def test_behind_a_broken_arrow_the_next_one_is_its_consequence() -> None:
    app = box("fastgpt", "fastgpt:v4.8.4", env=GATEWAY)
    gateway = box("oneapi", "justsong/one-api:v0.6.7", env={"SQL_DSN": "root:x@tcp(mysql:3306)/x"})
    told = judged(chain((app, gateway, box("mysql")), ("fastgpt", "oneapi"), ("oneapi", "mysql")))
    (trouble,) = told.troubles
    assert (trouble.result.subject, trouble.takes_down) == ("oneapi -> mysql:3306", ("fastgpt",))
    assert told.verdict.startswith("fastgpt is down: oneapi cannot reach MySQL: nobody listens")


def test_two_that_cannot_reach_each_other_are_told_all_the_same() -> None:
    one = box("a", "a:1", env={"REDIS_URL": "redis://b:6379"})
    other = box("b", "b:1", env={"REDIS_URL": "redis://a:6379"})
    told = judged(chain((one, other), ("a", "b"), ("b", "a")))
    assert serious(told) == [CHECK]
    assert folded(told) == [CHECK]


def test_whole_arrows_leave_it_green() -> None:
    gateway = box("oneapi", "justsong/one-api:v0.6.7", env={"SQL_DSN": "root:x@tcp(mysql:3306)/x"})
    assert judged(of(gateway, WELL, box("mysql"))).green


DSN = "oneapi is refused by mysql"
REFUSED = found(
    "mysql.credentials", "oneapi", DSN, about="SQL_DSN", evidence=(Evidence("answer", "1045 Access denied", "mysql"),)
)
DIED = found("oneapi.restart", "oneapi", "MySQL refuses the user or password that oneapi gives (error 1045)",
             fix=FixSummary("manual", "give SQL_DSN the password that the folder was made with"))  # fmt: skip
LOOPS = found("container.crash-loop", "oneapi", "oneapi ends again and again")
SETTING_OF_DSN = found("wiring.login", "oneapi", "oneapi has another password", "warning", about="SQL_DSN")
UNHEARD = found(CHECK, "fastgpt -> oneapi:3000", "fastgpt cannot reach oneapi", also=("fastgpt",), blames="oneapi",
                about="OPENAI_BASE_URL oneapi:3000")  # fmt: skip
SILENT = found("server.unreachable", "oneapi", "oneapi does not answer at oneapi:3000", about="oneapi:3000")
SILENT = replace(SILENT, form="silent")
DIES = replace(found("oneapi.restart", "oneapi", "oneapi ends right after its start"), form="dies")
GATEWAYS = (box("fastgpt", "fastgpt:v4.8.1"), box("oneapi", "one-api:v0.6.7"), box("mysql", "mysql:8.0.36"))


@pytest.mark.parametrize(
    "more",
    [
        (),
        (DIED,),
        (LOOPS,),
        (DIED, LOOPS),
        (LOOPS, DIED, UNHEARD),
        (UNHEARD,),
        (SILENT,),
        (SILENT, UNHEARD),
        (DIES, LOOPS, SILENT),
        (DIED, SILENT),
    ],
)
def test_a_refused_login_is_one_trouble_whatever_else_shows_it(more: tuple[Result, ...]) -> None:
    told = judge(replace(tried(WELL, THERE), containers=GATEWAYS), [*more, REFUSED])
    assert serious(told) == ["mysql.credentials"]
    assert sorted(folded(told)) == sorted(each.check for each in more)


@pytest.mark.parametrize(
    "more",
    [
        (DIED, SETTING_OF_DSN),
        (DIED, SETTING_OF_DSN, SILENT),
        (SETTING_OF_DSN, DIED, LOOPS),
        (DIED, LOOPS, UNHEARD, SETTING_OF_DSN),
    ],
    ids=len,
)
def test_where_the_database_was_not_asked_the_apps_own_words_are_the_trouble(more: tuple[Result, ...]) -> None:
    told = judge(replace(tried(WELL, THERE), containers=GATEWAYS), more)
    assert serious(told) == ["oneapi.restart"]
    assert len(folded(told)) == len(more) - 1


@pytest.mark.parametrize(
    ("results", "first"),
    [
        ((SILENT,), "server.unreachable"), ((DIES,), "oneapi.restart"), ((LOOPS, DIES), "oneapi.restart"),
        ((LOOPS, SILENT), "server.unreachable"), ((SILENT, UNHEARD), "server.unreachable"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_seen_from_outside_alone_is_the_trouble_where_nothing_explains_it(
    results: tuple[Result, ...], first: str
) -> None:
    told = judge(replace(tried(WELL, THERE), containers=GATEWAYS), results)
    assert serious(told) == [first]
    assert len(folded(told)) == len(results) - 1


@pytest.mark.parametrize(
    "other",
    [
        replace(REFUSED, subject="oneapi-2"), replace(REFUSED, status="ok"),
        replace(REFUSED, evidence=(Evidence("answer", "1049 Unknown database", "mysql"),)),
    ],
)  # fmt: skip
def test_an_error_of_another_kind_or_of_another_app_is_a_trouble_of_its_own(other: Result) -> None:
    told = judge(replace(tried(WELL, THERE), containers=GATEWAYS), [DIED, other])
    assert "oneapi.restart" in serious(told)


MYSQL = {"env": {"SQL_DSN": "root:p@tcp(mysql:3306)/oneapi"}}
SPEAKS = {
    "barred": (said("refuses: this host is not allowed (1130)"), "1130 Host '10.0.0.9' is not allowed to connect"),
    "full": (said("refuses: too many connections (1040)"), "1040 Too many connections"),
}


@pytest.mark.parametrize(("kind", "died"), [("barred", False), ("barred", True), ("full", False)])
def test_what_mysql_answers_an_arrow_and_us_alike_is_one_trouble(kind: Any, died: bool) -> None:
    hops, words = SPEAKS[kind]
    snapshot = of(box("oneapi", "one-api:v0.6.7", **MYSQL), hops, box("mysql", "mysql:8.0.36"))
    app, server = snapshot.containers
    state = DatabaseState("mysql", server.id, app.id, "SQL_DSN", "root", "oneapi",
                          DatabaseAnswer(trouble=kind, said=words))  # fmt: skip
    seen = replace(snapshot, databases=(state,), oneapis=(OneApiState(app.id, trouble="refused"),))
    log = found("oneapi.restart", "oneapi", "MySQL does not let oneapi in from its address (error 1130)")
    told = judged(seen, *([log] if died else []))
    assert serious(told) == ["mysql.credentials" if kind == "barred" else "mysql.connections"]
    assert CHECK in folded(told)

"""``stackops wiring``: a row for each arrow, the first hop that fails in a sentence, and nothing that is secret."""

from __future__ import annotations

import json

import pytest
from stackops.console.model import Edge, Fault, Hop, HostInfo, Snapshot
from stackops.console.report import wiring as export
from stackops.console.text.cleaning import DASH

OK, PORT, PROTOCOL = Hop("name", "ok", "10.0.0.2"), Hop("port", "ok"), Hop("protocol", "ok")
EDGE = Edge(
    "fastgpt MONGODB_URI mongo:27017", "f" * 64, "fastgpt", "mongo", "mongodb://mongo:27017", "MONGODB_URI",
    "environment of fastgpt", "mongodb://mongo:27017", "mongo", 27017, "mongo", target="a" * 64, target_name="mongo",
    hops=(OK, PORT, PROTOCOL), by="probe", read_at=10.0,
)  # fmt: skip


BROKEN = "fastgpt does not reach MongoDB at mongo:27017 (MONGODB_URI)"
CONCLUDED = "(concluded from networks, not tried)"


def edge(*hops: Hop, **more: object) -> Edge:
    facts = {name: getattr(EDGE, name) for name in EDGE.__struct_fields__}
    return Edge(**{**facts, "hops": hops or EDGE.hops, **more})


def test_the_practice_stack_has_its_arrows(stackops) -> None:
    answer = stackops("wiring")
    assert answer.code == 0
    head, *rows = answer.out.splitlines()
    assert head.split()[:7] == ["STATE", "FROM", "TO", "WHAT", "NAME", "PORT", "PROTOCOL"]
    arrows = {tuple(row.split()[1:3]) for row in rows if row.split()[0] in ("ok", "broken", "unknown")}
    assert {("fastgpt", "mongo"), ("fastgpt", "oneapi"), ("oneapi", "mysql")} <= arrows
    assert "practice-sk" not in answer.out


def test_the_document_tells_everything(stackops) -> None:
    document = json.loads(stackops("wiring", "--json").out)
    assert list(document) == ["schema", "host", "taken_at", "edges", "faults"]
    arrow = next(row for row in document["edges"] if (row["source_name"], row["kind"]) == ("fastgpt", "mongo"))
    assert (arrow["origin"], arrow["place"], arrow["by"]) == ("MONGODB_URI", "environment of fastgpt", "probe")
    assert [hop["name"] for hop in arrow["hops"]] == ["name", "port", "protocol"]
    assert arrow["state"] in ("ok", "broken")


def test_the_plain_form_is_a_fact_on_a_line(stackops) -> None:
    rows = [line.split("\t") for line in stackops("wiring", "--plain").out.splitlines()]
    (arrow,) = [row for row in rows if row[1:5] == ["edge", "fastgpt", "mongo", "mongo"]]
    assert [word.partition("=")[0] for word in arrow[9:12]] == ["name", "port", "protocol"]


@pytest.mark.parametrize(
    ("arrow", "state", "sentence"),
    [
        (edge(), "ok", "fastgpt reaches mongo at mongo:27017 (MONGODB_URI)."),
        (edge(Hop("name", "failed", "Docker's name server knows no mongo"), target_name=None), "broken",
         "fastgpt does not reach MongoDB at mongo:27017 (MONGODB_URI): mongo: Docker's name server knows no mongo."),
        (edge(OK, Hop("port", "failed", "nobody listens at 10.0.0.2:27017")), "broken",
         "fastgpt does not reach MongoDB at mongo:27017 (MONGODB_URI): nobody listens at 10.0.0.2:27017."),
        (edge(OK, PORT, Hop("protocol", "failed", "answers as HTTP does; MongoDB is wanted")), "broken",
         "fastgpt does not reach MongoDB at mongo:27017 (MONGODB_URI): mongo answers as HTTP does; MongoDB is wanted."),
        (edge(OK, Hop("port", "failed", "it lies stopped"), by="reasoning"), "broken",
         f"{BROKEN}: it lies stopped {CONCLUDED}."),
        (edge(OK, Hop("port", "unknown", "it was not tried: only root may")), "unknown",
         "Cannot say whether fastgpt reaches mongo at mongo:27017 (MONGODB_URI): it was not tried: only root may."),
    ],
)  # fmt: skip
def test_the_first_hop_that_is_not_well_is_one_sentence(arrow: Edge, state: str, sentence: str) -> None:
    assert (export.state(arrow), export.explained(arrow)) == (state, sentence)


def test_only_what_is_broken_is_explained_below_its_row() -> None:
    broken = edge(OK, Hop("port", "failed", "nobody listens at 10.0.0.2:27017"), Hop("protocol", "unknown"))
    text = [word + rest for word, _, rest in export.lines(Snapshot(10.0, HostInfo("box"), edges=(EDGE, broken)), 200)]
    assert [line.split()[0] for line in text] == ["STATE", "ok", "broken", "fastgpt"]
    assert text[2].split()[4:7] == ["ok", "failed", DASH]


def test_without_arrows_it_says_why() -> None:
    assert export.nothing(Snapshot(1.0, HostInfo("x"))) == "No container here is set up to reach another"
    silent = Snapshot(1.0, HostInfo("x"), faults=(Fault("engine", "The Engine does not answer"),))
    assert export.nothing(silent) == "Nothing is known of the wiring: the Docker Engine does not answer"


def test_the_practice_stack_has_a_path_for_each_model(stackops) -> None:
    answer = stackops("wiring", "--models")
    assert answer.code == 0
    head, *rows = answer.out.splitlines()
    assert head.split()[:6] == ["STATE", "APP", "MODEL", "OFFERED", "GATEWAY", "KEY"]
    assert head.split()[6:] == ["CHANNEL", "UPSTREAM", "SERVER", "SERVED"]
    ways = {tuple(row.split()[1:3]): row for row in rows if row.split()[0] in ("ok", "broken", "unknown")}
    assert {("fastgpt", "qwen1.5-14b-chat"), ("fastgpt", "m3e")} <= ways.keys()
    assert ways["fastgpt", "m3e"].split()[0] == "ok"
    assert ways["fastgpt", "m3e"].split()[4:] == [
        "oneapi", "CHAT_API_KEY", "2", "(M3E)", "192.0.2.10:6008", "m3e:6008", "m3e-large",
    ]  # fmt: skip
    assert "practice-" not in answer.out


def test_the_document_of_models_has_every_step(stackops) -> None:
    document = json.loads(stackops("wiring", "--models", "--json").out)
    assert list(document) == ["schema", "host", "taken_at", "models", "faults"]
    path = next(row for row in document["models"] if row["model"] == "m3e")
    assert list(path) == [
        "key", "app", "app_name", "model", "kind", "place", "steps", "gateway", "channel", "upstream",
        "upstream_model", "server", "state", "sentence",
    ]  # fmt: skip
    names = ["offered", "gateway", "key", "channel", "upstream", "server", "model"]
    assert [step["name"] for step in path["steps"]] == names
    assert all(set(step) == {"name", "state", "shown", "reason", "edge"} for step in path["steps"])
    assert {step["state"] for row in document["models"] for step in row["steps"]} <= {"ok", "failed", "unknown", "none"}
    assert (path["state"], path["channel"], path["server"]) == ("ok", 2, "m3e:6008")
    assert path["sentence"] == "fastgpt, m3e: the whole way is well, to m3e:6008."


def test_the_plain_form_of_models_is_a_fact_on_a_line(stackops) -> None:
    rows = [line.split("\t") for line in stackops("wiring", "--models", "--plain").out.splitlines()]
    path = next(row for row in rows if row[1:4] == ["model", "fastgpt", "m3e"])
    steps = [word.partition("=")[0] for word in path[10:17]]
    assert steps == ["offered", "gateway", "key", "channel", "upstream", "server", "model"]


def test_without_models_it_says_why() -> None:
    (line,) = export.model_lines(Snapshot(1.0, HostInfo("x")), 80)
    assert line[2] == "No FastGPT, LibreChat or Open WebUI here offers a model"


def test_one_real_request_goes_the_whole_way_of_a_model(stackops) -> None:
    answer = stackops("wiring", "--test", "m3e", "--app", "fastgpt", "--yes")
    assert answer.code == 0, answer.err
    assert "One real request is sent to oneapi:3000, with the key that fastgpt has for it" in answer.err
    assert "POST /v1/embeddings for one embedding" in answer.err
    assert "the model answered: answered in" in answer.out
    assert "practice-" not in answer.out + answer.err


def test_the_document_of_a_test_says_where_it_ended(stackops) -> None:
    words = ("wiring", "--test", "qwen1.5-14b-chat", "--app", "fastgpt")
    test = json.loads(stackops(*words, "--yes", "--json").out)["path_test"]
    assert list(test) == ["path", "check", "ended", "sentence"]
    assert (test["path"], test["ended"]) == ("fastgpt llmModels qwen1.5-14b-chat 1", None)
    assert test["check"]["error"] is None


def test_nothing_is_sent_without_a_yes_nor_in_read_only_mode(stackops) -> None:
    words = ("wiring", "--test", "m3e", "--app", "fastgpt")
    assert stackops(*words).code == 5
    answer = stackops(*words, "--yes", "--read-only")
    assert answer.code == 5
    assert "read-only" in answer.err


def test_a_model_that_two_apps_offer_wants_the_app(stackops) -> None:
    answer = stackops("wiring", "--test", "m3e", "--yes")
    assert answer.code == 2
    assert "--app (fastgpt, guide-fastgpt, next-fastgpt)" in answer.err


def test_a_model_that_nobody_offers_is_a_wrong_word(stackops) -> None:
    answer = stackops("wiring", "--test", "m3", "--yes")
    assert answer.code == 2
    assert 'no app offers "m3"; did you mean "m3e"?' in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--yes",), "belong to --test MODEL"), (("--app", "fastgpt"), "belong to --test MODEL"),
     (("--models", "--test", "m3e"), "two answers")],
)  # fmt: skip
def test_options_that_say_nothing_together_are_refused(stackops, words, said) -> None:
    answer = stackops("wiring", *words)
    assert answer.code == 2
    assert said in answer.err

"""``stackops servers``: a row for each model server, and one real request on demand."""

from __future__ import annotations

import json

import pytest
from stackops.console.model import (
    DeepCheck,
    Fault,
    HostInfo,
    LoadedModel,
    ServedModel,
    Server,
    ServerFigures,
    ServerUser,
    Snapshot,
)
from stackops.console.report import servers as export


def test_every_server_of_the_practice_stack_has_a_row(stackops) -> None:
    answer = stackops("servers")
    assert answer.code == 0
    head, *table = answer.out.splitlines()
    assert head.split()[:4] == ["STATE", "SERVER", "PRODUCT", "VERSION"]
    rows = {line.split()[1]: line for line in table if len(line.split()) > 2}
    products = {key: rows[key].split()[2] for key in ("m3e:6008", "ollama:11434", "oneapi:3000", "vllm:8000")}
    assert list(products.values()) == ["m3e-large-api", "ollama", "oneapi", "vllm"]
    assert "*gemma:7b, nomic-embed-text:latest" in rows["ollama:11434"]
    assert "fastgpt, OPENAI_BASE_URL" in rows["oneapi:3000"]
    assert "* in memory" in table


def test_the_document_tells_everything(stackops) -> None:
    document = json.loads(stackops("servers", "--json").out)
    assert list(document) == ["schema", "host", "taken_at", "servers", "deep_checks", "faults"]
    ollama = next(row for row in document["servers"] if row["key"] == "ollama:11434")
    assert (ollama["product"], ollama["container"], ollama["state"]) == ("ollama", "ollama", "up")
    assert [model["name"] for model in ollama["models"]] == ["gemma:7b", "nomic-embed-text:latest"]
    assert ollama["vram_measured"] == ollama["vram_told"] == 5842 << 20
    assert ollama["loaded"][0]["expires_at"] > document["taken_at"]
    vllm = next(row for row in document["servers"] if row["product"] == "vllm")
    assert vllm["figures"]["running"] is not None
    assert "practice-sk" not in json.dumps(document)


def test_plain_says_the_state_first(stackops) -> None:
    rows = [line.split("\t") for line in stackops("servers", "--plain").out.splitlines()]
    assert ["up", "server", "ollama:11434"] in [row[:3] for row in rows]
    assert ["loaded", "model", "ollama:11434", "gemma:7b", "5.7 GiB"] in rows
    assert ["not-loaded", "model", "ollama:11434", "nomic-embed-text:latest"] in rows
    assert ["uses", "user", "oneapi:3000", "fastgpt, OPENAI_BASE_URL", "http://oneapi:3000/v1"] in rows


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("ollama:11434", "gemma:7b: answered in 478 ms, first token after 310 ms, 42 tokens/s, 7 tokens"),
        ("vllm", "Qwen/Qwen1.5-14B-Chat-AWQ: answered in 514 ms, first token after 310 ms, 42 tokens/s, 7 tokens"),
    ],
)
def test_a_test_sends_one_real_request_and_says_what_it_takes(stackops, server: str, says: str) -> None:
    answer = stackops("servers", "--test", server, "--yes")
    assert answer.code == 0
    assert says in answer.out
    assert "One real request is sent: POST /" in answer.err


def test_a_test_without_a_yes_and_nobody_to_ask_sends_nothing(stackops, doors) -> None:
    answer = stackops("servers", "--test", "ollama")
    assert answer.code == 5
    assert "add --yes" in answer.err
    assert answer.out == ""


def test_a_test_in_read_only_mode_is_refused(stackops) -> None:
    answer = stackops("servers", "--test", "ollama", "--yes", "--read-only")
    assert answer.code == 5
    assert "read-only: nothing is sent" in answer.err


def test_a_test_that_fails_exits_with_1_and_says_why(stackops) -> None:
    stackops("servers")
    answer = stackops("servers", "--test", "ollama", "--model", "nomic-embed-text:latest", "--yes", "--json")
    assert answer.code == 1
    check = json.loads(answer.out)["deep_check"]
    assert check["model"] == "nomic-embed-text:latest"
    assert check["error"].startswith("it answers 404")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--test", "olama:11434", "--yes"), 'no model server "olama:11434" is known; did you mean "ollama:11434"?'),
        (("--test", "ollama", "--model", "gema:7b", "--yes"), 'has no model "gema:7b"; did you mean "gemma:7b"?'),
        (("--yes",), "belong to --test SERVER"),
        (("--json", "--plain"), "ask for one"),
    ],
)
def test_a_wrong_word_is_told_with_the_way_out(stackops, arguments: tuple[str, ...], words: str) -> None:
    answer = stackops("servers", *arguments)
    assert answer.code == 2
    assert words in answer.err


def test_a_server_that_is_down_is_not_tested(stackops, doors) -> None:
    stackops("servers")
    doors.host.control.stop("vllm")
    answer = stackops("servers", "--test", "vllm", "--yes")
    assert answer.code == 5
    assert "its container is exited" in answer.err
    line = next(line for line in stackops("servers").out.splitlines() if " vllm:8000" in line)
    assert line.startswith("down")


# Words


SERVER = Server(
    "a:1", "vllm", "http://127.0.0.1:1", "wrong_key", "answers, but refuses the key in SK_KEY of a", "correct the key",
    models=tuple(ServedModel(f"m{n}") for n in range(6)), loaded=(LoadedModel("m5", size_vram=1 << 30),),
    figures=ServerFigures(1.0, running=2.0, waiting=None, kv_cache=0.256, tokens_per_second=3.14159),
    users=(ServerUser("app, OPENAI_BASE_URL"), ServerUser("One API channel 3")), latency=0.0042,
)  # fmt: skip
SNAPSHOT = Snapshot(10.0, HostInfo("box"), servers=(SERVER,))


def test_words_are_short_and_unknown_is_a_dash() -> None:
    assert export.models(SERVER) == "*m5, m0, m1 +3"
    assert export.queue(SERVER.figures) == "2+–"
    assert export.queue(None) == "–"
    assert export.share(0.256) == "26%"
    assert (export.speed(3.14), export.speed(0.0), export.speed(41.6), export.speed(None)) == ("3.1", "0", "42", "–")
    assert (export.latency(0.0042), export.latency(1.25), export.latency(None)) == ("4 ms", "1.2 s", "–")
    assert export.users(SERVER) == "app, OPENAI_BASE_URL; One API channel 3"
    assert export.vram(SERVER, SNAPSHOT) == 1 << 30
    assert (export.expiry(None, 1.0), export.expiry(1.0, 2.0), export.expiry(301.0, 1.0)) == (None, "now", "in 5m")
    assert export.deep(DeepCheck("a:1", "m", 1.0, error="it answers 404")) == "failed: it answers 404"


@pytest.mark.parametrize("width", [80, 200])
def test_a_server_that_is_not_well_says_why_below_its_row(width: int) -> None:
    lines = list(export.lines(SNAPSHOT, width))
    assert lines[1][:2] == ("wrong_key", "warning")
    assert lines[2][2] == "    answers, but refuses the key in SK_KEY of a; correct the key"
    assert all(len(word + rest) <= width for word, _, rest in lines)


def test_without_servers_it_says_so_and_why() -> None:
    assert "No model server was found" in next(export.lines(Snapshot(1.0, HostInfo("box")), 80))[2]
    down = Snapshot(1.0, HostInfo("box"), faults=(Fault("engine", "no answer"),))
    assert "the Docker Engine does not answer" in next(export.lines(down, 80))[2]

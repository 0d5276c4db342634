"""Process on a GPU -> container -> service -> server -> model, and what is never guessed."""

from __future__ import annotations

import pytest
from stackops.console.model import Gpu, Service
from support.gpu_rows import CARD, GIB, MIB, box, holds, ident, joined, row, server, shim

BLOB = "/root/.ollama/models/blobs/sha256-" + "a1" * 32
OTHER_BLOB = "/root/.ollama/models/blobs/sha256-" + "b2" * 32


def test_a_child_of_a_container_gets_everything_that_is_known_of_it() -> None:
    rows = [
        shim(90), row(100, "/bin/ollama serve", ppid=90, of="ollama"),
        row(120, "/bin/ollama runner --port 4000", ppid=100, of="ollama", user="llm", started_at=7.5),
    ]  # fmt: skip
    found = joined(
        [holds(120, 6 * GIB, name="driver's name", utilisation=40.0)], rows, boxes=[box("ollama")],
        servers=[server("ollama", of="ollama", loaded={"qwen2.5:7b": 5 * GIB})],
        services=[Service("ollama", "ollama", container=ident("ollama"))],
    )[120]  # fmt: skip
    assert (found.container, found.service, found.server) == (ident("ollama"), "ollama", "ollama:8000")
    assert found.models == ("qwen2.5:7b",)
    assert (found.name, found.parent, found.user, found.started_at) == ("ollama", 100, "llm", 7.5)
    assert found.command == ("/bin/ollama", "runner", "--port", "4000")
    assert (found.visible, found.orphan, found.memory, found.utilisation) == (True, None, 6 * GIB, 40.0)


def test_a_process_on_two_gpus_stays_two_and_its_model_is_one() -> None:
    rows = [row(100, "vllm serve Qwen/Qwen2.5-7B", of="v"), row(110, "VLLM::EngineCore", ppid=100, of="v")]
    parts = {"boxes": [box("v")], "servers": [server("vllm", of="v", models=["qwen"])]}
    found = joined([holds(110, gpu="GPU-0"), holds(110, gpu="GPU-1")], rows, **parts)
    assert found[110].models == ("qwen",)


def test_of_nested_containers_the_one_that_this_engine_knows_is_meant() -> None:
    inner = row(50, "python3", containers=(ident("outer"), ident("inner")), container=ident("outer"))
    assert joined([holds(50)], [inner], boxes=[box("inner")])[50].container == ident("inner")
    assert joined([holds(50)], [inner], boxes=[box("outer"), box("inner")])[50].container == ident("outer")


def test_a_native_server_is_known_by_its_process_and_by_its_children() -> None:
    rows = [row(40, "vllm serve X", ppid=1), row(41, "VLLM::EngineCore", ppid=40), row(60, "python3 train.py")]
    found = joined(
        [holds(40), holds(41), holds(60)], rows, servers=[server("vllm", pid=40, models=["x"])],
        services=[Service("model_server", "vllm", pid=40)],
    )  # fmt: skip
    assert {pid: (p.server, p.service, p.models) for pid, p in found.items()} == {
        40: ("host:8000", "vllm", ("x",)), 41: ("host:8000", "vllm", ("x",)), 60: (None, None, ()),
    }  # fmt: skip


def test_a_native_server_without_a_known_process_is_known_by_the_port_it_was_told() -> None:
    rows = [row(40, "python3 -m vllm.entrypoints.openai.api_server --port 8000 --model /m/qwen"), row(60, "train")]
    elsewhere = server("vllm", port=8000, key="gpu2:8000", address="http://10.0.0.7:8000")
    here = server("vllm", port=8000, models=["q"])
    found = joined([holds(40), holds(60)], rows, servers=[elsewhere, here])
    assert (found[40].server, found[60].server) == ("host:8000", None)
    assert joined([holds(40)], rows, servers=[elsewhere])[40].server is None


def test_of_several_servers_in_a_container_the_port_tells_and_else_nothing() -> None:
    servers = [server("vllm", of="all", port=8000, models=["a"]), server("tei", of="all", port=9000, models=["b"])]
    rows = [
        row(100, "supervisord", of="all"), row(110, "vllm serve a --port=8000", ppid=100, of="all"),
        row(111, "VLLM::EngineCore", ppid=110, of="all"), row(120, "text-embeddings-router", ppid=100, of="all"),
    ]  # fmt: skip
    found = joined([holds(111), holds(120)], rows, boxes=[box("all")], servers=servers)
    assert (found[111].server, found[111].models) == ("all:8000", ("a",))
    assert found[120].server is None


def test_a_gateway_beside_a_server_holds_no_model() -> None:
    servers = [server("litellm", of="x", port=4000), server("vllm", of="x", port=8000, models=["m"])]
    assert joined([holds(100)], [row(100, "vllm", of="x")], boxes=[box("x")], servers=servers)[100].server == "x:8000"
    only = joined([holds(100)], [row(100, "python3", of="x")], boxes=[box("x")], servers=servers[:1])
    assert only[100].server is None


def test_secrets_on_command_lines_are_masked_and_foreign_text_is_cleaned() -> None:
    words = (
        "vllm", "serve", "m\x1b[31m", "--api-key", "first-secret", "second-secret", "--port", "8000",
        "--hf-token=hf_abcdefghijklmnop", "--max-model-len", "4096", "https://user:passw0rd@host/x",
    )  # fmt: skip
    found = joined([holds(100)], [row(100, words, of="v", user="ro\x07ot")], boxes=[box("v")])[100]
    text = " ".join(found.command)
    for secret in ("first-secret", "second-secret", "hf_abcdefghijklmnop", "passw0rd", "\x1b", "\x07"):
        assert secret not in text + (found.user or "")
    assert "--port 8000" in text
    assert "--max-model-len 4096" in text


def test_a_process_that_is_not_in_the_table_is_told_as_such() -> None:
    found = joined([holds(999, name="python3")], [])[999]
    assert (found.visible, found.name, found.container, found.orphan) == (False, "python3", None, None)


def test_numbers_of_another_namespace_name_no_process_of_this_one() -> None:
    ours = row(100, "nginx")
    theirs = row(100, "vllm serve m", ppid=7, of="v")
    found = joined([holds(100)], [ours], boxes=[box("v")], told=[theirs], same_namespace=False)[100]
    assert (found.container, found.name, found.visible) == (ident("v"), "vllm", False)
    alone = joined([holds(100)], [ours], boxes=[box("v")], same_namespace=False)[100]
    assert (alone.container, alone.name, alone.command) == (None, None, ())


def test_a_number_that_was_given_to_another_process_since_names_nobody() -> None:
    ours = row(100, "vllm serve m", of="v", started_at=5000.0)
    for state, read_at, known in (
        ("stalled", 6000.0, True), ("stalled", 4999.0, True), ("stalled", 4000.0, False), ("crashed", 4000.0, False),
        ("stalled", None, True), ("ok", 4000.0, True),
    ):  # fmt: skip
        held = [holds(100, name="python3")]
        found = joined(held, [ours], boxes=[box("v")], gpus=[Gpu(CARD, read_at=read_at)], driver=state)[100]
        assert (found.container is not None, found.visible, found.orphan) == (known, known, None)
        assert found.name == ("vllm" if known else "python3")
        assert bool(found.command) == known


def test_a_stranger_with_the_number_of_a_worker_is_no_orphan_and_others_stay_known() -> None:
    gone = row(100, "VLLM::Worker_TP0", started_at=9000.0)
    other = row(200, "vllm serve m", of="v", started_at=10.0)
    cards = [Gpu(CARD, read_at=4000.0, health="stale")]
    found = joined([holds(100), holds(200)], [gone, other], boxes=[box("v")], gpus=cards, driver="stalled")
    assert (found[100].orphan, found[100].visible) == (None, False)
    assert (found[200].container, found[200].visible) == (ident("v"), True)


# Ollama: a process for each model


def _ollama(loaded, rows, memories, **kwargs):
    parts = {"boxes": [box("o")], "servers": [server("ollama", of="o", loaded=loaded)], **kwargs}
    table = [row(100, "/bin/ollama serve", of="o"), *rows]
    found = joined([holds(pid, memory) for pid, memory in memories.items()], table, **parts)
    return {pid: process.models for pid, process in found.items()}


def _runner(pid: int, *more: str):
    return row(pid, ("/usr/bin/ollama", "runner", *more), ppid=100, of="o")


def test_the_only_model_is_in_the_only_runner_and_not_in_the_server() -> None:
    found = _ollama(["a"], [_runner(110)], {110: 5 * GIB, 100: 300 * MIB})
    assert found == {110: ("a",), 100: ()}


def test_sizes_tell_two_models_apart_when_only_one_way_is_possible() -> None:
    two = [_runner(110), _runner(111)]
    assert _ollama({"big": 20 * GIB, "small": 2 * GIB}, two, {110: 3 * GIB, 111: 21 * GIB}) == {
        110: ("small",), 111: ("big",),
    }  # fmt: skip
    alike = _ollama({"a": 5 * GIB, "b": 5 * GIB}, two, {110: 6 * GIB, 111: 6 * GIB})
    assert alike == {110: (), 111: ()}


@pytest.mark.parametrize(
    ("loaded", "memories"),
    [
        ({"a": None, "b": 2 * GIB}, {110: 3 * GIB, 111: 21 * GIB}),
        ({"a": 20 * GIB, "b": 2 * GIB}, {110: None, 111: 21 * GIB}),
        ({"a": 20 * GIB, "b": 2 * GIB, "c": GIB}, {110: 3 * GIB, 111: 21 * GIB}),
        ({"a": 20 * GIB}, {110: 3 * GIB, 111: 21 * GIB}),
        ({"a": 40 * GIB, "b": 2 * GIB}, {110: 3 * GIB, 111: 21 * GIB}),
        (None, {110: 3 * GIB, 111: 21 * GIB}),
    ],
)
def test_what_cannot_be_told_apart_stays_empty(loaded, memories) -> None:
    assert _ollama(loaded, [_runner(110), _runner(111)], memories) == {110: (), 111: ()}


def test_a_model_on_the_processor_is_in_no_process_on_a_gpu() -> None:
    assert _ollama({"a": 5 * GIB, "cpu": 0}, [_runner(110)], {110: 6 * GIB}) == {110: ("a",)}


def test_the_file_of_weights_names_the_model_and_leaves_the_other_for_the_other() -> None:
    blobs = {"a1" * 32: frozenset({"qwen:7b", "qwen:latest"})}
    runners = [_runner(110, "--model", BLOB), _runner(111, "--model", OTHER_BLOB)]
    memories = {110: 6 * GIB, 111: 6 * GIB}
    assert _ollama(["qwen:latest", "llama"], runners, memories, blobs=blobs) == {
        110: ("qwen:latest",), 111: ("llama",),
    }  # fmt: skip


def test_a_model_of_current_releases_is_named_by_its_alias() -> None:
    rows = [
        row(110, "/usr/lib/ollama/llama-server --model x --alias qwen3:8b --port 1", ppid=100, of="o"),
        row(111, "/usr/lib/ollama/llama-server --model x --alias gemma3:4b --port 2", ppid=100, of="o"),
    ]
    assert _ollama(["qwen3:8b", "gemma3:4b"], rows, {110: GIB, 111: GIB}) == {110: ("qwen3:8b",), 111: ("gemma3:4b",)}


def test_what_a_server_keeps_is_in_all_its_processes_and_nothing_while_it_sleeps() -> None:
    rows = [row(100, "vllm serve org/base", of="v"), row(110, ("VLLM::EngineCore",), ppid=100, of="v")]

    def models(**told):
        servers = [server("vllm", of="v", **told)]
        return joined([holds(110)], rows, boxes=[box("v")], servers=servers)[110].models

    assert models(loaded=["base"], models=["base", "lora"]) == ("base",)
    assert models(models=["base", "lora"]) == ("base", "lora")
    assert models(loaded=[], models=["base"]) == ()
    assert models(state="wrong_key") == ("org/base",)


# Servers that cannot be asked: the command line


@pytest.mark.parametrize(
    ("command", "model"),
    [
        ("python3 -m vllm.entrypoints.openai.api_server --model Qwen/Qwen2.5-7B --port 8000", "Qwen/Qwen2.5-7B"),
        ("/usr/bin/python3 /usr/local/bin/vllm serve Qwen/Qwen3-8B --port 8000", "Qwen/Qwen3-8B"),
        ("vllm serve /weights/Qwen3-8B/ --served-model-name qwen3", "qwen3"),
        ("python3 -m sglang.launch_server --model-path /data/glm-4-9b --port 30000", "glm-4-9b"),
        ("text-embeddings-router --model-id BAAI/bge-m3", "BAAI/bge-m3"),
        ("/app/llama-server -m /models/qwen-q4-00001-of-00003.gguf --port 8080", "qwen-q4"),
        ("tgi --model-id=/data/models--BAAI--bge-m3/snapshots/0123abcd", "BAAI/bge-m3"),
        ("python3 -m http.server", None),
        ("vllm serve --port 8000", None),
        ("python3 train.py --model", None),
    ],
)
def test_the_command_line_names_the_model(command: str, model: str | None) -> None:
    rows = [row(100, command, of="v"), row(101, ("VLLM::EngineCore",), ppid=100, of="v")]
    found = joined([holds(100), holds(101)], rows, boxes=[box("v")])
    expected = (model,) if model else ()
    assert (found[100].models, found[101].models) == (expected, expected)


def test_a_title_in_one_argument_is_read_word_by_word() -> None:
    found = joined([holds(100)], [row(100, ("vllm serve org/m --api-key s3cret-key-1",), of="v")], boxes=[box("v")])[
        100
    ]
    assert found.models == ("org/m",)
    assert "s3cret-key-1" not in " ".join(found.command)


def test_a_ring_of_parents_ends() -> None:
    rows = [row(100, "a", ppid=101, of="v"), row(101, "b", ppid=100, of="v")]
    assert joined([holds(100)], rows, boxes=[box("v")])[100].container == ident("v")

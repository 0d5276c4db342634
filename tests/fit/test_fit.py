"""Will it fit: what models need, as the sheet computes it, and what each GPU has."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stackops.console.hosts import NotFound
from stackops.console.model import FileFact, Gpu, GpuInstance, GpuProcess, LoadedModel, ServedModel, Server
from stackops.console.products.fit import Need, UnknownModel, cache_bytes, catalogue, need
from stackops.console.products.fit.estimate import placed, subject, verdicts
from stackops.console.text.cleaning import clean_line

GIB, GB = 1 << 30, 10**9


def card(uuid: str = "GPU-1", free: float | None = 24.0, **more: object) -> Gpu:
    return Gpu(uuid, index=int(uuid[-1]), memory_free=None if free is None else round(free * GIB), **more)  # type: ignore[arg-type]


class Folder:
    """A Files door onto one folder of a model."""

    def __init__(self, config: object | None, sizes: dict[str, int], path: str = "/models/m") -> None:
        self.path, self.sizes = path, sizes
        self.config = None if config is None else json.dumps(config).encode()

    def stat(self, path: str, *, digest: bool = False) -> FileFact:
        if path == self.path:
            return FileFact(path, "directory")
        size = self.sizes.get(path.removeprefix(self.path + "/"))
        return FileFact(path, "missing" if size is None else "file", size=size)

    def names(self, path: str) -> list[str]:
        return sorted([*self.sizes, *(["config.json"] if self.config is not None else [])])

    def read(self, path: str, *, limit: int = 1 << 20) -> bytes:
        if self.config is None:
            raise NotFound("no such file")
        return self.config


@pytest.mark.parametrize(
    ("name", "weights", "per_token"),
    [
        # fact: gpu-model-servers 5, the table of models
        ("Baichuan2-7B-Chat", 14.0, 512),
        ("Baichuan2-13B-Chat", 25.9, 800),
        ("ChatGLM2-6B", 11.6, 28),
        ("Llama-3-8B", 15.0, 128),
        ("Qwen2.5-7B", 14.2, 56),
    ],
)
def test_weights_and_cache_are_those_of_the_sheet(name: str, weights: float, per_token: int) -> None:
    told = subject(name)
    assert told.weights is not None
    assert told.weights / GIB == pytest.approx(weights, abs=0.06)
    assert cache_bytes(told) == per_token * 1024


def test_thirteen_b_in_fp16_at_full_context_is_about_29_gib() -> None:
    told = need(subject("Baichuan2-13B-Chat"), context=4096)
    assert told.weights is not None
    assert told.cache is not None
    assert (told.weights + told.cache) / GIB == pytest.approx(29.0, abs=0.1)
    assert told.low is not None
    assert told.low > told.weights + told.cache


@pytest.mark.parametrize("dtype", ["int8", "int4"])
@pytest.mark.parametrize("name", ["Baichuan2-13B-Chat", "Baichuan2-7B-Chat", "ChatGLM2-6B"])
def test_a_precision_that_the_guides_server_cannot_reach_is_said_and_not_counted(name: str, dtype: str) -> None:
    told, honest = need(subject(name, dtype=dtype)), need(subject(name, dtype="fp16"))
    assert (told.low, told.high, told.weights) == (honest.low, honest.high, honest.weights)
    assert told.subject.dtype == "fp16"
    assert f"QUANTIZE_BIT={dtype[3:]} does nothing" in told.notes[0]
    assert not honest.notes


def test_another_server_reaches_int4() -> None:
    told = need(subject("chatglm3-6b", dtype="int4"))
    assert told.weights is not None
    assert told.weights < 3.4 * GIB
    assert not told.notes


def test_the_guides_figure_counts_where_it_asks_for_more() -> None:
    told = need(subject("m3e-large"))
    assert told.weights is not None
    assert told.weights / GIB == pytest.approx(1.3, abs=0.05)
    assert told.high == 6 * GB
    assert told.cache == 0


def test_a_reranker_of_unknown_size_is_judged_by_the_guide_alone() -> None:
    told = need(subject("bge-reranker-base"))
    assert (told.weights, told.low, told.high) == (None, 3 * GB, 3 * GB)


@pytest.mark.parametrize(
    "name", [m.name for m in catalogue().models] + [a for m in catalogue().models for a in m.aliases]
)
def test_every_name_and_alias_leads_to_one_model(name: str) -> None:
    assert len([m for m in catalogue().models if name.lower() in {m.name.lower(), *m.aliases}]) == 1
    assert subject(f"some-org/{name.upper()}").known is not None


def test_every_precision_of_the_guide_is_known() -> None:
    table = catalogue()
    assert {row.dtype for model in table.models for row in model.guide} <= set(table.bits)
    assert (table.guide.vram_minimum, table.guide.vram_recommended) == (32, 48)


def test_the_sums_of_the_guide() -> None:
    def rows(*names: str) -> float:
        found = [catalogue().find(name) for name in names]
        return sum(row.vram for m in found if m for row in m.guide if row.dtype in ("fp16", "fp32"))

    assert rows("Baichuan2-7B-Chat", "M3E-large", "bge-reranker-base") == 25
    assert rows("Baichuan2-13B-Chat", "M3E-large", "bge-reranker-base") == 37


@pytest.mark.parametrize(
    ("text", "name", "dtype"),
    [
        ("qwen2.5:7b", "Qwen2.5-7B", "fp16"),
        ("qwen2.5:7b-instruct-q4_K_M", "Qwen2.5-7B", "q4_k_m"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B", "fp16"),
        ("llama3:latest", "Llama-3-8B", "fp16"),
        ("Baichuan2-7B-Chat@bf16", "Baichuan2-7B-Chat", "bf16"),
        ("7B", "7B", "fp16"),
        ("mystery-32b-int4", "mystery-32b-int4", "fp16"),
        ("mystery-32b@q4_k_m", "mystery-32b", "q4_k_m"),
    ],
)
def test_names_are_understood(text: str, name: str, dtype: str) -> None:
    told = subject(text)
    assert told.name == name
    if not name.startswith("mystery-32b-int4"):
        assert told.dtype == dtype


def test_a_precision_in_an_unknown_models_name_is_believed() -> None:
    assert subject("mystery-32b-int4").dtype == "int4"


@pytest.mark.parametrize("text", ["", "no-such-model", "\x1b[2J", "0b", "99999999b", "/models/m"])
def test_what_says_nothing_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        subject(text)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) > 20


def test_an_unknown_precision_names_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match=r"int3.*fp16"):
        subject("7B", dtype="int3")


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    told = ""
    try:
        assert subject(text).dtype
    except UnknownModel as error:
        told = str(error)
    assert clean_line(told, 2000) == told


def test_what_a_server_has_on_disk_beats_any_computation() -> None:
    ollama = Server(
        "c:11434", "ollama", "http://x", "up", service="ollama",
        models=(ServedModel("qwen2.5:7b", size=4_700_000_000, quantization="Q4_K_M"),),
    )  # fmt: skip
    told = subject("qwen2.5:7b", servers=[ollama])
    assert told.weights == 4_700_000_000
    assert "ollama" in told.source
    assert cache_bytes(told) == 56 * 1024
    assert subject("qwen2.5:7b", dtype="fp16", servers=[ollama]).weights == round(7.6e9 * 2)


LLAMA = {"num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 2048}


@pytest.mark.parametrize(
    ("config", "per_token"),
    [
        (LLAMA, 2 * 16 * 8 * 64 * 2),
        ({**LLAMA, "head_dim": 128}, 2 * 16 * 8 * 128 * 2),
        ({"num_layers": 28, "num_attention_heads": 32, "multi_query_group_num": 2, "kv_channels": 128}, 28 * 1024),
        ({"text_config": LLAMA}, 2 * 16 * 8 * 64 * 2),
        ({"n_layer": 12, "n_head": 12, "n_embd": 768}, 2 * 12 * 12 * 64 * 2),
    ],
)
def test_a_folder_tells_its_layers_and_the_size_of_its_files(config: dict[str, object], per_token: int) -> None:
    files = Folder(config, {"model-1.safetensors": 3 * GIB, "model-2.safetensors": GIB, "optimizer.bin": 9 * GIB})
    told = subject("/models/m", files=files)  # type: ignore[arg-type]
    assert told.weights == 4 * GIB
    assert cache_bytes(told) == per_token


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({**LLAMA, "kv_lora_rank": 512}, "MLA"),
        ({**LLAMA, "sliding_window": 4096}, "window"),
        ({}, "no config.json"),
        ([1], "no config.json"),
        ({"num_hidden_layers": True}, "does not tell"),
        ({"num_hidden_layers": "many", "hidden_size": -1}, "does not tell"),
        (None, "no config.json"),
    ],
)
def test_a_cache_that_cannot_be_computed_is_not_counted_and_said(config: object, why: str) -> None:
    told = need(subject("/models/m", files=Folder(config, {"model.safetensors": GIB})))  # type: ignore[arg-type]
    assert told.cache is None
    assert why in told.notes[-1]
    assert told.low is not None
    assert told.low > GIB


def test_a_window_that_is_not_used_does_not_matter() -> None:
    config = {**LLAMA, "sliding_window": 4096, "use_sliding_window": False}
    assert cache_bytes(subject("/models/m", files=Folder(config, {"model.safetensors": 1}))) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("files", [Folder({}, {}), Folder({}, {"a.txt": 5}), Folder({}, {}, path="/elsewhere")])
def test_a_folder_without_weights_is_refused(files: Folder) -> None:
    with pytest.raises(UnknownModel, match="/models/m"):
        subject("/models/m", files=files)  # type: ignore[arg-type]


def test_spread_over_gpus_each_has_its_share_and_the_whole_runtime() -> None:
    whole, half = need(subject("Baichuan2-13B-Chat")), need(subject("Baichuan2-13B-Chat"), split=2)
    assert half.weights == -(-(whole.weights or 0) // 2)
    assert half.cache == -(-(whole.cache or 0) // 2)
    assert half.low is not None
    assert half.low > (whole.low or 0) / 2


def test_the_cache_grows_with_context_and_sequences() -> None:
    told = subject("Qwen2.5-7B")
    assert need(told, context=8192, sequences=4).cache == 8 * (need(told).cache or 0)


def needs(low: float, high: float, split: int = 1) -> Need:
    return Need(subject("7B"), 4096, 1, split, round(low * GIB), 0, (0, 0), round(low * GIB), round(high * GIB))


@pytest.mark.parametrize(
    ("free", "answer"),
    [(20.0, "fits"), (16.0, "fits"), (15.0, "tight"), (14.0, "tight"), (13.9, "too_large"), (None, "unknown")],
)
def test_a_gpu_is_judged_by_what_is_free_on_it_alone(free: float | None, answer: str) -> None:
    other = card("GPU-2", 80.0)
    told = verdicts(needs(14, 16), [card(free=free), other])
    assert [each.answer for each in told] == [answer, "fits"]
    if free is not None:
        assert told[0].left == round(free * GIB) - 16 * GIB


def test_free_memory_is_computed_where_the_driver_does_not_tell() -> None:
    gpu = Gpu("GPU-1", memory_total=24 * GIB, memory_used=20 * GIB, memory_reserved=GIB)
    assert verdicts(needs(3, 3), [gpu])[0].answer == "fits"
    assert verdicts(needs(3, 4), [gpu])[0].answer == "tight"
    assert verdicts(needs(3, 4), [Gpu("GPU-1", memory_total=1)])[0].answer == "unknown"


def test_a_lost_gpu_fits_nothing() -> None:
    assert verdicts(needs(1, 1), [card(free=80.0, health="lost")])[0].answer == "unknown"


def test_memory_of_ollamas_models_counts_as_what_can_be_had() -> None:
    loaded = Server("o", "ollama", "http://x", "up", loaded=(LoadedModel("m"),))
    vllm = Server("v", "vllm", "http://y", "up", loaded=(LoadedModel("n"),))
    processes = [
        GpuProcess("GPU-1", 5, 12 * GIB, server="o", models=("m",)),
        GpuProcess("GPU-1", 6, 40 * GIB, server="v", models=("n",)),
        GpuProcess("GPU-2", 7, 12 * GIB, server="o", models=("m",)),
    ]
    assert verdicts(needs(14, 16), [card(free=8.0)], processes, [loaded, vllm])[0].answer == "after_unload"
    assert verdicts(needs(14, 21), [card(free=8.0)], processes, [loaded, vllm])[0].answer == "too_large"


def test_mig_instances_are_judged_one_by_one() -> None:
    parts = tuple(GpuInstance(f"MIG-{n}", name="3g.40gb", memory_free=free * GIB) for n, free in enumerate((10, 40)))
    told = verdicts(needs(14, 16), [card(free=80.0, mig=True, instances=parts)])
    assert [(each.gpu, each.answer) for each in told] == [("MIG-0", "too_large"), ("MIG-1", "fits")]


def sliced(*free: float, **more: object) -> Gpu:
    parts = tuple(GpuInstance(f"MIG-{n}", gpu_instance=n, memory_free=round(f * GIB)) for n, f in enumerate(free))
    return card(free=80.0, mig=True, instances=parts, **more)


def test_nothing_is_placed_on_a_card_that_is_cut_but_on_its_slices() -> None:
    assert placed([needs(14, 16)], [sliced(10, 10)]) is None
    assert placed([needs(14, 16)], [sliced(10, 20)]) == {0: ("MIG-1",)}
    assert placed([needs(14, 16), needs(14, 16)], [sliced(20, 20)]) == {0: ("MIG-0",), 1: ("MIG-1",)}
    assert placed([needs(14, 16)], [card(free=80.0, mig=True)]) is None


def test_a_model_is_not_split_over_slices() -> None:
    two = needs(14, 16, 2)
    assert placed([two], [sliced(40, 40)]) is None
    assert placed([two], [sliced(40, 40), card("GPU-2"), card("GPU-3")]) == {0: ("GPU-2", "GPU-3")}


def test_compute_instances_that_share_their_memory_have_it_once() -> None:
    parts = tuple(GpuInstance(f"MIG-{n}", gpu_instance=7, compute_instance=n, memory_free=20 * GIB) for n in (0, 1))
    shared = card(free=80.0, mig=True, instances=parts)
    assert placed([needs(14, 16)], [shared]) == {0: ("MIG-0",)}
    assert placed([needs(14, 16), needs(14, 16)], [shared]) is None


def test_slices_that_cannot_be_seen_or_are_not_told_of_now_are_unknown() -> None:
    for gpu in (card(free=80.0, mig=True), sliced(40, health="stale")):
        (told,) = verdicts(needs(14, 16), [gpu])
        assert (told.answer, told.free) == ("unknown", None)
        assert "MIG mode" in told.says or "does not answer" in told.says


def test_several_models_are_placed_together_or_not_at_all() -> None:
    cards = [card("GPU-1", 24.0), card("GPU-2", 24.0)]
    assert placed([needs(14, 16), needs(5, 6), needs(16, 17)], cards) == {2: ("GPU-1",), 0: ("GPU-2",), 1: ("GPU-1",)}
    assert placed([needs(14, 16), needs(14, 16), needs(8, 9)], cards) is None
    assert placed([needs(10, 20, split=2)], cards) == {0: ("GPU-1", "GPU-2")}
    assert placed([needs(10, 20, split=3)], cards) is None

"""``stackops gpu --fit``: the answer in its three forms, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Command = Callable[..., Any]


def test_one_that_fits_somewhere_ends_with_0_and_says_where(stackops: Command) -> None:
    answer = stackops("--host", "demo", "gpu", "--fit", "ChatGLM3-6B@int4")
    assert answer.code == 0
    assert "rules of thumb" in answer.out
    fits = [line for line in answer.out.splitlines() if line.strip().startswith("fits")]
    assert [line.split()[2] for line in fits] == ["3", "4"], "the idle card, and the one with a small model on it"


def test_one_that_fits_nowhere_ends_with_1(stackops: Command) -> None:
    answer = stackops("--host", "demo", "gpu", "--fit", "Baichuan2-13B-Chat")
    assert answer.code == 1
    assert "Does not fit" in answer.out


def test_a_promise_that_cannot_be_kept_is_told(stackops: Command) -> None:
    answer = stackops("--host", "demo", "gpu", "--fit", "Baichuan2-13B-Chat", "--dtype", "int8")
    assert "QUANTIZE_BIT=8 does nothing" in answer.out
    assert "promises 17 GB" in answer.out


def test_several_are_judged_together(stackops: Command) -> None:
    both = ("--host", "demo", "gpu", "--fit", "ChatGLM3-6B@int4", "--fit", "m3e")
    told = json.loads(stackops(*both, "--json").out)["fit"]
    assert set(told["together"]) == {"ChatGLM3-6B", "M3E-large"}
    assert stackops(*both).code == 0
    assert stackops(*both, "--fit", "Llama-3-70B@int4").code == 1


def test_the_document_adds_up(stackops: Command) -> None:
    (told,) = json.loads(stackops("--host", "demo", "gpu", "--fit", "qwen2.5:7b-fp16", "--json").out)["fit"]["models"]
    assert told["need"][0] == told["weights"] + told["kv_cache"] + told["overhead"][0]
    assert told["need"][1] == told["weights"] + told["kv_cache"] + told["overhead"][1]
    known = [gpu for gpu in told["gpus"] if gpu["free"] is not None]
    assert len(known) == len(told["gpus"]) - 1, "one card of the practice stack is lost"
    for gpu in known:
        assert gpu["left"] == gpu["free"] - told["need"][1]
        assert gpu["verdict"] in {"fits", "tight", "after_unload", "too_large"}


def test_plain_has_a_fact_for_each_gpu(stackops: Command) -> None:
    lines = stackops("--host", "demo", "gpu", "--fit", "qwen2.5:7b", "--plain").out.splitlines()
    assert next(line.split("\t")[0] for line in lines) == "need"
    assert len([line for line in lines if "\tGPU-" in line]) == 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--fit", "nonsense"), "nonsense is not in the table"),
        (("--fit", "7B", "--dtype", "int3"), "int3 is no precision"),
        (("--fit", "/no/such/folder"), "/no/such/folder"),
        (("--dtype", "int4"), "--fit"),
        (("--fit", "7B", "--context", "0"), "0"),
        (("--fit", ""), "table"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence_and_exit_2(
    arguments: tuple[str, ...], says: str, stackops: Command
) -> None:
    answer = stackops("--host", "demo", "gpu", *arguments)
    assert answer.code == 2
    assert says in answer.err
    assert not answer.out
    assert "Traceback" not in answer.err

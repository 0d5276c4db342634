"""What is said of an Ollama whose models lie on several sides."""

from __future__ import annotations

import pytest
from examples.ollama.on_cpu import model, ollama
from stackops.checks.ollama import on_cpu
from stackops.console.settings import Settings


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        (ollama(model(30, 18)), "qwen2.5:7b of ollama lies partly on the CPU"),
        (ollama(model(6, 6), model(14, 0, "llama3:70b")), "llama3:70b of ollama lies wholly on the CPU"),
    ],
)
def test_a_model_of_which_nothing_is_on_a_gpu_does_not_lie_there_partly(snapshot, said):
    (result,) = on_cpu.CHECK.examine(snapshot, Settings())
    assert (result.form, result.title, result.severity) == ("partial", said, "info")

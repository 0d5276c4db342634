"""Sum of the processes and what is nobody's are what is used, on every GPU."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from stackops.console.collect.joining import rest_of, unattributed
from stackops.console.model import Gpu
from support.gpu_rows import CARD, GIB, holds


def test_what_no_process_holds_is_unattributed() -> None:
    gpu = Gpu(uuid=CARD, memory_used=10 * GIB)
    held = [holds(1, 3 * GIB), holds(2, 5 * GIB), holds(3, 7 * GIB, gpu="GPU-1")]
    assert unattributed(gpu, held) == 2 * GIB
    assert rest_of(gpu, held).sentence() is None


def test_processes_of_unknown_size_share_it() -> None:
    rest = rest_of(Gpu(uuid=CARD, memory_used=10 * GIB), [holds(1, 3 * GIB), holds(2, None), holds(3, None)])
    assert (rest.unattributed, rest.unknown) == (7 * GIB, 2)
    assert rest.sentence() == "Shared with 2 processes of unknown size: the driver does not tell"


def test_figures_that_disagree_are_told_and_never_negative() -> None:
    rest = rest_of(Gpu(uuid=CARD, memory_used=GIB), [holds(1, 3 * GIB)])
    assert (rest.unattributed, rest.excess) == (0, 2 * GIB)
    assert rest.sentence() == "The driver says that processes hold 2.0 GiB more than is used at all"


def test_without_what_is_used_nothing_is_known() -> None:
    assert unattributed(Gpu(uuid=CARD), [holds(1)]) is None


@given(st.integers(0, 1 << 40), st.lists(st.one_of(st.none(), st.integers(0, 1 << 38)), max_size=20))
def test_it_always_adds_up(used: int, sizes: list[int | None]) -> None:
    rest = rest_of(Gpu(uuid=CARD, memory_used=used), [holds(n, size) for n, size in enumerate(sizes)])
    assert rest.unattributed is not None
    assert rest.unattributed >= 0
    assert rest.known + rest.unattributed - rest.excess == used

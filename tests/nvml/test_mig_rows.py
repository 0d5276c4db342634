"""A process of a sliced card is one row with its memory once, however many lists name it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from stackops.console.collect.joining import rest_of
from stackops.console.hosts.local.gpus.cards import card, holders
from stackops.console.hosts.local.gpus.states import RawCard, RawInstance

GIB = 1 << 30
NOBODY = 0xFFFFFFFF


def sliced(*instances: RawInstance, **facts: object) -> RawCard:
    return RawCard(uuid="GPU-0", mig=1, instances=list(instances), **facts)  # type: ignore[arg-type]


def slice_(number: int, gpu: int, compute: int, *rows: tuple[int, int | None, int | None, int | None]) -> RawInstance:
    return RawInstance(uuid=f"MIG-{number}", gpu_instance=gpu, compute_instance=compute, compute=list(rows))


def seen(raw: RawCard) -> list[tuple[int, int | None, str | None]]:
    return [(each.pid, each.memory, each.instance) for each in holders(raw, "GPU-0")]


def test_a_card_that_names_the_process_of_an_instance_without_saying_which_adds_no_row() -> None:
    for ids in ((NOBODY, NOBODY), (None, None), (7, 0)):
        raw = sliced(slice_(0, 7, 0, (70, GIB, 7, 0)), compute=[(70, None, *ids), (71, None, *ids)])
        assert [row for row in seen(raw) if row[0] == 70] == [(70, GIB, "MIG-0")]
        assert [row[0] for row in seen(raw)] == [70, 71]


def test_compute_instances_that_share_their_memory_count_a_process_once() -> None:
    row = (70, GIB, 7, 1)
    raw = sliced(slice_(0, 7, 0, row, (71, GIB, 7, 0)), slice_(1, 7, 1, row, (71, GIB, 7, 0)))
    assert sorted(seen(raw)) == [(70, GIB, "MIG-1"), (71, GIB, "MIG-0")]


def test_an_instance_that_does_not_tell_its_numbers_keeps_its_processes() -> None:
    raw = sliced(RawInstance(uuid="MIG-0", compute=[(70, GIB, None, None)]), compute=[(70, None, None, None)])
    assert seen(raw) == [(70, GIB, "MIG-0")]


def test_sizes_that_no_card_has_are_unknown() -> None:
    raw = RawCard(
        uuid="GPU-0", compute=[(70, (1 << 64) - 4096, None, None)], memory=(8 * GIB, 0, (1 << 64) - 1, 1 << 63)
    )
    assert seen(raw) == [(70, None, None)]
    gpu = card(raw, 1.0)
    assert (gpu.memory_total, gpu.memory_free, gpu.memory_used) == (8 * GIB, None, None)
    assert card(RawCard(uuid="GPU-0", memory=((1 << 64) - 2, 0, 0, 0)), 1.0).memory_total is None


PIDS = st.integers(0, 6)
SIZES = st.one_of(st.none(), st.integers(0, 4 * GIB), st.sampled_from([(1 << 64) - 1, 1 << 63]))
IDS = st.sampled_from([(None, None), (NOBODY, NOBODY), (7, 0), (7, 1), (9, 0), (3, 3)])
ROWS = st.lists(st.tuples(PIDS, SIZES, IDS).map(lambda row: (row[0], row[1], *row[2])), max_size=6)
MEMORY = st.one_of(
    st.none(), st.tuples(st.just(40 * GIB), st.one_of(st.none(), st.just(GIB)), st.just(0), st.integers(0, 40 * GIB))
)


@given(lists=st.lists(ROWS, min_size=8, max_size=8), memory=MEMORY, mig=st.booleans())
def test_whatever_the_lists_say_the_sum_is_what_is_used(lists: list, memory: tuple | None, mig: bool) -> None:
    slices = [
        RawInstance(f"MIG-{n}", None, gpu, compute, compute=lists[n], graphics=lists[n + 3])
        for n, (gpu, compute) in enumerate(((7, 0), (7, 1), (9, 0)))
    ]  # fmt: skip
    raw = RawCard(uuid="GPU-0", memory=memory, instances=slices if mig else [], compute=lists[6], mps=lists[7])
    gpu, rows = card(raw, 1.0), list(holders(raw, "GPU-0"))
    keys = [(row.pid, row.instance) for row in rows]
    assert len(keys) == len(set(keys))
    assert not {0, NOBODY} & {row.pid for row in rows}
    rest = rest_of(gpu, rows)
    if gpu.memory_used is None:
        assert rest.unattributed is None
    else:
        assert rest.known + (rest.unattributed or 0) - rest.excess == gpu.memory_used
    placed = {row.pid for row in rows if row.instance}
    assert not [row for row in rows if row.instance is None and row.pid in placed]

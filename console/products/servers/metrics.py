"""Prometheus text of a model server: the series that are wanted, parsed by prometheus_client, and nothing else.

Lines are sorted out by their name first: a server's histograms run to thousands of lines that nobody here needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from .asking import Ask
from .reading import Counted, Reading

LENGTH, KEPT = 1024, 128 << 10
"""Bytes of one line, and of all that are wanted: parsing takes two seconds for each MiB, and everybody waits."""
MOST = 1e18
"""Above it a number is nonsense, alone or in a sum."""
Labels = Mapping[str, str]
Samples = dict[str, list[tuple[Labels, float]]]


def samples(body: bytes, wanted: frozenset[str]) -> Samples:
    """The finite samples of the wanted names; none where there are more than any server has.

    A line that makes no sense loses itself only.
    """
    lines = list(_lines(body, wanted))
    if sum(map(len, lines)) > KEPT:
        return {}  # part of a sum would be a wrong figure
    found: Samples = {}
    try:
        _parsed("\n".join(lines), found)
    except (ValueError, KeyError, IndexError):
        found = {}
        for line in lines:
            try:
                _parsed(line, found)
            except (ValueError, KeyError, IndexError):
                continue
    return found


def _lines(body: bytes, wanted: frozenset[str]) -> Iterator[str]:
    names = {name.encode() for name in wanted}
    kept = 0
    for line in body.split(b"\n"):
        if len(line) > LENGTH or line.partition(b" ")[0].partition(b"{")[0].strip() not in names:
            continue
        yield line.decode("utf-8", "replace").replace("\r", "")
        kept += len(line)
        if kept > KEPT:
            return


def _parsed(text: str, found: Samples) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(f"{text}\n"):
        for sample in family.samples:
            if abs(sample.value) < MOST:  # NaN is not, nor is an integer that no float can hold
                found.setdefault(sample.name, []).append((sample.labels, sample.value))


def total(found: Samples, *names: str) -> float | None:
    """The sum over all series of the first of the names that is there; None for a negative one, and where none is."""
    for name in names:
        if name in found:
            number = math.fsum(value for _, value in found[name])
            return number if 0 <= number < MOST else None
    return None


def share(found: Samples, *names: str) -> float | None:
    """The highest of the series, as a share of 1; None where it is none."""
    for name in names:
        if name in found:
            number = max(value for _, value in found[name])
            return number if 0 <= number <= 1 else None
    return None


Series = Mapping[str, tuple[str, ...]]
"""Field of ``Counted`` -> the series it is made of: the first that is there counts, as releases have renamed some."""


def counted(found: Samples, series: Series) -> Counted:
    """Figures of all models and engines together; of the caches the fullest."""
    return Counted(**{
        name: share(found, *names) if name == "kv_cache" else total(found, *names) for name, names in series.items()
    })  # fmt: skip


async def scrape(ask: Ask, reading: Reading, series: Series, *more: str) -> Samples:
    """Reads ``/metrics`` into the figures; the samples, with those of ``more`` names, for what else they tell."""
    answer = await ask.answer("/metrics")
    wanted = frozenset(more).union(*series.values())
    found = samples(answer.body, wanted) if answer is not None and answer.ok else {}
    reading.counted = counted(found, series) if found else None
    return found

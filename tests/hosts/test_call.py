"""One way to call what blocks: hung calls take no place, pile up behind nobody, and keep no program alive."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from stackops.console.hosts import HostError
from stackops.console.hosts.call import IDLE, NotAnsweringError, call, call_async, run
from support.memory_host import until


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def test_it_gives_back_what_the_function_returns_or_raises() -> None:
    assert await call_async(lambda: divmod(7, 2), 60, "x") == (3, 1)
    assert call(lambda: divmod(7, 2), 60, "x", way="x") == (3, 1)
    for error in (ZeroDivisionError(), TimeoutError("its own")):

        def fail(error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error)):
            await call_async(fail, 60, "x")
        with pytest.raises(type(error)):
            call(fail, 60, "x", way="x")


async def test_a_call_that_hangs_is_left_alone_and_no_second_one_piles_up(release: threading.Event) -> None:
    calls: list[int] = []

    def hang() -> None:
        calls.append(1)
        release.wait(100)

    way = object()
    with pytest.raises(NotAnsweringError, match=r"The disk did not answer within 0\.05 s"):
        await call_async(hang, 0.05, "The disk", way=way)
    with pytest.raises(NotAnsweringError, match=r"The disk has not answered for \d+ s") as told:
        await call_async(hang, 3600, "The disk", way=way)  # at once: it would be waited for longer than a test may take
    assert isinstance(told.value, HostError)
    with pytest.raises(HostError, match="said by the caller"):
        call(hang, 3600, "The disk", way=way, late=HostError("said by the caller"))
    assert len(calls) == 1
    assert await call_async(lambda: len("four"), 60, "Another disk", way=object()) == 4
    release.set()
    await until(lambda: answers(way))


def answers(way: object) -> bool:
    try:
        return call(lambda: True, 60, "The disk", way=way)
    except NotAnsweringError:
        return False


async def test_whom_nobody_waits_for_any_more_is_left_behind_too(release: threading.Event) -> None:
    way, begun = object(), threading.Event()
    waiting = asyncio.create_task(call_async(lambda: (begun.set(), release.wait(100)), None, "The name", way=way))
    await until(begun.is_set)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not answers(way)
    release.set()
    await until(lambda: answers(way))


def test_hung_calls_take_no_place_from_others(release: threading.Event) -> None:
    """Five network file systems are dead at once: whoever asks for a sixth folder is answered."""
    for number in range(20):
        with pytest.raises(NotAnsweringError):
            call(lambda: release.wait(100), 0.01, "x", way=("dead", number))
    assert call(lambda: 7, 60, "x", way="alive") == 7


def test_threads_are_used_again() -> None:
    """A stat for each of 400 paths starts no 400 threads."""
    seen = {call(threading.get_ident, 60, "x", way="x") for _ in range(100)}
    assert len(seen) <= IDLE + 1


@pytest.mark.parametrize("how", ["call(hang, 0.1, 'x', way='x')", "run(call_async(hang, 0.1, 'x'))",
                                 "run(asyncio.wait_for(asyncio.to_thread(hang), 0.1))"])  # fmt: skip
def test_no_hung_call_keeps_the_program_from_ending(how: str) -> None:
    code = f"""
import asyncio, time
from stackops.console.hosts.call import call, call_async, run
hang = lambda: time.sleep(3600)
try:
    {how}
except Exception as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() in ("NotAnsweringError", "TimeoutError")


def test_a_coroutine_runs_to_its_end_where_no_loop_is() -> None:
    async def work() -> str:
        return await asyncio.to_thread(str, 7)

    assert run(work()) == "7"


def test_a_forked_process_has_threads_of_its_own() -> None:
    assert call(lambda: 1, 5.0, "it", way="a") == 1, "a thread of the pool is idle now"
    child = os.fork()
    if child == 0:
        os._exit(call(lambda: 7, 5.0, "it", way="a"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

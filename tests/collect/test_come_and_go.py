"""Containers that came and went leave nothing behind in what looks for as long as the console is open.

What is counted is not memory, which says little, but their ids: none may be reached from the sources any more.
"""

from __future__ import annotations

import gc
from collections import Counter
from types import FunctionType, ModuleType

import pytest
from msgspec.structs import replace
from stackops.console.collect.collector import Looks
from stackops.console.hosts import HostError
from stackops.console.model import Container, EnvVar, HostInfo, Snapshot
from stackops.console.practice import open_demo
from stackops.console.practice.stand import Definition
from stackops.console.settings import Settings
from stackops.console.text.redaction import Secrets
from support.clock import FakeClock

IMAGES = (
    "busybox:1",
    "ollama/ollama:0.5.4",
    "mysql:8.0.36",
    "mongo:5.0.18",
    "justsong/one-api:v0.6.10",
    "guest/web:{}",
)
WAVES, EACH = 10, 30


def reached(root: object, wanted: frozenset[str], apart: tuple[type, ...]) -> Counter[str]:
    """Ids that can be reached from an object, by the type of what holds them; what is ``apart`` is not entered.

    Of a function only what it was made with: by its globals everything is reached.
    """
    found: Counter[str] = Counter()
    seen, waiting = {id(root)}, [root]
    while waiting:
        holder = waiting.pop()
        for held in _made_with(holder) if isinstance(holder, FunctionType) else gc.get_referents(holder):
            if isinstance(held, str):
                found[type(holder).__name__] += held in wanted or any(one in held for one in wanted)
            elif id(held) not in seen and not isinstance(held, (ModuleType, type, *apart)):
                seen.add(id(held))
                waiting.append(held)
    return +found


def _made_with(function: FunctionType) -> tuple[object, ...]:
    return function.__closure__, function.__defaults__, function.__kwdefaults__, function.__dict__


def test_what_a_function_was_made_with_and_a_longer_text_are_reached_too() -> None:
    one = "a" * 64
    wanted = frozenset({one})
    assert reached([lambda: one], wanted, ()) == {"cell": 1}
    assert reached([lambda text=one: text], wanted, ()) == {"tuple": 1}
    assert reached([f"/containers/{one}/json"], wanted, ()) == {"list": 1}
    assert reached([lambda: WAVES], wanted, ()) == Counter()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("alone", [False, True], ids=["beside stacks that stay", "alone"])
def test_three_hundred_that_came_and_went_are_known_to_no_source(alone: bool) -> None:
    host = open_demo(clock=FakeClock(), scenarios=())
    if not alone:
        host.build()
    looks = Looks(host, Settings())
    ids: set[str] = set()
    images: set[str] = set()
    apart = (type(host), type(host.world))
    try:
        for wave in range(WAVES):
            made = []
            for number in range(EACH):
                name = f"guest-{wave}-{number}"
                labels = {"com.docker.compose.project": "guests", "com.docker.compose.service": name}
                image = IMAGES[number % len(IMAGES)].format(name)
                one = host.world.create(Definition(name=name, image=image, labels=labels))
                made.append(one)
                try:
                    host.world.start(one)
                except HostError:
                    continue
            seen = {container.id: container for container in looks.look().containers}
            assert {one.id for one in made} <= seen.keys()
            ids |= {one.id for one in made}
            own = [seen[one.id].image_id for one in made if one.definition.image == IMAGES[-1].format(one.name)]
            images |= {image for image in own if image}
            assert reached(looks._scheduler, frozenset(ids), apart)
            for one in made:
                host.world.remove(one)
            host.clock.advance(120.0)
            assert not ids & {container.id for container in looks.look().containers}
        assert len(ids) == WAVES * EACH
        assert len(images) == WAVES * EACH // len(IMAGES)
        assert reached(looks._scheduler, frozenset(ids | images), apart) == Counter()
    finally:
        looks.close()


def test_what_is_gone_is_no_name_any_more_and_its_secret_stays_one() -> None:
    secrets = Secrets(b"k")
    box = Container("a" * 64, "guest-bluebox", "x", "running", env=(EnvVar("PASSWORD", "Wn4kqztl8x"),))
    there = Snapshot(taken_at=0.0, host=HostInfo("h"), containers=(box,))
    secrets.learn_snapshot(there)
    secrets.learn_snapshot(replace(there, containers=(replace(box, name="other"),)))
    assert reached(secrets, frozenset({"guest-bluebox"}), ()) == Counter()
    assert "Wn4kqztl8x" not in secrets.redact("refused Wn4kqztl8x")

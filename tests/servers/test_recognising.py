"""The recognition matrix: every recorded server is known for what it is, and none of the others is."""

from __future__ import annotations

import pytest
from stackops.console.model import Server
from stackops.console.products.registry import SERVERS
from stackops.console.products.servers.looking import look
from support.model_servers import BASE, NAMES, NOW, InMemory, candidate_for, recording, stand_in

ALIKE = [name for name in NAMES if recording(name).get("look_alike")]
OWN = [name for name in NAMES if name not in ALIKE]


async def seen(name: str, **more) -> Server:
    stand = stand_in(name)
    return await look(InMemory({BASE: stand}), candidate_for(stand, **more), None, NOW, slow=True)


def figures_of(server: Server) -> dict[str, float | None]:
    return {} if server.figures is None else {n: getattr(server.figures, n) for n in server.figures.__struct_fields__}


@pytest.mark.parametrize("name", NAMES)
async def test_each_recorded_server_is_recognised_and_read(name):
    told = recording(name)
    expected, server = told["expect"], await seen(name)
    assert (server.product, server.state) == (told["product"], expected["state"]), (server.reason, server.recognised)
    if "reason" in expected:
        assert expected["reason"] in (server.reason or "")
        assert server.remedy or server.state in ("up", "unknown")
    elif expected["state"] == "up":
        assert server.reason is None
    if "version" in expected:
        assert server.version == expected["version"]
    if "models" in expected:
        assert [model.name for model in server.models] == expected["models"]
    if "loaded" in expected:
        assert (None if server.loaded is None else [one.name for one in server.loaded]) == expected["loaded"]
    if "figures" in expected:
        wanted = expected["figures"]
        found = figures_of(server)
        assert (wanted is None) == (server.figures is None)
        assert {key: found[key] for key in wanted or {}} == (wanted or {})
    if "context" in expected:
        assert server.loaded[0].context == expected["context"]
    if "vram" in expected:
        assert server.loaded[0].size_vram == expected["vram"]
    if "expires_at" in expected:
        assert server.loaded[0].expires_at == pytest.approx(expected["expires_at"], abs=0.01)


@pytest.mark.parametrize("name", OWN)
async def test_the_evidence_names_a_request_and_the_image_comes_last(name):
    server = await seen(name)
    assert server.recognised[0].startswith("GET /") or name == "tei-key"
    hint = recording(name).get("hint_reason")
    assert hint is None or server.recognised[-1] == hint


def test_the_matrix_covers_every_product_there_is():
    covered = {recording(name)["product"] for name in NAMES}
    assert covered == set(SERVERS)
    assert len(covered) >= 16
    assert len(ALIKE) >= 6


@pytest.mark.parametrize("name", [name for name in OWN if not recording(name).get("hint")])
@pytest.mark.parametrize("hint", ["ollama", "vllm", "tei", "m3e-large-api", "litellm"])
async def test_a_wrong_image_name_does_not_make_another_of_it(name, hint):
    told = recording(name)
    server = await seen(name, hint=hint, hint_reason=f"image of {hint}")
    allowed = {told["product"]} | ({"m3e-large-api"} if told["product"] == "m3e" else set())
    assert server.product in allowed


@pytest.mark.parametrize("name", ALIKE)
@pytest.mark.parametrize("hint", ["vllm", "ollama", "tgi", "oneapi", "m3e", "localai"])
async def test_an_image_name_alone_never_makes_a_server_that_is_up(name, hint):
    told = recording(name)
    server = await seen(name, hint=hint, hint_reason=f"image of {hint}")
    if (name, hint) == ("like-own-embeddings", "m3e"):
        return  # the image and the paths together
    if name == "like-login" and hint in ("vllm", "tgi", "oneapi", "localai"):
        assert server.recognised == ("shut to everybody (GET /v1/models: 401)", f"image of {hint}")
        return  # alive, and whoever it is wants a key first
    assert server.state == ("unknown" if told["product"] == "unknown" else "up")
    assert server.state == "unknown" or server.product == told["product"]


async def test_the_image_names_a_server_that_does_not_answer():
    stand = stand_in("vllm-0.33")
    stand.down = "refused"
    candidate = candidate_for(stand, hint="vllm", hint_reason="image vllm/vllm-openai")
    server = await look(InMemory({BASE: stand}), candidate, None, NOW, slow=True)
    assert (server.product, server.state) == ("vllm", "down")
    assert server.recognised == ("image vllm/vllm-openai",)


async def test_the_port_tells_the_community_image_of_m3e_from_the_script():
    stand = stand_in("m3e")
    address = "http://box:6008"
    server = await look(InMemory({address: stand}), candidate_for(stand, address), None, NOW, slow=True)
    assert server.product == "m3e-large-api"


async def test_a_title_of_its_own_is_believed_less_than_the_image():
    server = await seen("like-own-embeddings", hint="m3e", hint_reason="image my/m3e")
    assert (server.product, server.state) == ("m3e", "up")

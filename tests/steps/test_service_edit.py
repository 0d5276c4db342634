"""SetServiceKeys: command, variables, extra hosts are set where they belong, nothing else changes, doubt is refused."""

from __future__ import annotations

import pytest
from stackops.console.compose.yaml import load
from stackops.console.fix.acts.compose_edits import HEADER, SetServiceKeys
from stackops.console.fix.acts.editing import apply_all
from stackops.console.fix.steps import StepFailed

PATH = "/srv/librechat/docker-compose.override.yml"
EDIT = SetServiceKeys("api", ("node", "api/server/index.js"), (("NODE_ENV", "development"),))
COMMAND = '    command: ["node", "api/server/index.js"]\n'
VARIABLE = "    environment:\n      - NODE_ENV=development\n"

WRITTEN = {
    "no file": (None, f"{HEADER}\nservices:\n  api:\n{COMMAND}{VARIABLE}"),
    "an empty file": ("", f"services:\n  api:\n{COMMAND}{VARIABLE}"),
    "comments only": ("# mine\n", f"# mine\n\nservices:\n  api:\n{COMMAND}{VARIABLE}"),
    "services without any": ("services:\n", f"services:\n  api:\n{COMMAND}{VARIABLE}"),
    "another service": (
        "services:\n  rag_api:\n    image: x\n", f"services:\n  rag_api:\n    image: x\n  api:\n{COMMAND}{VARIABLE}",
    ),
    "a service without keys": ("services:\n  api:\n", f"services:\n  api:\n{COMMAND}{VARIABLE}"),
    "other keys and comments": (
        "services:\n  api:\n    image: x   # pinned\n  # the next one\n  b:\n    image: y\n",
        f"services:\n  api:\n    image: x   # pinned\n{COMMAND}{VARIABLE}  # the next one\n  b:\n    image: y\n",
    ),
    "a list of variables with this one": (
        "services:\n  api:\n    environment:\n      - A=1  # a\n      - NODE_ENV=production  # p\n",
        f"services:\n  api:\n    environment:\n      - A=1  # a\n      - NODE_ENV=development  # p\n{COMMAND}",
    ),
    "a mapping of variables": (
        "services:\n  api:\n    environment:\n      A: 1\n",
        f"services:\n  api:\n    environment:\n      A: 1\n      NODE_ENV: development\n{COMMAND}",
    ),
    "a command as text": (
        "services:\n  api:\n    command: npm run backend:dev  # blog\n",
        f'services:\n  api:\n    command: ["node", "api/server/index.js"]  # blog\n{VARIABLE}',
    ),
    "a command as a list in its key's column": (
        "services:\n  api:\n    command:\n    - npm\n    - run\n    image: x\n",
        'services:\n  api:\n    command:\n     ["node", "api/server/index.js"]\n    image: x\n' + VARIABLE,
    ),
    "a folded command": (
        "services:\n  api:\n    command: >\n      npm run\n      backend\n    image: x\n",
        f"services:\n  api:\n{COMMAND}    image: x\n{VARIABLE}",
    ),
    "braces": (
        "services: {api: {image: x}}\n",
        'services: {api: {image: x, command: ["node", "api/server/index.js"], environment: [NODE_ENV=development]}}\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_keys_are_written_where_they_belong_and_a_second_run_changes_nothing(name: str) -> None:
    old, wanted = WRITTEN[name]
    new = apply_all(None if old is None else old.encode(), [EDIT], PATH)
    assert new.decode() == wanted
    assert apply_all(new, [EDIT], PATH) == new
    service = load(new).data["services"]["api"]
    assert service["command"] == ["node", "api/server/index.js"]
    found = service["environment"]
    assert (found.get("NODE_ENV") if isinstance(found, dict) else found[-1]) in ("development", "NODE_ENV=development")


REFUSED = {
    "variables shared through an anchor": "services:\n  api:\n    environment: &e [A=1]\n  b:\n    environment: *e\n",
    "a service from an anchor": "x: &x\n  image: y\nservices:\n  api: *x\n",
    "a comment inside the command": "services:\n  api:\n    command:\n      - npm\n      # why\n      - run\n",
    "a variable that Compose takes from .env": "services:\n  api:\n    environment:\n      NODE_ENV:\n",
    "no mapping": "- a\n",
    "broken": "services: [\n",
    "variables that are a text": "services:\n  api:\n    environment: A=1\n",
    "a service that is thrown away": "services:\n  api: !reset null\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_proven_is_refused_with_the_text_to_paste(name: str) -> None:
    with pytest.raises(StepFailed, match="Not edited, nothing was changed") as caught:
        apply_all(REFUSED[name].encode(), [EDIT], PATH)
    pasted = (caught.value.remedy or "").partition("by hand:\n")[2]
    assert load(pasted.encode()).data == {
        "services": {"api": {"command": ["node", "api/server/index.js"], "environment": ["NODE_ENV=development"]}}
    }


def test_words_and_values_that_look_like_something_else_stay_text() -> None:
    edit = SetServiceKeys("api", ("true", "a: b", "#x"), (("A", "yes"), ("B", "1"), ("C", "x # y")))
    for old in (None, b"services:\n  api:\n    environment:\n      X: y\n"):
        service = load(apply_all(old, [edit], PATH)).data["services"]["api"]
        assert service["command"] == ["true", "a: b", "#x"]
        found = service["environment"]
        pairs = found if isinstance(found, dict) else dict(item.split("=", 1) for item in found)
        assert {name: pairs[name] for name in "ABC"} == {"A": "yes", "B": "1", "C": "x # y"}


def test_line_ends_of_windows_stay() -> None:
    new = apply_all(b"services:\r\n  api:\r\n    image: x\r\n", [EDIT], PATH)
    assert new.count(b"\n") == new.count(b"\r\n")


def test_it_describes_itself() -> None:
    assert EDIT.describe() == "set command node api/server/index.js and NODE_ENV=development for api"


GATEWAY = SetServiceKeys("api", extra_hosts=(("host.docker.internal", "host-gateway"),))
ADDRESS = "      - host.docker.internal:host-gateway\n"
HOSTS = {
    "none yet": ("services:\n  api:\n    image: x\n", f"services:\n  api:\n    image: x\n    extra_hosts:\n{ADDRESS}"),
    "a list": (
        "services:\n  api:\n    extra_hosts:\n      - db:10.0.0.1 # ours\n",
        f"services:\n  api:\n    extra_hosts:\n      - db:10.0.0.1 # ours\n{ADDRESS}",
    ),
    "a mapping": (
        "services:\n  api:\n    extra_hosts:\n      db: 10.0.0.1\n",
        "services:\n  api:\n    extra_hosts:\n      db: 10.0.0.1\n      host.docker.internal: host-gateway\n",
    ),
    "another address": (
        "services:\n  api:\n    extra_hosts: ['host.docker.internal=172.17.0.1']\n",
        "services:\n  api:\n    extra_hosts: ['host.docker.internal:host-gateway']\n",
    ),
}


@pytest.mark.parametrize("name", HOSTS)
def test_an_extra_host_is_added_or_corrected(name: str) -> None:
    old, wanted = HOSTS[name]
    new = apply_all(old.encode(), [GATEWAY], PATH)
    assert new.decode() == wanted
    assert apply_all(new, [GATEWAY], PATH) == new


TAKEN = SetServiceKeys("api", unset=("NUM_WORKERS",))
AWAY = {
    "no file": (None, f"{HEADER}\nservices:\n  api:\n    environment:\n      - NUM_WORKERS\n"),
    "a list": (
        "services:\n  api:\n    environment: [A=1, NUM_WORKERS=1]\n",
        "services:\n  api:\n    environment: [A=1, NUM_WORKERS]\n",
    ),
    "a mapping": (
        "services:\n  api:\n    environment:\n      NUM_WORKERS: 1 # for uvicorn\n",
        "services:\n  api:\n    environment:\n      NUM_WORKERS: null # for uvicorn\n",
    ),
    "a mapping without it": (
        "services:\n  api:\n    environment:\n      A: 1\n",
        "services:\n  api:\n    environment:\n      A: 1\n      NUM_WORKERS: null\n",
    ),
}


@pytest.mark.parametrize("name", AWAY)
def test_a_variable_is_taken_away_by_its_name_alone(name: str) -> None:
    old, wanted = AWAY[name]
    new = apply_all(None if old is None else old.encode(), [TAKEN], PATH)
    assert new.decode() == wanted
    assert apply_all(new, [TAKEN], PATH) == new


SIZED = SetServiceKeys("api", shm_size="8g")
SIZES = {
    "no file": (None, f"{HEADER}\nservices:\n  api:\n    shm_size: 8g\n"),
    "another size": (
        "services:\n  api:\n    shm_size: 1gb # small\n    image: x\n",
        "services:\n  api:\n    shm_size: 8g # small\n    image: x\n",
    ),
    "a number": ("services: {api: {shm_size: 67108864}}\n", "services: {api: {shm_size: 8g}}\n"),
    "other keys": ("services:\n  api:\n    image: x\n", "services:\n  api:\n    image: x\n    shm_size: 8g\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_shared_memory_is_given_or_raised(name: str) -> None:
    old, wanted = SIZES[name]
    new = apply_all(None if old is None else old.encode(), [SIZED], PATH)
    assert new.decode() == wanted
    assert apply_all(new, [SIZED], PATH) == new


def test_the_others_describe_themselves() -> None:
    assert SIZED.describe() == "set shm_size to 8g for api"
    assert GATEWAY.describe() == "set the address of host.docker.internal to host-gateway for api"
    assert TAKEN.describe() == "take NUM_WORKERS away for api"


URI = "mongodb://root:s3cr3tpassw0rd@mongo:27017/fastgpt?authSource=admin"


@pytest.mark.parametrize("old", [b"services: [\n", b"services:\n  s: &a {}\n  t: *a\n", b"services:\n  s: 1\n"])
def test_a_refused_edit_shows_no_secret(old):
    edit = SetServiceKeys("s", environment=(("MONGODB_URI", URI),))
    with pytest.raises(StepFailed) as caught:
        apply_all(old, [edit], "/srv/docker-compose.override.yml")
    assert "s3cr3tpassw0rd" not in f"{caught.value} {caught.value.remedy}"
    assert "MONGODB_URI" in (caught.value.remedy or "")


def test_what_an_edit_does_is_told_without_its_secrets():
    assert "s3cr3tpassw0rd" not in SetServiceKeys("s", environment=(("MONGODB_URI", URI),)).describe()
    assert "OLLAMA_HOST=0.0.0.0" in SetServiceKeys("s", environment=(("OLLAMA_HOST", "0.0.0.0"),)).describe()

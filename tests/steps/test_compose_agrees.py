"""What the edits of services mean to the real Compose: over lists and mappings, env files, empty files."""

from __future__ import annotations

import pytest
from stackops.console.fix.acts.editing import apply_all
from stackops.console.fix.steps import RenameVariable, SetServiceKeys
from support import compose_cli

pytestmark = compose_cli.needs_compose
BASES = {
    "a list": "    environment:\n      - NUM_WORKERS=1\n      - A=b\n    extra_hosts: ['db:10.0.0.1']\n",
    "a mapping": "    environment:\n      NUM_WORKERS: 1\n      A: b\n    extra_hosts:\n      db: 10.0.0.1\n",
    "an env file": "    env_file: [a.env]\n    extra_hosts: ['db:10.0.0.1']\n",
}
OVERRIDES = {
    "none": None,
    "an empty one": "",
    "one with a bare service": "services:\n  s:\n",
    "one with lists": "services:\n  s:\n    environment:\n      - C=d\n    extra_hosts:\n      - 'x:10.0.0.2'\n",
    "one with mappings": "services:\n  s:\n    environment: {NUM_WORKERS: 4}\n    extra_hosts: {x: 10.0.0.2}\n",
}
EDIT = SetServiceKeys(
    "s", environment=(("OLLAMA_HOST", "0.0.0.0"),), unset=("NUM_WORKERS",),
    extra_hosts=(("host.docker.internal", "host-gateway"),),
)  # fmt: skip


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("override", OVERRIDES)
def test_an_override_adds_takes_away_and_keeps_the_rest(base, override, tmp_path):
    whole, added = tmp_path / "compose.yml", tmp_path / "compose.override.yml"
    whole.write_text(f"services:\n  s:\n    image: x\n{BASES[base]}")
    (tmp_path / "a.env").write_text("NUM_WORKERS=1\nA=b\n")
    old = OVERRIDES[override]
    new = apply_all(None if old is None else old.encode(), (EDIT,), str(added))
    assert apply_all(new, (EDIT,), str(added)) == new, "twice is once"
    added.write_bytes(new)
    data, complaint = compose_cli.config(tmp_path, whole, added)
    assert data is not None, complaint
    service = data["services"]["s"]
    env, hosts = service["environment"], set(service["extra_hosts"])
    assert env["NUM_WORKERS"] is None, "named without a value: the image's is taken away"
    assert (env["A"], env["OLLAMA_HOST"]) == ("b", "0.0.0.0")
    assert {"db=10.0.0.1", "host.docker.internal=host-gateway"} <= {host.replace(":", "=") for host in hosts}


@pytest.mark.parametrize(
    "lines", ["      - 'SK-KEY=a b' # mine\n", '      "SK-KEY": a b\n', "      SK-KEY: ${K:-a b}\n"]
)
def test_a_variable_is_renamed_and_keeps_its_value(lines, tmp_path):
    edit, path = RenameVariable("s", "SK-KEY", "SK_KEY"), tmp_path / "compose.yml"
    path.write_bytes(
        apply_all(f"services:\n  s:\n    image: x\n    environment:\n{lines}".encode(), (edit,), str(path))
    )
    data, complaint = compose_cli.config(tmp_path, path)
    assert data is not None, complaint
    assert data["services"]["s"]["environment"] == {"SK_KEY": "a b"}

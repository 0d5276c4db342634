"""Docker will not start with its own daemon.json: no JSON, a value of another kind, a key it does not know.

What it does
    Judges the file that this Engine reads as its next start would: one JSON object, the kind of value that each key
    takes (a list of texts, a text, a whole number, ...), keys that some release knows, no key that is a flag as well.
    Names of flags (insecure-registry for insecure-registries) pass and do nothing, which is said too.

Why it matters
    The Engine goes on with what it read before, so that nothing seems to be wrong. At its next start, after an update
    or a reboot, it does not come up, and every container is down. A reload with such a file changes nothing either.

Fix
    Explained: stackops does not guess what was meant.

Sources
    moby daemon/config/config.go and config_linux.go (keys, kinds, the check for unknown keys); moby issue 44905; ollama
    issue 4604; observed with Engine 20.10.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ...console.model import DaemonConfig, Snapshot
from ...console.model.findings import Evidence
from ...console.products.dockerd import BOTH_ALLOWED, OF_FILE, Objection, address_of, objections
from ...console.settings import Settings
from ..api import Case, Check, Fine, Form, Found, by_hand
from .mirrors import NEXT_START

_NO_RESTART = "Until then do not restart Docker, and do not reboot: it would not come up again."
INVALID = Form(
    "invalid-json", "{subject} is not valid, and Docker will not start with it", NEXT_START, "repair the file by hand",
    advice="Open {subject} and repair this: {says}.\n"
    "JSON has no comments, and no comma behind the last entry; what is not valid is not rewritten by stackops.\n"
    "See whether it is right: python3 -m json.tool {quoted}\n"
    f"{_NO_RESTART}",
)  # fmt: skip
REFUSED = Form(
    "refused-value", "Docker will not start with {subject}: {says}", NEXT_START, "correct the value by hand",
    advice="Open {subject} and correct this: {all}.\n"
    "A list of texts is written with brackets, even with one entry: [\"10.0.0.1:5000\"]; numbers of log-opts are texts:"
    " \"3\".\n"
    "Docker 23 and later tells whether it is right: dockerd --validate --config-file {quoted}\n"
    f"{_NO_RESTART}",
)  # fmt: skip
UNKNOWN = Form(
    "unknown-key", "Docker will not start with {subject}: {says}", NEXT_START, "correct or remove the key by hand",
    advice="Open {subject}: {all}.\n"
    "Settings of the client (proxies.default, credsStore) belong into ~/.docker/config.json.\n"
    f"{_NO_RESTART}",
)  # fmt: skip
TWICE = Form(
    "flag-conflict", "{subject} sets what is a flag of dockerd too, and Docker will not start with both", NEXT_START,
    "keep it in one place, by hand",
    advice="Keep {twice} in one place: take it out of {subject}, or the flag out of the unit.\n"
    "The unit: systemctl edit docker, an empty ExecStart= first, then the command without the flag.\n"
    f"{_NO_RESTART}",
)  # fmt: skip
IDLE = Form(
    "idle-key", "{subject} has a key that does nothing: {idle}",
    "It is the name of a flag, so that the Engine lets it pass without a word. The key that was meant stands behind it",
    "give the key its name, by hand", "warning",
    advice="Open {subject} and write the key in brackets in place of the other: {idle}.",
)  # fmt: skip
FORMS = (INVALID, REFUSED, UNKNOWN, TWICE, IDLE)
"""Worst first."""


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """One answer for the Engine's file; none where only a mirror's address is wrong: registry-mirrors tells it."""
    config, engine = snapshot.daemon, snapshot.engine
    if config is None or engine is None or config.kind != "file":
        return
    everything = objections(config, engine.version, tuple(map(address_of, engine.registry_mirrors)))
    against = [one for one in everything if one.form in OF_FILE]
    form = next((each for each in FORMS if any(each.id == one.form for one in against)), IDLE if config.idle else None)
    if form is None:
        yield from () if everything else (Fine(config.path, f"Docker starts with {config.path}"),)
        return
    told = [one for one in against if one.form == form.id]
    rows = tuple(Evidence("at the next start", one.says, config.path) for one in against)
    rows += tuple(Evidence("does nothing", one, config.path) for one in config.idle)
    yield Case(config.path, form, None, rows, _words(config, told))


def _words(config: DaemonConfig, told: list[Objection]) -> dict[str, str]:
    more = f", and {len(told) - 1} more" if len(told) > 1 else ""
    both = [key for key in config.keys if key in config.flags and key not in BOTH_ALLOWED]
    return {
        "says": f"{told[0].says}{more}" if told else "", "all": "; ".join(one.says for one in told),
        "twice": ", ".join(both), "idle": ", ".join(config.idle), "quoted": shlex.quote(config.path),
    }  # fmt: skip


CHECK = Check(
    "docker.daemon-json", "Docker starts with its daemon.json", __doc__ or "", FORMS, find, by_hand,
    reads=("engine", "daemon"),
)  # fmt: skip

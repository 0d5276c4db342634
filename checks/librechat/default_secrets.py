"""LibreChat has the published secrets of upstream's example file, or some of a length that it cannot use.

What it does
    Compares JWT_SECRET, JWT_REFRESH_SECRET, CREDS_KEY, CREDS_IV and MEILI_MASTER_KEY with the values in .env.example of
    v0.7.2 to v0.8.7, and looks at the shape of CREDS_KEY (64 hexadecimal digits) and CREDS_IV (32). Values are never
    shown. Blank ones are fine: newer releases make their own.

Why it matters
    Whoever knows JWT_SECRET can log in as anybody. It is told as information while LibreChat is set up for this machine
    only, and as a warning once DOMAIN_* name an address of others. A CREDS_KEY of another length is not noticed at the
    start: saving a user's API key then fails, and ends the server in old releases.

Fix
    Explained, never done by a key: with other JWT secrets everybody has to log in again, and with another CREDS_KEY or
    CREDS_IV the API keys that users saved can no longer be read.

Sources
    LibreChat .env.example of v0.7.2, v0.8.2 and v0.8.7, api/server/services/start/checks.js; LibreChat issues 4276,
    7432, 14680 and 14699.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..compose import placed
from .process import api_of, front_of

PUBLIC = {
    "CREDS_KEY": "f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0",
    "CREDS_IV": "e2341419ec3dd3d19b13a1a87fafcbfb",
    "JWT_SECRET": "16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef",
    "JWT_REFRESH_SECRET": "eaa5191f2914e30b9387fd84e254e4ba6fc51b4654968a9b0803b456a54b8418",
    "MEILI_MASTER_KEY": "DrhYf7zENyR6AlUCKmnz0eYASOQdl6zxH7s7MKFSfFCt",
}
"""The same in every copy of .env.example, so no secrets. fact: LibreChat .env.example"""
DIGITS = {"CREDS_KEY": 64, "CREDS_IV": 32}

AS_SHIPPED = Form(
    "as-shipped", "{subject} uses secrets that are public: {names}",
    "They are the values of upstream's example file, which everybody can read.",
    "make secrets of your own before others can reach it", "info",
    advice="openssl rand -hex 32 makes a value for JWT_SECRET, JWT_REFRESH_SECRET and CREDS_KEY each, "
    "openssl rand -hex 16 one for CREDS_IV and MEILI_MASTER_KEY each.\n"
    "Write them into {path}. Change CREDS_KEY and CREDS_IV only before users have saved API keys: those can no longer "
    "be read afterwards.\n"
    "Everybody has to log in again. Then: docker compose up -d --force-recreate (rag_api and Meilisearch hold copies)",
)  # fmt: skip
REACHABLE = replace(
    AS_SHIPPED, id="reachable", severity="warning",
    because="They are the values of upstream's example file, and LibreChat is set up for others at {address}. Whoever "
    "knows JWT_SECRET can log in as anybody.",
    fix="make secrets of your own",
)  # fmt: skip
MALFORMED = Form(
    "malformed", "{subject} cannot encrypt with its {names}, which has the wrong length",
    "CREDS_KEY has to be 64 hexadecimal digits and CREDS_IV 32. LibreChat does not notice at its start: it fails when "
    "a user saves an API key.",
    "make it of the right length",
    advice="openssl rand -hex 32 makes a CREDS_KEY, openssl rand -hex 16 a CREDS_IV. Write them into {path}.\n"
    "What was encrypted with another value before can no longer be read: users enter their API keys again.\n"
    "Then: docker compose restart {service}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each LibreChat whose variables are known."""
    for place in placed(snapshot, "librechat"):
        api = api_of(place, snapshot)
        env = api.env()
        words = {"path": api.env_file or ".env", "service": place.service or "api", "address": ""}
        malformed = [name for name in DIGITS if _malformed(name, env if env is not None else api.inside)]
        public = [name for name, value in PUBLIC.items() if (env or api.inside).get(name) == value]
        if malformed:
            rows = tuple(Evidence(_("wrong length"), name, api.set_in(name)) for name in malformed)
            yield Case(place.subject, MALFORMED, None, rows, {**words, "names": ", ".join(malformed)})
        if public:
            rows = tuple(Evidence(_("as in .env.example"), name, api.set_in(name)) for name in public)
            address = front_of(api, snapshot).address
            words |= {"names": ", ".join(public), "address": address or ""}
            yield Case(place.subject, REACHABLE if address else AS_SHIPPED, None, rows, words)
        if not malformed and not public:
            if env is None:
                title = _("Cannot say whether {place} has secrets of its own", place=place.subject)
                yield Unknown(place.subject, title, _("its .env cannot be read from here"))
            else:
                yield Fine(place.subject, _("{place} has secrets of its own", place=place.subject))


def _malformed(name: str, env: Mapping[str, str]) -> bool:
    value = env.get(name, "").strip()
    return bool(value) and re.fullmatch(rf"[0-9a-fA-F]{{{DIGITS[name]}}}", value) is None


CHECK = Check(
    "librechat.default-secrets", "LibreChat has secrets of its own", __doc__ or "", (AS_SHIPPED, REACHABLE, MALFORMED),
    find, by_hand, reads=("containers", "projects", "services", "files", "processes"),
)  # fmt: skip

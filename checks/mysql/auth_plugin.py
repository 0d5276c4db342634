"""MySQL does not start with its own command line: an option for passwords that its release no longer knows.

What it does
    Looks for --default-authentication-plugin, which MySQL 8.4 no longer knows, and --mysql-native-password, which 9.0
    no longer knows, in the command of a MySQL, and compares them with its release. FastGPT's compose files have the
    first for MySQL 8.0.36; it is right there.

Why it matters
    With mysql:8, mysql:latest or 9 in its place MySQL ends with `unknown variable 'default-authentication-plugin'`, and
    One API restarts for ever because nobody answers.

Fix
    Explained: take the option out on an empty data folder; where users exist that log in the old way, change them in
    MySQL 8.0 first. It is not done by a key, because a newer MySQL changes the data for good.

Sources
    MySQL 8.4 and 9.0 release notes (removed options); docker-compose-lamp issue 277; FastGPT's compose files of v4.7 to
    v4.8.23; go-sql-driver/mysql (caching_sha2_password).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.products.gateways import release
from ...console.products.versions import is_newest, parts_of
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..compose import service_of
from ..parties import Party, parties

OPTIONS = {"default-authentication-plugin": (8, 4), "mysql-native-password": (9, 0)}
"""The first release that does not know it."""
_GIVEN = re.compile(rf"--({'|'.join(name.replace('-', '[-_]') for name in OPTIONS)})\b")

_ADVICE = (
    "Is the data folder new and empty? Then One API needs no such option. Take out of the command of {service}: "
    "--{option}\n"
    "Has MySQL 8.0 written it? Write the image mysql:8.0.36 again, as long as no newer MySQL has opened the data. To "
    "go to 8.4, first run ALTER USER ... IDENTIFIED WITH caching_sha2_password for each user.\n"
    "Then: docker compose up -d {service}"
)
REMOVED = Form(
    "removed", "{subject} does not start: MySQL {version} does not know --{option}",
    "The option was removed in {since}. MySQL ends at once with unknown variable.",
    "take the option out, or go back to MySQL 8.0", advice=_ADVICE,
)  # fmt: skip
LIKELY = Form(
    "likely", "{subject} will not start if its image is MySQL {since} or newer: --{option}",
    "The tag of its image names no such release, and the newest no longer knows the option.",
    "write the release into the image's name", "warning", advice=_ADVICE,
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each MySQL; MariaDB has options of its own."""
    for party in parties(snapshot):
        if party.role == "mysql" and "maria" not in parts_of(party.container.image).last:
            yield _judge(party, snapshot)


def _judge(party: Party, snapshot: Snapshot) -> Found:
    words = " ".join((*party.container.entrypoint, *party.container.command))
    given = [match[1].replace("_", "-") for match in _GIVEN.finditer(words)]
    service = service_of(snapshot, party.place)
    version = service.version if service else None
    numbers = release(version) or ()
    for option in given:
        since = OPTIONS[option]
        if len(numbers) > 1 and numbers >= since:
            return _case(REMOVED, party, option, version or "")
        rolling = (numbers == (8,) and since == (8, 4)) or (not numbers and is_newest(party.container.image))
        if rolling and not (party.runs and party.container.state == "running"):
            return _case(LIKELY, party, option, version or _("of the newest release"))
    return Fine(party.subject, _("{party} knows the options it is started with", party=party.subject))


def _case(form: Form, party: Party, option: str, version: str) -> Case[None]:
    since = ".".join(map(str, OPTIONS[option]))
    rows = (
        Evidence(_("option"), _("{option}, known before {since}", option=option, since=since), party.source),
        Evidence(_("image"), party.container.image, party.source),
    )  # fmt: skip
    words = {"option": option, "version": version, "since": since, "service": party.called}
    return Case(party.subject, form, None, rows, words)


CHECK = Check(
    "mysql.auth-plugin", "MySQL knows the options it is started with", __doc__ or "", (REMOVED, LIKELY), find, by_hand,
    reads=("containers", "projects", "services"),
)  # fmt: skip

"""FastGPT was raised to a release whose services and variables its compose project does not have.

What it does
    For each FastGPT whose release is known and that was made from upstream's compose file (DEFAULT_ROOT_PSW and
    ROOT_KEY are set), goes through what upstream's upgrade notes and compose files added up to that release: the
    sandbox (v4.8.2), the plugin service and AES256_SECRET_KEY (v4.10.0), object storage (S3_* from v4.13.1, STORAGE_*
    from v4.14.5 in their place), CODE_SANDBOX_URL (v4.14.10.1), INVOKE_TOKEN_SECRET (v4.15.0), AI Proxy (v4.17.0);
    which plugin service belongs to which release; secrets that v4.15 wants 32 characters long. The replica set
    (v4.6.8), Redis (v4.9.4) and pgvector have checks of their own.

Why it matters
    Only the tag is changed, FastGPT starts, and a part of it fails later: code in flows, tools, files, uploads. Or it
    ends at its start with `[plugin_error]: fetch failed`, which names no release.

Fix
    Explained: what to add. The new release's own compose file has the lines. No image is pulled here.

Sources
    FastGPT's compose files of v4.7 to v4.15.8 and its upgrade notes; its deploy documentation (plugin releases);
    packages/service/core/workflow (SANDBOX_URL is used as it is); its issues 6253, 6500 and 6922.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.products.gateways import PROXY_ALONE, release
from ...console.products.versions import parts_of, version_of
from ...console.settings import Settings
from ...console.text import N_, _
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..compose import service_of, severity_of
from ..parties import Party, parties

Release = tuple[int, ...]
V4_15: Release = (4, 15)
UPSTREAM = ("DEFAULT_ROOT_PSW", "ROOT_KEY")
"""Variables of upstream's compose files of all releases. Who wrote another file may do without the rest on purpose."""
LONG = 32
"""Characters of a secret."""
SECRETS = ("INVOKE_TOKEN_SECRET", "PLUGIN_TOKEN", "AGENT_SANDBOX_PROXY_SECRET")
"""Those that v4.15 wants so long, where they are set. fact: comments of its compose file"""


@dataclass(frozen=True)
class UpgradeNeed:
    """What a release wants from then on."""

    since: Release
    until: Release | None
    any_of: tuple[str, ...]
    """Variables of which one has to be set."""
    what: str
    why: str


NEEDS = (
    UpgradeNeed((4, 8, 2), (4, 14, 10, 1), ("SANDBOX_URL", "CODE_SANDBOX_URL"), N_("the service sandbox"),
                N_("code in flows is run there")),
    UpgradeNeed((4, 14, 10, 1), None, ("CODE_SANDBOX_URL",), N_("the service code-sandbox"),
                N_("code in flows is run there; SANDBOX_URL is its old name")),
    UpgradeNeed((4, 10), None, ("PLUGIN_BASE_URL",), N_("the service fastgpt-plugin"),
                N_("tools and model providers come from there")),
    UpgradeNeed((4, 10), None, ("AES256_SECRET_KEY",), N_("a secret of your own"),
                N_("keys that people store are encrypted with it")),
    UpgradeNeed((4, 13, 1), (4, 14, 5), ("S3_ENDPOINT", "STORAGE_S3_ENDPOINT"), N_("the service fastgpt-minio"),
                N_("files are kept there")),
    UpgradeNeed((4, 14, 5), None, ("STORAGE_VENDOR", "STORAGE_S3_ENDPOINT"), N_("the service fastgpt-minio"),
                N_("files are kept there; S3_* are its old names")),
    UpgradeNeed(V4_15, None, ("INVOKE_TOKEN_SECRET",), N_("a secret of 32 characters"),
                N_("calls between its parts are signed with it")),
    UpgradeNeed(PROXY_ALONE, None, ("AIPROXY_API_ENDPOINT",), N_("the services aiproxy and aiproxy_pg"),
                N_("models are asked through AI Proxy alone; it does not start without its address")),
)  # fmt: skip
PLUGINS: tuple[tuple[Release, Release | None, Release | None, Release | None, str], ...] = (
    ((4, 10), (4, 14, 6), None, (0, 5), N_("older than v0.5.0")),
    ((4, 14, 6), (4, 14, 11), (0, 5), (0, 6), "of v0.5"),
    ((4, 14, 11), None, (0, 6), None, N_("of v0.6 or newer")),
)
"""From which release until which, the plugin service's first and the one from which on it does not fit, and in words.

fact: FastGPT's deploy documentation, upgrade notes of v4.14.6 and v4.14.11
"""

_UP = "Then: docker compose up -d. Upstream's compose file of {release} has the lines."
MISSING = Form(
    "missing", "{subject} is {release} and lacks what that release needs: {variables}",
    "The tag was raised without the services and variables that came with it.",
    "add what the release needs", "warning", advice=f"{{lines}}\n{_UP}",
)  # fmt: skip
PLUGIN = Form(
    "plugin", "{plugin} does not fit {subject}: {release} needs a release {fits}",
    "FastGPT and its plugin service are released together. Others do not understand each other, and FastGPT ends with "
    "[plugin_error].",
    "set the plugin service's tag that belongs to the release", "warning",
    advice=f"Set the tag of {{plugin}} to a release {{fits}}.\n{_UP}",
)  # fmt: skip
SHORT = Form(
    "short-secret", "{variables} of {subject} is shorter than {release} wants it",
    "From v4.15 on upstream wants 32 characters or more there.",
    "make longer ones", "warning",
    advice=f"Make each anew: openssl rand -hex 32. PLUGIN_TOKEN has to be the same in the plugin service.\n{_UP}",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each FastGPT whose release is known."""
    everybody = parties(snapshot)
    for party in (one for one in everybody if one.role == "fastgpt"):
        service = service_of(snapshot, party.place)
        version = (service.version if service else None) or version_of("fastgpt", party.container.image)
        number = release(version)
        if number is None or number < (4, 8, 2) or not all(party.env.get(name) for name in UPSTREAM):
            continue
        told = f"v{(version or '').lstrip('v')}"
        cases = [*_missing(party, number, told), *_plugin(party, number, told, everybody), *_short(party, number, told)]
        yield from cases
        if not cases:
            yield Fine(party.subject, _("{party} has what {told} needs", party=party.subject, told=told))


def _missing(party: Party, number: Release, told: str) -> Iterator[Case[None]]:
    env = party.env
    wanted = (one for one in NEEDS if one.since <= number and (one.until is None or number < one.until))
    lacking = [one for one in wanted if not any(env.get(name) for name in one.any_of)]
    if not lacking:
        return
    rows = tuple(
        Evidence(_("not set"), _("{any_of}, although {why}", any_of=one.any_of[0], why=_(one.why)), party.source)
        for one in lacking
    )
    lines = "\n".join(
        _(
            "{any_of} for {party}: {what} ({why}).",
            any_of=one.any_of[0],
            party=party.called,
            what=_(one.what),
            why=_(one.why),
        )
        for one in lacking
    )
    words = {"variables": ", ".join(one.any_of[0] for one in lacking), "lines": lines}
    case = _case(MISSING, party, told, rows, words)
    yield replace(case, severity="info") if all("CODE_SANDBOX_URL" in one.any_of for one in lacking) else case


def _plugin(party: Party, number: Release, told: str, everybody: tuple[Party, ...]) -> Iterator[Case[None]]:
    rule = next((one for one in PLUGINS if one[0] <= number and (one[1] is None or number < one[1])), None)
    for other in everybody if rule else ():
        image = parts_of(other.container.image)
        own = release(image.tag)
        same = other.container.project == party.container.project
        if rule is None or image.last != "fastgpt-plugin" or own is None or not same:
            continue
        least, over, fits = rule[2:]
        if (least is not None and own < least) or (over is not None and own >= over):
            rows = (Evidence(_("plugin service"), f"{other.called}, {image.tag}", other.source),)
            yield _case(PLUGIN, party, told, rows, {"plugin": f"{other.called} {image.tag}", "fits": _(fits)})


def _short(party: Party, number: Release, told: str) -> Iterator[Case[None]]:
    values = ((name, party.env.get(name, "")) for name in SECRETS)
    short = [(name, len(value)) for name, value in values if value and "$" not in value and len(value) < LONG]
    if number >= V4_15 and short:
        rows = tuple(
            Evidence(_("too short"), _("{name} has {size} characters", name=name, size=size), party.source)
            for name, size in short
        )
        yield _case(SHORT, party, told, rows, {"variables": _(" and ").join(name for name, _ in short)})


def _case(form: Form, party: Party, told: str, rows: tuple[Evidence, ...], words: dict[str, str]) -> Case[None]:
    first = Evidence(_("release"), told, party.container.image)
    severity = severity_of(party.container if party.runs else None, form.severity)
    return Case(party.subject, form, None, (first, *rows), {"release": told, **words}, severity, about=form.id)


CHECK = Check(
    "fastgpt.upgrade", "FastGPT has what its release needs", __doc__ or "", (MISSING, PLUGIN, SHORT), find, by_hand,
    reads=("containers", "projects", "services"), of=("fastgpt",),
)  # fmt: skip

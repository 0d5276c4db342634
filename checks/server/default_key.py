"""A model server takes a key that everybody can read in a guide.

What it does
    For m3e-large-api and the servers of FastGPT's distributed guide, tells whether the key they take is one of the
    public ones: the default in their code, the one baked into the second generation's images (also the placeholder in
    both of the guide's compose files), or the literal ``ACCESS_TOKEN`` of the reranker. Looks whether their port can be
    reached from outside this machine.

Why it matters
    Whoever reaches the port uses the GPU for free, reads nothing of yours, but can keep the model busy or fill its
    memory. Ports that Docker publishes go past most firewalls on the machine itself (ufw among them).

Fix
    Only explained, with the exact places: a key has to be changed in the server and in everybody who uses it at once.
    Publishing the port on 127.0.0.1, or not at all, is often the better half: containers of one network need no port.

Sources
    The guide's scripts, Dockerfiles and compose files; FastGPT's documentation of m3e-large-api.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, manual
from ..compose import used_by
from .companion import Companion, companions, exposed, given, is_public
from .wrong_key import misspelt

EXPOSED = Form(
    "exposed",
    "{subject} takes a key that is public",
    "The key stands in public guides and images, so it protects from nobody, and the port is open to whoever reaches "
    "this machine.",
    "give it a key of its own, and its users the same one",
    "warning",
)
INSIDE = replace(
    EXPOSED, id="inside", severity="info",
    because="The key stands in public guides and images, so it protects from nobody; only this machine gets there.",
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each of the guides' servers."""
    for companion in companions(snapshot):
        yield _judge(companion)


def _judge(companion: Companion) -> Found:
    name = companion.name
    if misspelt(companion) is not None:
        return Fine(name, _("{name} was given a key of its own, which it does not read: server.wrong-key", name=name))
    why = _why_public(companion)
    if why is None:
        return Fine(name, _("{name} takes no key that is known to be public", name=name))
    outside = exposed(companion.place) or (_("no, as far as Docker's ports tell"),)
    rows = [Evidence(_("reached from outside"), address, companion.place.source) for address in outside]
    return Case(
        name, EXPOSED if exposed(companion.place) else INSIDE, companion,
        (Evidence(_("key in force"), why, companion.place.source), *rows, *used_by(companion.users)),
    )  # fmt: skip


def _why_public(companion: Companion) -> str | None:
    """Where the public key comes from; None for a key of one's own, and where it is not known."""
    names = given(companion.env)
    if companion.variable is None:
        public = all(is_public(key) for key in names.values())
        return _("public, whichever of the variables it reads") if public else None
    if not is_public(companion.key):
        return None
    if companion.variable in names:
        return _("the placeholder of the guide, in {variable}", variable=companion.variable)
    return _("the default of its code, as {variable} is not set", variable=companion.variable)


def plan(case: Case[Companion], _answers: Answers) -> Plan:
    """The places in which the key stands."""
    companion = case.facts
    name = companion.variable or _("SK-KEY or SK_KEY (the image decides)")
    where = companion.place.files[0] if companion.place.files else _("its `docker run` command")
    says = [
        _(
            "Make a key, for example with `openssl rand -hex 24`, and set {name} of {case} to it in {where}.",
            name=name,
            case=case.subject,
            where=where,
        )
    ]
    people = companion.users
    says += [_("Give the same key to {who}.", who=user.who) for user in people]
    if not people:
        says.append(_("Give the same key to everybody who uses it: the channel in One API, or the model in FastGPT."))
    says.append(_("Then recreate the service. Until both sides have the new key, requests get 401."))
    if case.form is EXPOSED:
        says.append(
            _(
                "Or close the port: write 127.0.0.1: in front of it, or leave it out. Containers in one network "
                "reach {service} by its name without it.",
                service=companion.place.service or case.subject,
            )
        )
    return manual(*says)


CHECK = Check(
    "server.default-key", "Model servers do not take a public key", __doc__ or "", (EXPOSED, INSIDE), find, plan,
    reads=("containers", "projects", "services", "servers"),
)  # fmt: skip

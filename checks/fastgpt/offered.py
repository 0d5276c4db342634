"""The models that a FastGPT offers, beside what its One API or AI Proxy has for them. Pure.

Only those that are known, from its config.json or its MongoDB, and that go through a gateway that told of itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...console.model import Container, OneApiChannel, OneApiState, Snapshot
from ...console.model.findings import Severity
from ...console.products.gateways import environment
from ...console.products.model_paths import ALL_READ, ENABLED, listed
from ...console.products.offers import Offer, lead_of, offers_of
from ...console.products.services import role_of_container

VECTORS = frozenset({"vectorModels", "VectorModels"})
AUDIO = frozenset({"audioSpeechModels", "whisperModel"})
BY_ITSELF = 3
"""fact: one-api model/channel.go: 1 enabled, 2 disabled by hand, 3 disabled by itself"""


@dataclass(frozen=True)
class GatewayOffer:
    """One offered model that goes through a One API or an AI Proxy."""

    offer: Offer
    gateway: Container
    state: OneApiState

    @property
    def is_proxy(self) -> bool:
        """Whether the gateway is an AI Proxy."""
        return role_of_container(self.gateway) == "aiproxy"

    @property
    def listed(self) -> bool | None:
        """Whether One API lists it for FastGPT's own key; None where that is not known.

        fact: one-api model/cache.go: with Redis the list is as old as SYNC_FREQUENCY allows
        """
        if environment(self.gateway).get("REDIS_CONN_STRING"):
            return None
        return listed(self.offer, self.gateway, self.state)

    @property
    def channels(self) -> tuple[OneApiChannel, ...] | None:
        """The enabled channels that have it; None where they are not known."""
        known = self.state.channels
        if known is None:
            return None
        found = tuple(one for one in known if one.status == ENABLED and self.offer.model in one.models)
        return found if found or len(known) < ALL_READ else None

    @property
    def off(self) -> OneApiChannel | None:
        """A channel that has it and is switched off."""
        having = (one for one in self.state.channels or () if self.offer.model in one.models)
        return next((one for one in having if one.status != ENABLED), None)

    @property
    def names(self) -> frozenset[str]:
        """Every model that the gateway is known to have."""
        own = {name for one in self.state.channels or () if one.status == ENABLED for name in one.models}
        return frozenset(own or self.state.models or ())


def wanted(app: Container, snapshot: Snapshot) -> Iterator[GatewayOffer]:
    """Each model of one FastGPT."""
    for offer in offers_of(app, snapshot):
        if not offer.model or offer.told.state != "ok" or offer.gateway is None:
            continue
        gateway = lead_of(app, offer.address, snapshot).container
        if gateway is None or role_of_container(gateway) not in ("oneapi", "aiproxy"):
            continue
        state = next((one for one in snapshot.oneapis if one.container == gateway.id), None)
        if state is not None and state.trouble is None:
            yield GatewayOffer(offer, gateway, state)


def severity_of(lacking: Sequence[GatewayOffer], known: Sequence[GatewayOffer]) -> Severity:
    """An error where no model is left to chat with, or none for knowledge bases; a hint where only voices are gone."""
    gone = {id(one) for one in lacking}
    for vectors in (False, True):
        kind = [one for one in known if one.offer.kind not in AUDIO and (one.offer.kind in VECTORS) == vectors]
        if kind and all(id(one) in gone for one in kind):
            return "error"
    return "info" if all(one.offer.kind in AUDIO for one in lacking) else "warning"

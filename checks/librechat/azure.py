"""Azure OpenAI in LibreChat: old variables of .env that get in the way of the groups in librechat.yaml.

What it does
    Where librechat.yaml has Azure groups, looks for variables of the old way to set up Azure: AZURE_API_KEY,
    AZURE_OPENAI_API_INSTANCE_NAME and the others, INSTANCE_NAME and DEPLOYMENT_NAME, and
    AZURE_USE_MODEL_AS_DEPLOYMENT_NAME. What is wrong with the groups themselves is told by librechat.config-valid.

Why it matters
    With AZURE_USE_MODEL_AS_DEPLOYMENT_NAME the address that is asked has the model's name, without its dots, in place
    of your deployment. Azure answers 404 Resource not found, and librechat.yaml is right. The others replace parts of
    the address or of the key in the same way.

Fix
    Explained: which lines to take out of which file.

Sources
    LibreChat api/server/services/start/checks.js (its own warning), api/utils/azureUtils.js, docs of azureOpenAI;
    LibreChat issues 2313, 2797 and 3254.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import ConfigVerdict, Snapshot
from ...console.model.findings import Evidence
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, Unknown, by_hand
from ..compose import Placed, placed
from .process import api_of

SWITCH = "AZURE_USE_MODEL_AS_DEPLOYMENT_NAME"
OLD = (
    "AZURE_API_KEY", "AZURE_OPENAI_API_INSTANCE_NAME", "AZURE_OPENAI_API_DEPLOYMENT_NAME", "AZURE_OPENAI_API_VERSION",
    "AZURE_OPENAI_MODELS", "AZURE_OPENAI_DEFAULT_MODEL", "AZURE_OPENAI_API_COMPLETIONS_DEPLOYMENT_NAME",
    "AZURE_OPENAI_API_EMBEDDINGS_DEPLOYMENT_NAME", "PLUGINS_USE_AZURE", "INSTANCE_NAME", "DEPLOYMENT_NAME",
)  # fmt: skip
"""fact: LibreChat api/server/services/start/checks.js, conflictingAzureVariables"""

_ADVICE = "Delete or comment out in {path}: {names}.\nThen: docker compose up -d --force-recreate {service}"
REPLACED = Form(
    "deployment-replaced", "{subject} asks Azure for deployments that are named like the models",
    f"{SWITCH} replaces the deployments of librechat.yaml by the models' names without dots. Azure answers 404 unless "
    "your deployments are called like that.",
    f"take {SWITCH} out", "warning", advice=_ADVICE,
)  # fmt: skip
OLD_NAMES = Form(
    "old-variables", "{subject} has old Azure variables beside the groups of librechat.yaml: {names}",
    "LibreChat warns that they should not be used together: they may replace a part of the address or the key.",
    "take the old variables out", "info", advice=_ADVICE,
)  # fmt: skip


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each LibreChat with Azure groups."""
    for place in placed(snapshot, "librechat"):
        verdict = _verdict(place, snapshot)
        if verdict is None or not verdict.azure_models:
            continue
        api = api_of(place, snapshot)
        env = api.env()
        names = [name for name in (SWITCH, *OLD) if (env or api.inside).get(name, "").strip()]
        replaces = (env or api.inside).get(SWITCH, "").strip().lower() == "true"
        if not replaces and SWITCH in names:
            names.remove(SWITCH)
        rows = tuple(Evidence(_("set"), name, api.set_in(name)) for name in names)
        words = {
            "names": ", ".join(names), "service": place.service or "api",
            "path": api.set_in(names[0]) if names else "",
        }  # fmt: skip
        if names:
            yield Case(place.subject, REPLACED if replaces else OLD_NAMES, None, rows, words)
        elif env is None:
            title = _("Cannot say whether old variables get in the way of Azure in {place}", place=place.subject)
            yield Unknown(place.subject, title, _("its .env cannot be read from here"))
        else:
            yield Fine(place.subject, _("{place} has Azure's settings in librechat.yaml alone", place=place.subject))


def _verdict(place: Placed, snapshot: Snapshot) -> ConfigVerdict | None:
    """What its librechat.yaml says."""
    for one in snapshot.config_verdicts:
        named = (one.project, one.service) == (place.project_name, place.service)
        if (one.container == place.container.id) if place.container else (one.container is None and named):
            return one
    return None


CHECK = Check(
    "librechat.azure", "Azure's settings stand in one place", __doc__ or "", (REPLACED, OLD_NAMES), find, by_hand,
    reads=("containers", "projects", "services", "files", "config_verdicts"),
)  # fmt: skip

"""LibreChat's file search (rag_api): no key to embed with, an image without the model, another secret, or not used.

What it does
    Looks at the environment of rag_api and of the LibreChat in its project: which EMBEDDINGS_PROVIDER it has and
    whether that one has a key; whether a -lite image is to embed by itself; whether both have the same JWT_SECRET;
    whether LibreChat is told where rag_api is (RAG_API_URL).

Why it matters
    People upload a file and get an error that names none of this. rag_api's own health check answers 200 all the while,
    and LibreChat's start-up check only looks at that.

Fix
    Explained: a key, another image or another secret is yours to choose. Nothing is downloaded here.

Sources
    rag_api app/config.py, app/middleware.py, app/routes/document_routes.py; LibreChat .env.example of v0.7.2 to v0.8.7
    (OPENAI_API_KEY=user_provided); rag_api issue 131; LibreChat issues 3509, 7077 and 13353.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...console.model import Snapshot
from ...console.model.findings import Evidence
from ...console.products.versions import parts_of
from ...console.settings import Settings
from ...console.text import _
from ..api import Case, Check, Fine, Form, Found, by_hand
from ..compose import Placed, placed, severity_of
from .process import ApiProcess, api_of

_UP = "Then: docker compose up -d {service}"
LITE = Form(
    "lite", "{subject} cannot compute embeddings itself: its image is a -lite one",
    "EMBEDDINGS_PROVIDER is huggingface, which runs a model inside rag_api. The -lite image has no library for that, "
    "and the program ends with ModuleNotFoundError.",
    "use the image without -lite, or another provider",
    advice=f"Use the image {{full}} for {{service}}, or set EMBEDDINGS_PROVIDER to a server of yours (ollama, "
    f"huggingfacetei, openai).\n{_UP}",
)  # fmt: skip
NO_KEY = Form(
    "no-key", "File search does not work yet: {subject} has no key for embeddings",
    "It uses OpenAI unless EMBEDDINGS_PROVIDER says otherwise, and its key is {key}. Uploads end with an error 401 of "
    "OpenAI.",
    "set RAG_OPENAI_API_KEY, or choose another EMBEDDINGS_PROVIDER", "info",
    advice="Write RAG_OPENAI_API_KEY=... into .env. For a server of your own add RAG_OPENAI_BASEURL.\n"
    "Or write EMBEDDINGS_PROVIDER=ollama, with OLLAMA_BASE_URL and EMBEDDINGS_MODEL. Nothing is wrong if nobody uploads"
    f" files.\n{_UP}",
)  # fmt: skip
SECRET = Form(
    "other-secret", "{subject} refuses every request of {app}: their JWT_SECRET differ",
    "rag_api checks LibreChat's tokens with its own JWT_SECRET, and answers 401 to those signed with another.",
    "give both the same JWT_SECRET",
    advice=f"Give {{service}} and {{app}} the same JWT_SECRET, by one line in .env that both read.\n{_UP}",
)  # fmt: skip
NOT_USED = Form(
    "not-used", "{app} does not use {subject}: RAG_API_URL is not set",
    "LibreChat offers file search only where RAG_API_URL names rag_api.",
    "set RAG_API_URL for {app}", "info",
    advice="Write RAG_API_URL=http://{service}:8000 under environment of {app}, then: docker compose up -d",
)  # fmt: skip
NO_VALUE = (None, "", "user_provided")


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each rag_api, with the LibreChat of its project."""
    apps = [api_of(place, snapshot) for place in placed(snapshot, "librechat")]
    for place in placed(snapshot, "rag_api"):
        app = next((one for one in apps if one.place.project_name == place.project_name), None)
        cases = list(_cases(place, app))
        yield from cases
        if not cases:
            yield Fine(
                place.subject, _("{place} can compute embeddings, and LibreChat can use it", place=place.subject)
            )


def _cases(place: Placed, app: ApiProcess | None) -> Iterator[Case[None]]:
    env, image = {one.name: one.value for one in place.env}, place.image or ""
    provider = env.get("EMBEDDINGS_PROVIDER", "").strip().lower() or "openai"
    last = parts_of(image).last
    if provider == "huggingface" and last.endswith("-lite"):
        rows: tuple[Evidence, ...] = (
            Evidence(_("image"), image, place.source),
            Evidence("EMBEDDINGS_PROVIDER", provider, place.source),
        )
        yield _case(LITE, place, app, rows, full=last.removesuffix("-lite"))
    key = env.get("RAG_OPENAI_API_KEY") or env.get("OPENAI_API_KEY")
    if provider == "openai" and key in NO_VALUE and not env.get("RAG_OPENAI_BASEURL"):
        said = _("the word user_provided") if key else _("not set")
        yield _case(NO_KEY, place, app, (Evidence(_("key for embeddings"), said, place.source),), key=said)
    if app is not None and _differ(place, app):
        rows = tuple(Evidence(_("not the same"), "JWT_SECRET", one) for one in (place.source, app.set_in("JWT_SECRET")))
        yield _case(SECRET, place, app, rows)
    known = app.given("RAG_API_URL") if app else None
    if app is not None and known is not None and not known.value:
        yield _case(NOT_USED, place, app, (Evidence("RAG_API_URL", _("not set"), known.source),))


def _differ(place: Placed, app: ApiProcess) -> bool:
    """Whether the files themselves give the two different secrets; where only a container is older: not-applied."""
    theirs, declared = app.given("JWT_SECRET"), place.declared
    ours = {one.name: one.value for one in (declared.env if declared else place.env)}.get("JWT_SECRET")
    return bool(ours and theirs and theirs.value and ours != theirs.value)


def _case(form: Form, place: Placed, app: ApiProcess | None, rows: tuple[Evidence, ...], **words: str) -> Case[None]:
    names = {"service": place.service or place.subject, "app": (app.place.service if app else None) or "LibreChat"}
    return Case(
        place.subject, form, None, rows, {**names, **words}, severity_of(place.container, form.severity), about=form.id
    )


CHECK = Check(
    "librechat.rag-api", "LibreChat's file search can work", __doc__ or "", (LITE, NO_KEY, SECRET, NOT_USED), find,
    by_hand, reads=("containers", "projects", "services", "files"),
)  # fmt: skip

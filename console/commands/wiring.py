"""``stackops wiring``: who is set up to reach whom, and the first hop that fails on the way; one look."""

from __future__ import annotations

import click

from ..exit_codes import ExitCode
from ..model import ModelPath, Snapshot
from ..text import N_, _
from .acting import confirm
from .session import Session, Stop, pass_session, require_engine


@click.command(short_help="Who needs whom, and where a connection breaks.")
@click.option("--models", is_flag=True, help="The way of each model that an app offers, step by step.")
@click.option(
    "--test",
    "model",
    metavar="MODEL",
    help="Send one real request the whole way of this model, and say where it ended.",
)
@click.option("--app", metavar="CONTAINER", help="With --test: as this app sends it, where several offer the model.")
@click.option("--yes", is_flag=True, help="With --test: do not ask first.")
@pass_session
def wiring(session: Session, *, models: bool, model: str | None, app: str | None, yes: bool) -> int:
    """Each setting that is an address, from the container that has it to what it leads to, tried from that container.

    Columns: the name resolves there, the port listens, the right protocol is spoken. No login is sent: a MySQL may
    block a container after 100 such connections in a row, so do not run this each minute. Where trying is not permitted
    (it takes root, and the Engine of this machine) the hops are concluded from networks and states, and say so. With
    --models: gateway, key, channel, upstream address, server and model of each model that FastGPT, LibreChat or Open
    WebUI offers. With --test one request is sent as that app sends it, with its own key, after asking: it costs tokens
    and may load the model. Print once and exit; exit code 0 whatever is broken: `stackops check` judges; with --test 1
    where no answer of the model came.
    """
    from ..collect.sources.wiring import TRIED
    from ..report import wiring as export

    session.output_mode()
    if model is None and (app is not None or yes):
        raise click.UsageError(_("--app and --yes belong to --test MODEL"))
    if model is not None and models:
        raise click.UsageError(_("--models and --test are two answers; ask for one"))
    snapshot = session.look(on_request=(TRIED,) if model is None else ())
    output = session.output
    if model is not None:
        require_engine(session, snapshot)
        return _test(session, snapshot, _chosen(snapshot, model, app), yes=yes)
    width = output.width or 400
    output.answer(
        lambda: export.model_document(snapshot) if models else export.document(snapshot),
        lambda: export.model_facts(snapshot) if models else export.facts(snapshot),
        lambda: export.model_lines(snapshot, width) if models else export.lines(snapshot, width),
    )
    if not output.json and not output.plain:
        for fault in snapshot.faults:
            if fault.source == "wiring":
                output.say(f"stackops: {fault.sentence}")
    require_engine(session, snapshot)
    return ExitCode.OK


def _chosen(snapshot: Snapshot, model: str, app: str | None) -> ModelPath:
    """The path that is meant; of several channels the first. Raises a usage error where that is not clear."""
    from ..settings import instead
    from ..text.cleaning import clean_line

    known = [path for path in snapshot.model_paths if app in (None, path.app_name)]
    found = [path for path in known if path.model == model]
    apps = list(dict.fromkeys(path.app_name for path in found))
    if not found:
        names = [path.model for path in known if path.model]
        raise click.UsageError(
            _('no app offers "{model}"; {instead}', model=clean_line(model, 60), instead=instead(model, names))
        )
    if len(apps) > 1:
        raise click.UsageError(
            _(
                "{count} apps offer {model}: name one with --app ({apps})",
                count=len(apps),
                model=model,
                apps=", ".join(apps),
            )
        )
    return found[0]


def _test(session: Session, snapshot: Snapshot, path: ModelPath, *, yes: bool) -> int:
    """Say what it takes, ask, send, tell."""
    from ..collect.path_test import costs, refusal, send_down
    from ..hosts import HostError
    from ..hosts.call import run
    from ..report import wiring as export

    why = refusal(path, snapshot)
    if why is not None:
        raise Stop(why, ExitCode.REFUSED)
    if session.settings.read_only:
        raise Stop(_("read-only: nothing is sent; start without --read-only"), ExitCode.REFUSED)
    for sentence in (
        _("Test {model} as {app_name} asks for it.", model=path.model, app_name=path.app_name),
        *costs(path, snapshot),
    ):
        session.output.say(sentence)
    confirm(_("Send it?"), yes=yes, undone=N_("nothing was sent"))
    try:
        test = run(send_down(session.host, path, snapshot))
    except HostError as error:
        raise Stop.at(error) from None
    state, words = "ok" if test.ended is None else "error", export.tested(test)
    session.output.answer(
        lambda: export.test_document(test),
        lambda: [(state, "path-test", path.app_name, path.model, test.ended or "answered", words)],
        lambda: [(state, state, f"  {path.app_name}  {path.model}: {words}")],
    )
    return ExitCode.OK if test.ended is None else ExitCode.FINDINGS

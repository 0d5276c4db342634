"""``stackops fix``: the plan of one finding, shown, agreed to, applied, verified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..exit_codes import ExitCode
from ..hosts import EngineUnreachable, HostError
from ..text import _
from .acting import act, agree, fixer, interactive, show
from .output import shown
from .session import Session, Stop, pairs, pass_session, project_dir_option, require_engine

if TYPE_CHECKING:
    from ...checks.api import Check
    from ..fix.plan import Plan, PreparedPlan, Question
    from ..model import Snapshot
    from ..model.findings import Result


@click.command(short_help="Repair a finding: show the plan, ask, apply, verify.")
@click.argument("check_id", metavar="ID")
@click.argument("subject", required=False)
@click.option("--dry-run", is_flag=True, help="Show what would be done, change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--disruptive", is_flag=True, help="Agree that services restart or a step cannot be taken back.")
@click.option("--set", "answers", multiple=True, metavar="KEY=VALUE",
              help="Answer a question of the plan, or override a setting: librechat.release=0.8.2.")  # fmt: skip
@project_dir_option
@pass_session
def fix(
    session: Session,
    check_id: str,
    subject: str | None,
    dry_run: bool,
    yes: bool,
    disruptive: bool,
    answers: tuple[str, ...],
    project_dir: str | None,
) -> int:
    """Repair a finding: show the plan with its diffs, ask, apply, look again whether it is gone, else take it back.

    SUBJECT is needed only where the check has several findings. Without a terminal --yes is needed, and --disruptive
    where services restart.
    """
    session.output_mode()
    check = session.check(check_id)
    given = session.lay_over(pairs(answers))
    session.tell_open_intents()
    asked = (*check.needs, *check.proves)
    snapshot = session.look(on_request=asked) if project_dir is None else session.judge_folder(project_dir)
    require_engine(session, snapshot)
    finding = _finding(session, check, snapshot, subject)
    if finding is None:
        _require_read(session, check, snapshot, subject)
        return _nothing(session, check_id, subject)
    plan = _plan(session, check, finding, snapshot, given, ask=not yes and not dry_run and interactive())
    prepared = _prepare(session, plan, given)
    if dry_run:
        return _dry(session, prepared)
    if prepared.empty:
        return _nothing(session, check_id, finding.subject)
    if not session.output.json:
        show(session, prepared)
    agree(session, prepared, yes=yes, disruptive=disruptive)
    engine = fixer(session, check_id, finding.subject, plan.lock)
    return act(session, lambda tell, stop: engine.run(prepared, tell, stop), prepared)


def _finding(session: Session, check: Check, snapshot: Snapshot, subject: str | None) -> Result | None:
    """The finding that is meant; None when there is none. Usage error when it is not clear which one."""
    results = session.doors.examine(snapshot, session.settings, [check.id])
    findings = [result for result in results if result.status == "finding"]
    if subject is not None:
        return _named(results, findings, subject)
    if len(findings) > 1:
        for each in findings:
            if session.output.plain:
                session.output.facts("subject", check.id, each.subject, each.title)
            else:
                session.output.say(f"  {each.subject}  {each.title}")
        raise click.UsageError(
            _("{check} has {count} findings; name one of them: {check} SUBJECT", check=check.id, count=len(findings))
        )
    if findings:
        return findings[0]
    _require_wanted(results)
    _require_judged(results)
    return None


def _require_wanted(results: Sequence[Result]) -> None:
    """Stop where the settings ignore what would be repaired."""
    for result in results:
        if result.status == "ignored":
            raise Stop(
                _("{note} (settings, [[ignore]]); take it out there to repair it", note=result.note), ExitCode.REFUSED
            )


def _named(results: Sequence[Result], findings: Sequence[Result], subject: str) -> Result | None:
    from ..settings import instead

    for result in findings:
        if subject in (result.subject, *result.also):
            return result
    same = [result for result in results if subject in (result.subject, *result.also)]
    _require_wanted(same)
    if same:
        _require_judged(same)
        return None
    subjects = [name for result in results for name in (result.subject, *result.also) if name]
    if not subjects:
        _require_judged(results)
        return None
    raise click.UsageError(_('no subject "{subject}"; {instead}', subject=subject, instead=instead(subject, subjects)))


def _require_judged(results: Sequence[Result]) -> None:
    """Stop where a check could not judge: nothing found does not mean nothing is wrong."""
    for result in results:
        if result.status in {"unknown", "crashed"}:
            raise Stop(
                _("cannot tell whether there is anything to fix: {why}", why=result.because or result.title),
                ExitCode.REFUSED,
            )


def _require_read(session: Session, check: Check, snapshot: Snapshot, subject: str | None) -> None:
    """Stop where a part that the check reads could not be read, for the same reason."""
    from ..fix.proving import unread

    folder = session.folder
    fault = unread(check.reads, snapshot, subject=subject or "", folder=folder, files_only=folder is not None)
    if fault is not None:
        raise Stop(_("cannot tell whether there is anything to fix: {why}", why=fault.sentence), ExitCode.REFUSED)


def _plan(
    session: Session, check: Check, finding: Result, snapshot: Snapshot, answers: dict[str, str], *, ask: bool
) -> Plan:
    """The plan with the operator's answers in it."""
    from ..fix.plan import settling
    from ..settings import instead

    if check.plan is None:
        raise Stop(
            _("{check} cannot be fixed by stackops; see: stackops explain {check}", check=check.id), ExitCode.REFUSED
        )
    plan = check.plan(finding, snapshot, session.settings, answers)
    known = [question.key for question in plan.questions]
    for key in answers:
        if key not in known:
            raise click.UsageError(
                _('this fix does not ask for "{key}"; {instead}', key=key, instead=instead(key, known))
            )
    if ask:
        for question in plan.questions:
            if question.key not in answers:
                answers[question.key] = _ask(question)
        plan = check.plan(finding, snapshot, session.settings, answers)
    return settling(plan, session.settings.fix.settle)


def _ask(question: Question) -> str:
    answer: str = click.prompt(
        shown(question.prompt),
        default=question.default,
        type=click.Choice(question.choices) if question.choices else str,
        hide_input=question.secret,
        show_default=not question.secret and question.default is not None,
        err=True,
    )
    return answer


def _prepare(session: Session, plan: Plan, answers: dict[str, str]) -> PreparedPlan:
    engine = fixer(session, plan.check, plan.subject, plan.lock)
    if not plan.steps:
        for sentence in plan.says:
            session.output.say(sentence)
        raise Stop(_("this one is for you: {title}", title=plan.title), ExitCode.REFUSED)
    try:
        return engine.prepare(plan, answers)
    except EngineUnreachable:
        raise
    except HostError as error:
        raise Stop.at(error) from error


def _dry(session: Session, prepared: PreparedPlan) -> int:
    if session.output.json:
        from ..report import json_

        session.output.document({"plan": json_.plan(prepared)})
    else:
        show(session, prepared)
    return ExitCode.OK


def _nothing(session: Session, check_id: str, subject: str | None) -> int:
    who = f"{check_id} {subject}" if subject else check_id
    return session.nothing(f"{who}: ", _("nothing to do"), check_id, subject or "-", plan=None)

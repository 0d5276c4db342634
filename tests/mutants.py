"""Faults put into the product by hand, one at a time: ``make mutants`` says for each whether its test notices.

A test that passes whatever the product does is worth nothing, and nobody sees it. Each row is a line that somebody
could get wrong, and the test that has to fail then, run on a copy of the tree. ``tests/test_mutants.py`` holds that line
and test are still there. As a program: ``python tests/mutants.py [WORDS]``, WORDS: only files with one of them.
"""

# ruff: noqa: E501 - a name of a test stays whole

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Mutant:
    """One line that is wrong, and who must notice."""

    file: str
    old: str
    new: str
    test: str
    """Who must notice: a node id below ``tests/``."""


MUTANTS = (
    # judge
    Mutant(
        "console/judge/judgement.py",
        "_put_aside(whole)\n",
        "pass\n",
        "judge/test_arrows.py::test_a_part_that_one_works_without_is_a_warning_and_folded_all_the_same",
    ),
    Mutant(
        "console/judge/better.py",
        "(whose and not words.isdisjoint(own))",
        "not words.isdisjoint(own)",
        "judge/test_arrows.py::test_what_is_about_another_matter_does_not_hide_it",
    ),
    Mutant(
        "checks/wiring/broken.py",
        'if edge.by == "probe" and',
        "if",
        "checks/test_every_example.py::test_the_check_says_what_the_example_promises",
    ),
    Mutant(
        "console/collect/sources/wiring.py",
        "if GENTLY in self.site.on_request and TRIED not in self.site.on_request:",
        "if False:",
        "wiring/test_source.py::test_who_looks_gently_leaves_a_mysql_alone",
    ),
    # fix
    Mutant(
        "console/fix/verifying.py",
        "return self.lasting or result.form in self.uncovers or result.fault in self.uncovers",
        "return True",
        "plan/test_what_remains.py::test_which_finding_speaks_against_a_repair",
    ),
    Mutant(
        "console/fix/verifying.py",
        "if now - good_since >= settle:",
        "if True:",
        "plan/test_fixing.py::test_a_fix_does_all_of_it_and_looks_again_until_it_has_settled",
    ),
    Mutant(
        "console/fix/verifying.py",
        "if last is not None and started_at != last:",
        "if False:",
        "faults/test_fix_in_progress.py::test_a_container_that_keeps_restarting_is_a_failed_fix_though_it_runs_at_every_look",
    ),
    Mutant(
        "console/fix/verifying.py",
        'if state != "running":',
        "if False:",
        "faults/test_fix_in_progress.py::test_a_container_that_dies_after_the_start_is_a_failed_fix",
    ),
    Mutant(
        "console/fix/acts/standing.py",
        "return _STANDS[lies if lies is None else not lies]",
        "return _STANDS[lies]",
        "faults/test_kills.py::test_the_stop_that_takes_a_start_back_killed_anywhere_is_finished",
    ),
    Mutant(
        "console/fix/acts/standing.py",
        "return _STANDS[self.lies(bench)]",
        'return "before"',
        "faults/test_kills.py::test_a_start_killed_anywhere_can_be_finished_and_can_be_taken_back",
    ),
    Mutant(
        "console/fix/acts/standing.py",
        'return there is not None and (there.state == "running" or not self.was_running)',
        "return False",
        "faults/test_nothing_to_take_back.py::test_a_restart_whose_answer_is_lost_is_not_done_again_where_the_service_runs",
    ),
    Mutant(
        "console/hosts/local/locking.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        "faults/test_left_behind.py::test_a_living_console_is_not_waited_for_whatever_it_runs",
    ),
    Mutant(
        "console/hosts/local/locking.py",
        "with handed_down(descriptor):",
        "if True:",
        "faults/test_left_behind.py::test_a_program_that_does_not_end_is_named_and_nothing_is_done",
    ),
    Mutant(
        "console/fix/running.py",
        """raise StepFailed(_("Not as it should be now: {found}", found="; ".join(found)))""",
        "pass",
        "faults/test_fix_in_progress.py::test_a_service_is_never_made_to_follow_files_that_somebody_changed_after_us",
    ),
    Mutant(
        "console/fix/running.py",
        'if state != "before":',
        "if False:",
        "faults/test_fix_in_progress.py::test_somebody_elses_compose_up_stops_the_fix",
    ),
    Mutant(
        "console/fix/running.py",
        "self.journal.append(self.entry_id, About(index, now()))",
        "pass",
        "faults/test_kills.py::test_a_fix_killed_anywhere_can_be_finished_and_can_be_taken_back",
    ),
    Mutant(
        "console/fix/running.py",
        'if not (state == "after" and (index in self.begun or row.step.shared)):',
        "if True:",
        "faults/test_kills.py::test_a_fix_killed_anywhere_can_be_finished_and_can_be_taken_back",
    ),
    Mutant(
        "console/fix/rollback.py",
        "sorted(which, reverse=True)",
        "sorted(which)",
        "faults/test_fix_in_progress.py::test_a_finding_that_does_not_go_away_takes_everything_back_and_recreates_the_service",
    ),
    Mutant(
        "console/fix/rollback.py",
        "key=lambda index: steps[index].step.is_service_step",
        "key=lambda index: 0",
        "faults/test_fix_in_progress.py::test_a_finding_that_does_not_go_away_takes_everything_back_and_recreates_the_service",
    ),
    Mutant(
        "console/fix/rollback.py",
        'attempt(inverse, run.bench) if state == "before" else None',
        "None",
        "faults/test_fix_in_progress.py::test_a_finding_that_does_not_go_away_takes_everything_back_and_recreates_the_service",
    ),
    Mutant(
        "console/fix/rollback.py",
        "return RolledBack(whole=False, says=(still,",
        "return RolledBack(whole=True, says=(still,",
        "faults/test_fix_in_progress.py::test_nothing_is_taken_back_behind_the_back_of_a_step_that_hangs",
    ),
    # hosts, and what reads them
    Mutant(
        "console/hosts/local/control.py",
        "v=False",
        "v=True",
        "hosts/test_control.py::test_containers_are_restarted_stopped_started_paused_killed_and_removed",
    ),
    Mutant(
        "console/hosts/local/control.py",
        "force=False",
        "force=True",
        "hosts/test_control.py::test_containers_are_restarted_stopped_started_paused_killed_and_removed",
    ),
    Mutant(
        "console/hosts/local/http.py",
        "for address in addresses):",
        "for address in addresses[:1]):",
        "hosts/test_http_transport.py::test_each_address_of_a_name_is_tried_until_one_takes_the_connection",
    ),
    Mutant(
        "console/hosts/local/http.py",
        '"Accept-Encoding": "gzip, identity", ',
        "",
        "hosts/test_http_transport.py::test_what_a_server_may_send_compressed_is_said_in_every_request",
    ),
    Mutant(
        "console/hosts/local/http.py",
        '"Accept-Encoding": "identity", ',
        "",
        "hosts/test_http_transport.py::test_what_a_server_may_send_compressed_is_said_in_every_request",
    ),
    Mutant(
        "console/hosts/local/http.py",
        "if len(body) > limit:",
        "if False:",
        "mirrors/test_http.py::test_an_endless_body_is_cut_at_the_limit",
    ),
    Mutant(
        "console/hosts/local/files.py",
        "if self.read_only:",
        "if False:",
        "hosts/test_files.py::test_read_only_refuses_every_writer_and_reads_on",
    ),
    Mutant(
        "console/hosts/local/files.py",
        'if not path.startswith("/") or "\\0" in path:',
        'if "\\0" in path:',
        "hosts/test_files.py::test_names_and_paths_of_hostile_shape",
    ),
    Mutant(
        "console/hosts/local/writing.py",
        "require_unchanged(place, descriptor, wanted.expect)",
        "pass",
        "hosts/test_files.py::test_a_change_in_the_last_moment_is_seen",
    ),
    Mutant(
        "console/hosts/local/writing.py",
        "os.fchmod(descriptor, wanted.mode)",
        "pass",
        "hosts/test_files.py::test_a_key_file_has_its_mode_and_owner_from_the_first_moment",
    ),
    Mutant(
        "console/collect/collector.py",
        "asyncio.timeout(max(wait, self._cadence.publish_gap))",
        "asyncio.timeout(None)",
        "collect/test_collector.py::test_an_unchanged_machine_is_told_again_and_again_lest_it_looks_abandoned",
    ),
    # screens
    Mutant(
        "screens/log_feed.py",
        'in redact(group).split("\\n")',
        'in group.split("\\n")',
        "screens/test_logs.py::test_a_secret_in_a_log_is_never_shown_nor_kept",
    ),
    Mutant(
        "screens/places/overview.py",
        "own = next((each for each in found if",
        "own = next((each for each in found[::-1] if",
        "screens/test_targets.py::test_of_several_findings_about_a_row_the_worst_is_repaired",
    ),
    Mutant(
        "screens/places/overview.py",
        "if any(stacks.concerns(each, one) for one in meant)), None)",
        "), None)",
        "screens/test_targets.py::test_nothing_is_repaired_for_a_row_without_a_finding",
    ),
    Mutant(
        "console/fix/acts/scaling.py",
        'return "before" if self.again or now == self.former else "moved"',
        'return "before"',
        "steps/test_scaling.py::test_a_step_knows_where_the_world_stands",
    ),
    Mutant(
        "console/fix/wishes.py",
        "tuple(dict.fromkeys((*files, *more)))",
        "tuple(more)",
        "screens/test_targets.py::test_a_recreate_gives_compose_the_files_that_made_the_container",
    ),
    Mutant(
        "console/fix/wishes.py",
        "more = [] if own_list else",
        "more =",
        "screens/test_targets.py::test_a_recreate_gives_compose_the_files_that_made_the_container",
    ),
    Mutant(
        "screens/app.py",
        "self.copy_to_clipboard(redact(text))",
        "self.copy_to_clipboard(text)",
        "screens/test_planted_secrets.py::test_a_secret_in_what_is_copied_is_masked_on_its_way",
    ),
    Mutant(
        "screens/widgets/paint.py",
        "masked = redact(text)",
        "masked = text",
        "screens/test_planted_secrets.py::test_a_line_is_masked_across_its_spans_and_keeps_their_tones",
    ),
    Mutant(
        "screens/keys.py",
        "return not self.ahead(event) or not self._cut",
        "return True",
        "screens/test_typed_ahead.py::test_no_burst_ahead_of_an_input_a_dialog_or_a_place_acts",
    ),
    Mutant(
        "screens/navigator.py",
        "if finding.fix is None:",
        "if False:",
        "screens/test_targets.py::test_a_finding_without_a_fix_says_so_and_opens_no_plan",
    ),
    # redaction
    Mutant(
        "console/text/redaction.py",
        "_alternatives(values - names, names)",
        "_alternatives(values, names)",
        "text/test_redaction.py::test_a_password_that_is_also_a_container_name_does_not_blind_the_list",
    ),
    Mutant(
        "console/text/redaction.py",
        "found |= _in_command(command)",
        "pass",
        "text/test_redaction.py::test_a_password_among_a_commands_words_is_masked_wherever_it_appears_later",
    ),
    Mutant(
        "console/text/redaction.py",
        "if is_secret_name(name) and not is_harmless(name, text):",
        "if False:",
        "text/test_redaction.py::test_a_value_that_stands_apart_is_masked_for_its_name",
    ),
    Mutant(
        "console/text/redaction.py",
        "return self._sub(_alternatives(here, frozenset()), masked) if here else masked",
        "return masked",
        "text/test_redaction.py::test_the_second_layer_finds_within_one_text_what_the_shapes_miss",
    ),
    Mutant(
        "console/text/redaction.py",
        "key=self._key, ",
        "",
        "text/test_redaction.py::test_equal_values_have_equal_marks_and_other_processes_other_ones",
    ),
    Mutant(
        "console/text/redaction.py",
        "self.version += 1",
        "self.version += 0",
        "screens/test_log_view.py::test_a_secret_that_is_learned_later_goes_from_the_lines_that_showed_it",
    ),
    Mutant(
        "console/text/secret_values.py",
        'return f"{defaulted[1]}{value(defaulted[2], mask)}}}"',
        "return text",
        "text/test_redaction.py::test_a_secret_is_told_by_its_shape",
    ),
    Mutant(
        "console/text/secret_values.py",
        'if (words[-1] == "key" and len(words) > 1) or',
        "if (False) or",
        "text/test_redaction.py::test_a_form_from_the_wild_hides_its_secret",
    ),
    Mutant(
        "console/text/secret_shapes.py",
        '_Shape(":thin: @//", r"(?i)(?::thin:|',
        '_Shape(":thin: @//", r"(?i)(?:thin|',
        "text/test_redaction.py::test_a_form_from_the_wild_hides_its_secret",
    ),
    Mutant(
        "console/compose/schema.py",
        'if known is None and key.startswith("x-"):',
        "if known is None:",
        "sources/test_compose.py::test_what_compose_refuses_is_an_error_of_the_file_with_compose_s_reason",
    ),
    Mutant(
        "console/compose/merging.py",
        "if other not in active and (insists or other not in known):",
        "if other not in active and not insists:",
        "sources/test_compose.py::test_what_compose_refuses_is_an_error_of_the_file_with_compose_s_reason",
    ),
)


class Copy:
    """A copy of the tree whose lines may be wrong for a while."""

    def __init__(self, base: Path) -> None:
        self.root = base
        self._written = 0
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, self.root / name)
        # where tests look for their own modules, and the processes that they start too
        (self.root / "tests" / "stackops").symlink_to(self.root)

    def write(self, file: str, text: str) -> None:
        """Each text with a time of its own: Python takes a compiled file for good of that size and time."""
        self._written += 1
        path = self.root / file
        path.write_text(text, encoding="utf-8")
        os.utime(path, (self._written, self._written))

    def test(self, *tests: str) -> subprocess.CompletedProcess[str]:
        """Run these tests, to the first that fails."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            *(f"tests/{one}" for one in tests),
        ]
        env = {**os.environ, "PYTHONPATH": str(self.root / "tests")}
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)


def survives(copy: Copy, one: Mutant) -> bool:
    """Whether the test that must notice passes. Raises ValueError where the line is not there any more."""
    text = (ROOT / one.file).read_text(encoding="utf-8")
    if text.count(one.old) != 1:
        raise ValueError(f"{one.file} has {text.count(one.old)} times: {one.old}")
    copy.write(one.file, text.replace(one.old, one.new))
    try:
        return copy.test(one.test).returncode == 0
    finally:
        copy.write(one.file, text)


def main(words: list[str]) -> int:
    """The exit code: 1 where one survived, is not there any more, or where the tests fail without any."""
    chosen = [one for one in MUTANTS if not words or any(word in one.file for word in words)]
    bad = 0
    with tempfile.TemporaryDirectory() as base:
        copy = Copy(Path(base))
        whole = copy.test(*dict.fromkeys(one.test for one in chosen))
        if whole.returncode:
            sys.stderr.write(f"{whole.stdout}\nthe tests fail as it is\n")
            return 1
        for one in chosen:
            try:
                alive = survives(copy, one)
                said = "survived" if alive else "killed"
            except ValueError as error:
                alive, said = True, str(error)
            bad += alive
            sys.stdout.write(f"{said:<9} {one.file}: {one.old} -> {one.new or 'nothing'}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - bad} of {len(chosen)} killed\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A day on a real PC with Windows, as a report that can be sent back: checks, facts of the PC, and what a person saw.

It names neither the account nor its folders.
"""

from __future__ import annotations

import getpass
import importlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Annotated, Final

import typer

from cekalwatch.program.checks.results import CheckResult, CheckVerdict, show_results
from cekalwatch.program.cli.prompts import ask
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.platform.access import OTHERS_OR_WRITING
from cekalwatch.program.secret_files import write_private
from cekalwatch.program.version import version

REPORT: Final = Path("cekalwatch-this-pc.json")
"""Where the report goes: into the folder in which the command runs."""
ThisPc = Annotated[
    bool, typer.Option("--this-pc", help=f"Ask what only a person sees on a real PC, and write {REPORT} to send back.")
]
IN_GENERAL: Final = (
    "Lock the session, unlock it, sign out, shut down and start: did everything end in order and come back?",
    "Let the PC sleep and wake it: did it go on by itself?",
    "End the program in the Task Manager: was it back within a minute?",
    "Upgrade at work, then by an installer that fails (a full disk): did work go on, by the right version?",
)


def report_this_pc(
    program: str, checked: Iterable[CheckResult], libraries: Sequence[str], questions: Sequence[str]
) -> None:
    """Show the results, ask the questions and write `REPORT`. Raises typer.Exit(1) when anything fails, ProgramError.

    `libraries` are modules that the program loads when it works.
    """
    results = list[CheckResult]()

    def noted() -> Iterator[CheckResult]:
        for one in chain(checked, map(_library, libraries), _facts()):
            results.append(one)
            yield one

    with suppress(typer.Exit):  # what fails is told at the end
        show_results(noted(), as_json=False)
    answers = dict(_answers((*questions, *IN_GENERAL)))
    report = {"program": f"{program} {version()}", "results": [asdict(one) for one in results], "answers": answers}
    text = json.dumps(report, indent=2, ensure_ascii=False)
    for own, name in ((json.dumps(str(Path.home()))[1:-1], "~"), (getpass.getuser(), "ACCOUNT")):
        text = text.replace(own, name)
    write_private(REPORT.absolute(), text.encode())
    typer.echo(f"Send back: {REPORT.absolute()}")
    if any(one.verdict is CheckVerdict.FAIL for one in results):
        raise typer.Exit(Exit.FAILED)


def _library(name: str) -> CheckResult:
    try:
        importlib.import_module(name)
    except ImportError as error:
        return CheckResult("libraries", CheckVerdict.FAIL, f"{name} cannot be loaded: {error}")
    return CheckResult("libraries", CheckVerdict.OK, f"{name} is loaded")


def _facts() -> Iterator[CheckResult]:
    if sys.platform != "win32":
        return
    from cekalwatch.program.platform.windows.this_pc import facts

    for subject, fact in facts(OTHERS_OR_WRITING).items():
        try:
            yield CheckResult(subject, CheckVerdict.OK, fact())
        except (OSError, AttributeError) as error:
            yield CheckResult(subject, CheckVerdict.WARN, f"it cannot be seen: {error}")


def _answers(questions: Sequence[str]) -> Iterator[tuple[str, str]]:
    typer.echo("Answer y, n or what you saw; an empty line for what you did not try.")
    for question in questions:
        try:
            answer = ask(question).strip()
        except ProgramError:  # nobody answers any more
            return
        if answer:
            yield question, answer

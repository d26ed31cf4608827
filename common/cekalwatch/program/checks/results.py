"""The results of a `check` command: a verdict for each part, what to do about it, and how they are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated

import typer

from cekalwatch.program.errors import Exit

AsJson = Annotated[bool, typer.Option("--json", help="Print the results as a JSON array.")]


class CheckVerdict(StrEnum):
    """How a part is."""

    OK = "OK"
    WARN = "WARN"
    """It works, but not well or not for long."""
    FAIL = "FAIL"
    """It does not work."""


Judged = tuple[CheckVerdict, str]
"""A verdict, and a sentence that says what to do."""

_COLOURS = {
    CheckVerdict.OK: typer.colors.GREEN,
    CheckVerdict.WARN: typer.colors.YELLOW,
    CheckVerdict.FAIL: typer.colors.RED,
}


@dataclass(frozen=True)
class CheckResult:
    """One line of the report."""

    subject: str
    """The part, such as disk, certificate, database or clock."""
    verdict: CheckVerdict
    text: str
    camera_id: str = ""
    """The camera that it is about; empty for what all share."""


def show_results(found: Iterable[CheckResult], *, as_json: bool, names_cameras: bool = True) -> None:
    """Print the results as they come, or as one JSON array. Raises typer.Exit(1) when anything fails."""
    results = []
    for result in found:
        results.append(result)
        if not as_json:
            verdict = typer.style(f"{result.verdict:<4}", fg=_COLOURS[result.verdict])
            camera = f"{result.camera_id} " if result.camera_id and names_cameras else ""
            typer.echo(f"{verdict}  {camera}{result.subject}: {result.text}")
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False))
    if any(result.verdict is CheckVerdict.FAIL for result in results):
        raise typer.Exit(Exit.FAILED)

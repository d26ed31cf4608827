"""`make demo-ports`: a centre and two ports, the lines cut and mended. Exit code 0 only when all was as it must be."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cekalwatch.program.errors import Exit
from deploy.demo.__main__ import BUILD, LOCAL_TIME, SAME_PICTURE, add_faces_option, prepared_people, run
from deploy.demo.ports.play import Check, PortsDemonstration, Travellers
from deploy.demo.run_folder import run_folder


def main(console: Console, faces: Path | None, folder: Path, models: Path) -> Exit:
    """Prepare and play the demonstration in `folder`, and say how it went."""
    people, _ = prepared_people(console, faces, folder, models)
    if not faces:
        console.print(SAME_PICTURE)
    console.print(f"A centre and two ports start, each with a server of its own. Logs: {folder}/*/logs")
    demo = PortsDemonstration(folder, models, Travellers.of(people), lambda check: show_check(console, check))
    demo.play(datetime.now(LOCAL_TIME).date())
    show_outcome(console, demo)
    return Exit.OK if demo.passed else Exit.FAILED


def show_check(console: Console, check: Check) -> None:
    """Show what was found, as it is found."""
    moment = datetime.now(LOCAL_TIME)
    console.print(f"  {moment:%H:%M:%S}  {check.line}, {check.where}: {check.what}: {check.found}", highlight=False)


def show_outcome(console: Console, demo: PortsDemonstration) -> None:
    """Show what was expected and what was found."""
    table = Table(title="Expected and found")
    for heading in ("Line", "Where", "What", "Expected", "Found", "Verdict"):
        table.add_column(heading)
    for check in demo.checks:
        verdict = "[green]right[/]" if check.right else "[bold red]wrong[/]"
        table.add_row(check.line, check.where, check.what, check.expected, check.found, verdict)
    console.print(table)
    if demo.passed:
        console.print("[bold green]Nobody was lost while the line was cut, and all of it came when it was mended.[/]")
    else:
        console.print("[bold red]Something is not as it must be.[/] The programs' logs say more.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo.ports", description=__doc__)
    add_faces_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = _arguments()
    with run_folder(BUILD / "demo-ports") as own:
        run(lambda screen: main(screen, chosen.faces, own, BUILD / "models"))

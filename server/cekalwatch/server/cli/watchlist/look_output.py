"""What a look at the watchlist found: on the terminal, as JSON or CSV, and pictures as files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Column

from cekalwatch.program.csv_cells import SafeCsvWriter
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.cli.output import whole_table

if TYPE_CHECKING:
    from cekalwatch.server.domain.orders.ban_order import JudgedOrder
    from cekalwatch.server.watchlist.browser import SubjectView, WatchlistBrowser


def print_json(document: object) -> None:
    """Print a document that JSON can hold, moments and days as text."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Print a spreadsheet's table whose texts become no formulas."""
    writer = SafeCsvWriter(sys.stdout)
    writer.row(columns)
    writer.rows(rows)


def print_table(columns: Sequence[str | Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for a terminal."""
    Console().print(whole_table(columns, rows))


def print_list(views: Sequence[SubjectView]) -> None:
    """Print a row for each order; the facts of a subject stand in the first one."""

    def rows() -> Iterator[list[str]]:
        for view in views:
            faces = str(len(view.references)) + (f", {len(view.stale)} stale" if view.stale else "")
            person = [view.subject.subject_id, view.subject.name, view.subject.nationality, faces]
            for one in view.orders:
                order = one.order
                yield [*person, order.order_id, order.kind, _status(one), f"{order.valid_from} to\n{order.valid_until}"]
                person = [""] * 4
            if not view.orders:
                yield [*person, *[""] * 4]

    valid = Column("Valid", no_wrap=True)  # days are read at a glance, or misread
    print_table(("Subject", "Name", "Nation", "Photos", "Order", "Kind", "Status", valid), rows())


def _status(one: JudgedOrder) -> str:
    return " ".join((one.judgement.status, *one.judgement.remarks))


def print_view(view: SubjectView) -> None:
    """Print everything that is stored about a subject, in tables."""
    from cekalwatch.server.cli.watchlist.report_screen import face_words
    from cekalwatch.server.watchlist.browser_output import order_facts, view_json

    facts = view_json(view)["subject"]
    documents = [" ".join(filter(None, one.values())) for one in facts.pop("travel_documents")]
    facts |= {"aliases": " | ".join(facts["aliases"]), "travel_documents": " | ".join(documents)}
    print_table(("Field", "Value"), ([name, value] for name, value in facts.items() if value))
    for one in view.orders:
        print_table(("Order", one.order.order_id), [*order_facts(one.order), ["status", _status(one)]])
    if view.elsewhere:
        columns = ("Order of the same person", "Under the key", "Received on")
        print_table(columns, ([one.order_id, one.subject_id, str(one.received_on)] for one in view.elsewhere))
    print_table(
        ("Photograph", "Measured", "Warnings", "Also under"),
        (
            [
                face.reference_id,
                face_words(face.figures),
                ", ".join((*face.warnings, *(["STALE_MODEL"] if face.reference_id in view.stale else []))),
                ", ".join(view.also_under.get(face.reference_id, ())),
            ]
            for face in view.references
        ),
    )


def write_pictures(folder: Path, look: WatchlistBrowser, view: SubjectView) -> None:
    """Write each reference face's picture to a new file that only its owner can read. Raises ProgramError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for reference in view.references:
            if jpeg := look.picture(reference):
                file = folder / f"{reference.reference_id}.jpg"
                handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(handle, "wb") as stream:
                    stream.write(jpeg)
                typer.echo(f"Wrote {file}", err=True)
    except OSError as error:
        raise ProgramError(f"Cannot write pictures into {folder}: {error.strerror}") from None

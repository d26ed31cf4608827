"""Output of the watchlist: on the terminal, as JSON or CSV, and pictures as files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.table import Column

from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.program.csv_files import SafeCsvWriter
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.entry import Link
from cekalwatch.server.cli.output import whole_table

if TYPE_CHECKING:
    from cekalwatch.server.domain.orders.ban_order import BanOrder, JudgedOrder
    from cekalwatch.server.domain.orders.status_history import StatusChange
    from cekalwatch.server.watchlist.browser import SubjectHistory, SubjectView, WatchlistBrowser


LIST_COLUMNS: Final = (
    *("subject_id", "name", "aliases", "sex", "date_of_birth", "nationality"),
    *("order_id", "kind", "status", "broken_rules", "flags", "valid_from", "valid_until", "urgent", "extends_order_id"),
    *("requesting_agency", "decree_number", "received_on", "ground", "person_status"),
    *("revoked_at", "revocation_ground", "revocation_reference", "references", "stale_references"),
)
HISTORY_COLUMNS: Final = ("at", "what", "order_id", "status", "by", "details")
FROM_THE_START: Final = "from the start"


def list_rows(views: Iterable[SubjectView]) -> Iterator[list[str | int]]:
    """Yield a row for each order, with its subject's columns repeated, and one for a subject without orders."""
    for view in views:
        one = view.subject
        person = [one.subject_id, one.name, " | ".join(one.aliases), one.sex, one.date_of_birth, one.nationality]
        faces: list[str | int] = [len(view.references), len(view.stale)]
        for judged in view.judged or (None,):
            yield [*person, *_order_cells(judged), *faces]


def _order_cells(judged: JudgedOrder | None) -> list[str]:
    if judged is None:
        return [""] * 17
    order, judgement = judged.order, judged.judgement
    return [
        *(order.order_id, order.kind, judgement.status),
        *(" ".join(judgement.broken_rules), " ".join(judgement.flags)),
        *(order.valid_from.isoformat(), order.valid_until.isoformat(), "yes" if order.urgent else "no"),
        *(order.extends_order_id, order.requesting_agency, order.decree_number, order.received_on.isoformat()),
        *(order.ground or "", order.person_status or "", order.revoked_at.isoformat() if order.revoked_at else ""),
        *(order.revocation_ground or "", order.revocation_reference),
    ]


def order_facts(order: BanOrder) -> Iterator[list[str]]:
    """Yield name and value of the facts that an order states, without its keys."""
    for name, value in asdict(order).items():
        if name not in {"order_id", "subject_id"} and value not in {None, "", False}:
            yield [name, "yes" if value is True else str(value)]


def view_json(view: SubjectView) -> dict[str, Any]:
    """Return everything about a subject, without pictures."""
    return {
        "subject": asdict(view.subject),
        "orders": [{**asdict(one.order), **asdict(one.judgement)} for one in view.judged],
        "elsewhere": [
            {"order_id": one.order_id, "subject_id": one.subject_id, "received_on": one.received_on}
            for one in view.elsewhere
        ],
        "references": [
            {
                **{name: getattr(face, name) for name in ("reference_id", "subject_id", "photo_sha256", "warnings")},
                "figures": asdict(face.figures),
                "stale_model": face.reference_id in view.stale,
                "also_under": view.also_under.get(face.reference_id, ()),
            }
            for face in view.references
        ],
    }


def history_rows(history: SubjectHistory) -> Iterator[list[str]]:
    """Yield a row for each event of the audit trail, oldest first, then one for each status change."""
    for link in history.events:
        yield [link.at, link.action, _order_of(link), link.outcome, link.actor, link.details]
    for order_id, changes in history.status_changes.items():
        for change in changes:
            judgement = change.judgement
            yield [_moment(change), "STATUS", order_id, judgement.status, "", " ".join(judgement.remarks)]


def history_json(history: SubjectHistory) -> dict[str, Any]:
    """Return the history, with the details of events as in the audit trail."""
    return {
        "events": [
            {**{name: getattr(link, name) for name in ("sequence", "at", "actor", "action", "outcome")}}
            | {"objects": json.loads(link.objects), "details": json.loads(link.details)}
            for link in history.events
        ],
        "statuses": {
            order_id: [{"from": change.at, **asdict(change.judgement)} for change in changes]
            for order_id, changes in history.status_changes.items()
        },
    }


def _moment(change: StatusChange) -> str:
    return change.at.isoformat() if change.at else FROM_THE_START


def _order_of(link: Link) -> str:
    keys = [one.removeprefix("order:") for one in json.loads(link.objects) if one.startswith("order:")]
    return " ".join(keys[:3])


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
    """Print a row for each order; the facts of a subject are in its first row."""

    def rows() -> Iterator[list[str]]:
        for view in views:
            faces = str(len(view.references)) + (f", {len(view.stale)} stale" if view.stale else "")
            person = [view.subject.subject_id, view.subject.name, view.subject.nationality, faces]
            for one in view.judged:
                order = one.order
                yield [*person, order.order_id, order.kind, _status(one), f"{order.valid_from} to\n{order.valid_until}"]
                person = [""] * 4
            if not view.judged:
                yield [*person, *[""] * 4]

    valid = Column("Valid", no_wrap=True)  # days are read at a glance, or misread
    print_table(("Subject", "Name", "Nation", "Photos", "Order", "Kind", "Status", valid), rows())


def _status(one: JudgedOrder) -> str:
    order, judgement = one.order, one.judgement
    revoked = (order.revocation_ground, order.revocation_reference) if judgement.status is OrderStatus.REVOKED else ()
    return " ".join((judgement.status, *filter(None, revoked), *judgement.remarks))


def print_view(view: SubjectView) -> None:
    """Print everything that is stored about a subject, in tables."""
    from cekalwatch.server.cli.watchlist.importing import face_words

    facts = view_json(view)["subject"]
    documents = [" ".join(filter(None, one.values())) for one in facts.pop("travel_documents")]
    facts |= {"aliases": " | ".join(facts["aliases"]), "travel_documents": " | ".join(documents)}
    print_table(("Field", "Value"), ([name, value] for name, value in facts.items() if value))
    for one in view.judged:
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

"""*List*, import: a file is previewed, and imported as it was previewed; its report stays for later."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from cekalwatch.console.import_jobs import (
    GROUPS,
    MAX_KEPT,
    ImportJob,
    JobState,
    groups,
)
from cekalwatch.console.pages.signing_in.provider import SECOND_FIELDS, with_second_person
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.codec.imports import ENCODINGS
from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.contract.values.imports import MAX_CORRECTION, DayOrder, FieldFault
from cekalwatch.office.client.import_client import SentFile, signed_import
from cekalwatch.office.client.refusals import explain
from cekalwatch.program.csv_files import report_csv
from cekalwatch.wire.bounds import MAX_LIST_FILE_BYTES, MAX_LIST_FILE_NAME

MAX_SHOWN: Final = 200
"""Rows of a group on the page; the report has all."""
MAX_REPAIRS: Final = 40
"""Cells to correct that are shown at once: those of a form are bounded."""
MEGABYTE: Final = 1_000_000


def show(visit: RequestContext, problem: str = "") -> Response:
    """Show the imports whose report the console has, and the form; the file must be chosen again."""
    return visit.page(
        "imports.html",
        problem=problem,
        jobs=visit.console.imports.all(),
        most=MAX_LIST_FILE_BYTES // MEGABYTE,
        encodings=list(ENCODINGS),
        chosen=visit.form.get("encoding", ""),
    )


def take(visit: RequestContext) -> Response:
    """Take a file in, and begin its preview."""
    upload, encoding = visit.upload, visit.form.get("encoding", "")
    if upload is None or not upload.filename or not upload.size:
        return show(visit, visit.texts.say("FILE_MISSING"))
    if upload.size > MAX_LIST_FILE_BYTES:
        return show(visit, visit.texts.say("FILE_TOO_LARGE", most=MAX_LIST_FILE_BYTES // MEGABYTE))
    if encoding not in ENCODINGS:
        return show(visit, visit.texts.say("REFUSED_ARGUMENT_INVALID"))
    name = safe_text(upload.filename.replace("\\", "/").rpartition("/")[2], MAX_LIST_FILE_NAME) or "?"
    # From here on the import closes it.
    file, visit.upload = SentFile(name, upload.size, encoding, upload.file), None
    job = visit.console.imports.begin(visit.signed_in, file)
    return visit.to(f"/list/import/{job.import_id}")


def too_many(visit: RequestContext) -> Response:
    """Say that as many files are held as there may be."""
    return show(visit, visit.texts.say("FILES_TOO_MANY"))


def show_one(visit: RequestContext, problem: str = "") -> Response:
    """Show one import: its state, and its preview or result."""
    job = _find(visit)
    return visit.page("import_one.html", **_values(visit, job, problem)) if job else _unknown(visit)


def part(visit: RequestContext) -> Response:
    """Show the part of it that changes."""
    job = _find(visit)
    return visit.page("import_part.html", **_values(visit, job)) if job else _unknown(visit)


def confirm(visit: RequestContext) -> Response:
    """Import the file; with a second person who signs, also the rows by which orders in force no longer alert."""
    job = _find(visit)
    signed = silenced(job) if job else ()
    if job is None or not signed or not any(visit.form.get(field) for field in SECOND_FIELDS):
        return _act(visit, confirmed=True)
    asked = signed_import(job.file, job.ended.preview_digest, signed) if job.file and job.ended else None
    if asked is None:
        return _act(visit, confirmed=True)

    def done(word: str) -> Response:
        return _act(visit, confirmed=True, signed=signed, word=word)

    return with_second_person(visit, asked, done, lambda problem: show_one(visit, problem))


def silenced(job: ImportJob) -> tuple[str, ...]:
    """Return the keys of the orders in force that would no longer alert."""
    return tuple(sorted({key for one in list(job.lines) for key in one.silences}))


def give_up(visit: RequestContext) -> Response:
    return _act(visit, confirmed=False)


def repair(visit: RequestContext) -> Response:
    """Preview the file again, with the cells that the person has corrected and the orders of days that they chose."""
    job, jobs = _find(visit), visit.console.imports
    if job is None:
        return _unknown(visit)
    form, choices, cells = visit.form, *repairs(job)
    wanted = {("", field): form[field] for field, _ in choices if form.get(field) in set(DayOrder)}
    for place, _, fault in cells:
        typed = form.get(f"{place}:{fault.field}")
        if typed is not None and typed != fault.value:
            wanted[place, fault.field] = typed[:MAX_CORRECTION]
    mine = job.session is visit.signed_in
    if mine and not wanted and job.state is JobState.PREVIEWED:
        return visit.page("import_one.html", **_values(visit, job, visit.texts.say("REPAIR_NOTHING")))
    if not mine or not jobs.repair(job, visit.signed_in, wanted):
        words = visit.texts.say("IMPORT_NOT_WAITING" if mine else "IMPORT_OF_ANOTHER")
        return visit.page("import_one.html", **_values(visit, job, words))
    return visit.to(f"/list/import/{job.import_id}")


def repairs(job: ImportJob) -> tuple[list[tuple[str, FieldFault]], list[tuple[str, str, FieldFault]]]:
    """Return what the person of a preview can correct: columns of days whose order nobody knows, each with its first
    such day, and the first cells, each with its row and order."""
    refused = [one for one in job.lines if one.place]
    choices: dict[str, FieldFault] = {}
    for fault in (fault for one in refused for fault in one.faults if fault.readings):
        choices.setdefault(fault.field, fault)
    cells = [(one.place, one.order_id, fault) for one in refused for fault in one.faults if not fault.readings]
    return list(choices.items()), cells[:MAX_REPAIRS]


def template(visit: RequestContext) -> Response:
    """Return the template of a list, as a spreadsheet or a table."""
    from cekalwatch.console.list_template import TEMPLATE_NAME, TEMPLATES  # loads openpyxl

    kind = visit.part("kind")
    if kind not in TEMPLATES:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    media, written = TEMPLATES[kind]
    headers = {"Content-Disposition": f'attachment; filename="{TEMPLATE_NAME}.{kind}"'}
    return Response(written(visit.now.date()), media_type=media, headers=headers)


def report(visit: RequestContext) -> Response:
    """Return the report as CSV."""
    job = _find(visit)
    if job is None:
        return _unknown(visit)
    lines = job.lines if job.session is visit.session else [replace(one, faults=()) for one in job.lines]
    name = f"import-{job.began_at.astimezone(visit.texts.zone):%Y-%m-%d-%H%M}.csv"
    return Response(
        report_csv(lines, visit.texts.fault, visit.texts.doubt),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _act(visit: RequestContext, *, confirmed: bool, signed: tuple[str, ...] = (), word: str = "") -> Response:
    job, jobs = _find(visit), visit.console.imports
    if job is None:
        return _unknown(visit)
    mine = job.session is visit.signed_in
    if not mine or not (jobs.confirm(job, visit.signed_in, signed, word) if confirmed else jobs.give_up(job)):
        words = visit.texts.say("IMPORT_NOT_WAITING" if mine else "IMPORT_OF_ANOTHER")
        return visit.page("import_one.html", **_values(visit, job, words))
    return visit.to(f"/list/import/{job.import_id}")


def _find(visit: RequestContext) -> ImportJob | None:
    return visit.console.imports.find(visit.part("import_id"))


def _unknown(visit: RequestContext) -> Response:
    return visit.problem(visit.texts.say("IMPORT_UNKNOWN"), HTTPStatus.NOT_FOUND)


def _values(visit: RequestContext, job: ImportJob, problem: str = "") -> dict[str, object]:
    lines, mine = list(job.lines), job.session is visit.session
    choices, cells = repairs(job) if mine else ([], [])
    told = {group: [one for one in lines if group in groups(one)] for group in GROUPS}
    # A preview shows stored rows as new or changed, a report shows them together.
    for group in ("STORED",) if job.state is JobState.PREVIEWED else ("ADDED", "CHANGED"):
        del told[group]
    return {
        "job": job,
        "mine": mine,
        "choices": choices,
        "cells": cells,
        "orders": list(DayOrder),
        "counts": job.counts,
        "told": {group: found for group, found in told.items() if found},
        "done": len(lines),
        "silencing": sum(bool(one.silences) for one in lines),
        "second_name": visit.form.get("second_name", ""),
        "most": MAX_SHOWN,
        "kept": MAX_KEPT,
        "problem": problem,
        "why": explain(job.error, visit.texts) if job.error else "",
    }

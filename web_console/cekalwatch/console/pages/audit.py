"""*Audit*: searching the trail, one entry of it, checking it, and giving it out by two people."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import grpc
from markupsafe import escape
from starlette.responses import Response, StreamingResponse

from cekalwatch.console.clients.audit_client import Export
from cekalwatch.console.locale.audit_words import ACTIONS
from cekalwatch.console.pages.alerts import midnight
from cekalwatch.console.pages.signing_in.provider import with_second_person
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import audit
from cekalwatch.contract.values.audit import ExportFormat, TrailEntry, TrailPage, TrailProgress, TrailQuery
from cekalwatch.office.client.refusals import error_reason, explain

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PAGE_SIZE: Final = 50
MAX_SEQUENCE_DIGITS: Final = 18
_FIELDS: Final = ("person", "subject", "alert", "action", "outcome", "since", "until")
_COMMON: Final = (
    "SUBJECT_VIEWED",
    "ALERT_VIEWED",
    "THRESHOLD_SET",
    "PERSON_CHANGED",
    "SIGN_IN_REFUSED",
    "AUDIT_EXPORTED",
)
"""Actions that auditors look for again and again, in the last week."""
_COMMON_DAYS: Final = 7
_DELIVERED: Final = "ALERT_DELIVERED"
_GAP: Final = "<!--progress-->"
"""Where the template of a check is split, since its page is sent while the check runs."""


def search(visit: RequestContext) -> Response:
    """Show a page of entries, newest first."""
    return _show(visit, {name: visit.query(name).strip() for name in _FIELDS})


def show(visit: RequestContext) -> Response:
    written = visit.part("sequence")
    if not written.isascii() or not written.isdecimal() or len(written) > MAX_SEQUENCE_DIGITS:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    try:
        found = visit.ask(audit.GET_AUDIT_ENTRY(sequence=int(written)))
    except grpc.RpcError as error:
        if error_reason(error) != "AUDIT_ENTRY_NOT_FOUND":
            raise
        return visit.problem(explain(error, visit.texts), HTTPStatus.NOT_FOUND)
    return visit.page("audit_entry.html", found=found, entry=found.entry)


def verify(visit: RequestContext) -> Response:
    """Check the trail; the page grows while the server does."""
    before, _, after = bytes(visit.page("audit_check.html", gap=_GAP).body).decode().partition(_GAP)
    return StreamingResponse(_checked(visit, before, after), media_type="text/html; charset=utf-8")


def export(visit: RequestContext) -> Response:
    """Send entries as a file, when a second person has signed for it."""
    form = visit.form
    since, until, wrong = _span(visit, form.get("since", ""), form.get("until", ""))
    written = form.get("format", "")
    if wrong or written not in set(ExportFormat):
        return show_again(visit, wrong or visit.texts.say("REFUSED_ARGUMENT_INVALID"))
    wanted = visit.audit.wanted(since, until, ExportFormat(written))

    def sent(word: str) -> Response:
        begun = visit.audit.export(wanted, word)
        file = f"audit-{visit.now.astimezone(visit.texts.zone):%Y%m%d-%H%M%S}"
        headers = {"Content-Disposition": f'attachment; filename="{file}.zip"'}
        return StreamingResponse(_zipped(begun, f"{file}.{written}"), media_type="application/zip", headers=headers)

    return with_second_person(visit, wanted, sent, lambda problem: show_again(visit, problem))


def show_again(visit: RequestContext, problem: str) -> Response:
    """Show the export's form with its input."""
    return _show(visit, dict.fromkeys(_FIELDS, ""), export_problem=problem)


def _show(visit: RequestContext, fields: dict[str, str], export_problem: str = "") -> Response:
    since, until, problem = _span(visit, fields["since"], fields["until"])
    named = {name: fields[name] for name in ("person", "subject", "alert", "action", "outcome")}
    found = TrailPage((), "", (), None)
    if not problem:
        try:
            found = visit.audit.search(TrailQuery(**named, since=since, until=until), PAGE_SIZE, visit.query("page"))
        except grpc.RpcError as error:
            if error_reason(error) not in {"PERSON_UNKNOWN", "ARGUMENT_INVALID", "PAGE_TOKEN_INVALID"}:
                raise
            problem = explain(error, visit.texts)
    return visit.page(
        "audit.html",
        HTTPStatus.CONFLICT if problem or export_problem else HTTPStatus.OK,
        found=found,
        rows=folded(found.entries),
        fields=fields,
        searched={name: value for name, value in fields.items() if value},
        common=_common(visit),
        actions=ACTIONS,
        formats=list(ExportFormat),
        problem=problem,
        export_problem=export_problem,
        form=visit.form,
        second_name=visit.form.get("second_name", ""),
    )


def _common(visit: RequestContext) -> list[tuple[dict[str, str], str]]:
    """Return searches that are offered as links, each with its fields and its title."""
    since = (visit.now.astimezone(visit.texts.zone) - timedelta(days=_COMMON_DAYS - 1)).date().isoformat()
    found = [({"action": one, "since": since}, visit.texts.audit.action(one)) for one in _COMMON]
    return [
        *found,
        ({"person": visit.signed_in.name or visit.person.person_id, "since": since}, visit.texts.say("AUDIT_OWN")),
    ]


def folded(entries: Sequence[TrailEntry]) -> list[tuple[TrailEntry, list[TrailEntry]]]:
    """Return the entries, each with the deliveries of its alert that follow it, newest first.

    A delivery stands by itself only where no older entry of the page is about its alert.
    """
    rows: list[tuple[TrailEntry, list[TrailEntry]]] = []
    waiting: dict[str, list[TrailEntry]] = {}
    for at, entry in enumerate(entries):
        alert = _alert_of(entry)
        if (
            entry.action == _DELIVERED
            and alert
            and not entry.damaged
            and any(_alert_of(one) == alert for one in entries[at + 1 :])
        ):
            waiting.setdefault(alert, []).append(entry)
        else:
            rows.append((entry, waiting.pop(alert, []) if alert else []))
    return rows


def _alert_of(entry: TrailEntry) -> str:
    return next((one for one in entry.objects if one.startswith("alert:")), "")


def _span(visit: RequestContext, since: str, until: str) -> tuple[datetime | None, datetime | None, str]:
    """Return the beginning of the first day and the end of the last by the site's clock, and the error in them."""
    try:
        first, last = midnight(since, visit, 0), midnight(until, visit, 1)
    except (ValueError, OverflowError):
        return None, None, visit.texts.say("DATE_WRONG")
    if first and last and last <= first:
        return None, None, visit.texts.say("DAYS_REVERSED")
    return first, last, ""


def _checked(visit: RequestContext, before: str, after: str) -> Iterator[str]:
    yield before
    say = visit.texts.say
    try:
        for one in visit.audit.verify():
            if isinstance(one, TrailProgress):
                yield f"<p>{escape(say('CHECK_PROGRESS', checked=one.checked, total=one.total))}</p>\n"
            else:
                yield bytes(visit.page("audit_verdict.html", verdict=one).body).decode()
    except grpc.RpcError as error:
        yield f'<p class="problem" role="alert">{escape(explain(error, visit.texts))}</p>\n'
    yield after


class _Sink(io.RawIOBase):
    """Passes on the bytes of a ZIP writer; it cannot seek."""

    def __init__(self) -> None:
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        before = len(self._data)
        self._data += data
        return len(self._data) - before

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


def _zipped(begun: Export, name: str) -> Iterator[bytes]:
    """Yield a ZIP file with the entries and the checkpoint; when it breaks off, the file cannot be opened."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w", force_zip64=True) as file:
            for part in begun.parts:
                file.write(part)
                yield sink.take()
        if begun.checkpoint:
            archive.writestr("checkpoint.jsonl", f"{begun.checkpoint}\n")
    yield sink.take()

"""*Alerts*: search, one alert with its pictures and history, and the steps of supervisors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Final

import grpc
from starlette.responses import Response

from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.values.adjudication import (
    MAX_NOTE,
    OPEN_STATES,
    REASONS,
    STEP_OUTCOMES,
    AlertState,
    FollowUp,
    Reason,
    Step,
)
from cekalwatch.contract.values.alerts import AlertSearch
from cekalwatch.office.alert_record import alert_record
from cekalwatch.office.alerts import Hindrance, options, reasons
from cekalwatch.office.client.refusals import explain
from cekalwatch.program.translations import Language

PAGE_SIZE: Final = 50
STEPS: Final = (
    Step.TAKE_OVER,
    Step.CONFIRM,
    Step.CLEAR,
    Step.ENTER_REFERENCE,
    Step.TAKE_BACK,
    Step.FOLLOW_UP,
    Step.CLOSE,
)
"""The steps of this page. The judgement of the officer before the traveller belongs to the counter's PC."""
LOOKS: Final = (Step.REFER, Step.NOT_SAME, Step.CANNOT_TELL)
"""What a person finds of the two faces, before the page shows the rest."""
FIELDS: Final = ("state", "since", "until", "counter", "subject", "officer")
MAX_KEY: Final = 64
MAX_NAME: Final = 100
OWED: Final = "owed"
"""Of the choices of a state: hits whose reference number is owed."""
STATES: Final = {"open": OPEN_STATES, "settled": frozenset(AlertState) - OPEN_STATES}


def search(visit: RequestContext) -> Response:
    """Show a page of alerts, newest first."""
    fields = {name: visit.query(name).strip() for name in FIELDS}
    wanted, problem = _wanted(fields, visit)
    found, token = ((), "") if problem else visit.alerts.page(wanted, PAGE_SIZE, visit.query("page"))
    return visit.page_with_pictures(
        "alerts.html",
        HTTPStatus.CONFLICT if problem else HTTPStatus.OK,
        alerts=found,
        token=token,
        fields=fields,
        states=list(AlertState),
        words=problem,
        owed=visit.texts.references_owed(found, visit.now) if wanted.reference_owed else (),
        max_key=MAX_KEY,
        max_name=MAX_NAME,
    )


def show(visit: RequestContext) -> Response:
    return _show(visit, visit.part("alert_id"))


def show_record(visit: RequestContext) -> Response:
    """Show the record of a hit for the office's file, in Indonesian, to be printed."""
    alert = visit.alerts.record(visit.part("alert_id"))
    texts = ConsoleTexts(Language.ID, visit.texts.zone)
    record = alert_record(alert, texts, visit.now, visit.person.display_name)
    return visit.page("alert_record.html", record=record, alert=alert)


def take_step(visit: RequestContext) -> Response:
    """Take a step with the alert in the state that the person saw; after a refusal the input stays."""
    alert_id, wanted = visit.part("alert_id"), visit.part("step").upper()
    if wanted not in {step.value for step in (*STEPS, *LOOKS)}:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    step = Step(wanted)
    problem = ""
    try:
        problem = _carry_out(visit, alert_id, step)
    except grpc.RpcError as error:
        problem = explain(error, visit.texts)
    if problem:
        return _show(visit, alert_id, problem, step)
    return visit.to(f"/alerts/{alert_id}?done=1")


def show_again(visit: RequestContext, problem: str) -> Response:
    """Show an alert with the form of a step and its input."""
    tried = next((step for step in (*STEPS, *LOOKS) if step == visit.part("step").upper()), None)
    return _show(visit, visit.part("alert_id"), problem, tried)


def _carry_out(visit: RequestContext, alert_id: str, step: Step) -> str:
    """Take a step; return why its form is not complete, or an empty text. Raises grpc.RpcError."""
    form, say = visit.form, visit.texts.say
    version = int(form.get("version", "0")) if form.get("version", "").isdecimal() else 0
    note = form.get("note", "").replace("\r\n", "\n").strip()
    if len(note) > MAX_NOTE:
        return say("REFUSED_NOTE_INVALID")
    match step:
        case _ if step in LOOKS:
            visit.alerts.look(alert_id, version, STEP_OUTCOMES[step])
        case Step.CONFIRM | Step.ENTER_REFERENCE:
            return _with_reference(visit, alert_id, version, step, note)
        case Step.CLEAR | Step.TAKE_BACK | Step.TAKE_OVER:
            return _with_reason(visit, alert_id, version, step, note)
        case Step.FOLLOW_UP:
            agency, contact, result = (
                form.get(name, "").replace("\r\n", "\n").strip() for name in ("agency", "contact", "result")
            )
            when = _moment(form.get("when", ""), visit)
            if when is None:
                return say("DATE_WRONG")
            if not all(0 < len(text) <= MAX_NOTE for text in (agency, contact, result)):
                return say("REFUSED_NOTE_INVALID")
            visit.alerts.record_follow_up(alert_id, version, FollowUp(agency, contact, result, when))
        case _:
            visit.alerts.close_alert(alert_id, version)
    return ""


def _with_reference(visit: RequestContext, alert_id: str, version: int, step: Step, note: str) -> str:
    reference, down = visit.form.get("reference", "").strip().upper(), bool(visit.form.get("down"))
    if bool(reference) == down:
        return visit.texts.say("REFUSED_REFERENCE_INVALID")
    if step is Step.ENTER_REFERENCE:
        visit.alerts.enter_reference(alert_id, version, reference, note)
    else:
        why = Reason.CENTRAL_SYSTEM_DOWN if down else Reason.LISTED_IN_CEKAL_ONLINE
        visit.alerts.confirm(alert_id, version, reference, note, reason=why)
    return ""


def _with_reason(visit: RequestContext, alert_id: str, version: int, step: Step, note: str) -> str:
    reason, say = visit.form.get("reason", ""), visit.texts.say
    if reason not in REASONS[STEP_OUTCOMES[step]]:
        return say("CHOOSE_REASON")
    if reason == Reason.OTHER and not note:
        return say("REFUSED_NOTE_INVALID")
    if step is Step.TAKE_OVER:
        visit.alerts.take_over(alert_id, version, Reason(reason), note)
        visit.alerts.release(alert_id)  # the person at the counter looks again
    else:
        visit.alerts.clear(alert_id, version, Reason(reason), note)
    return ""


def _show(
    visit: RequestContext,
    alert_id: str,
    problem: str = "",
    tried: Step | None = None,
) -> Response:
    alert, pictures = visit.alerts.with_pictures(alert_id)
    possible = options(alert, visit.person, visit.console.settings.name)
    here = LOOKS if alert.look_needed else STEPS
    steps: dict[Step, Hindrance | None] = {step: possible.steps[step] for step in here if step in possible.steps}
    return visit.page_with_pictures(
        "alert.html",
        alert=alert,
        viewer=visit.person,
        steps=steps,
        tried=tried,
        problem=problem,
        done=bool(visit.query("done")) and not problem,
        probe=pictures.probe,
        references=pictures.reference_jpegs if pictures.probe else (),
        reasons={step: reasons(step, alert) for step in STEP_OUTCOMES},
        max_note=MAX_NOTE,
        at=visit.now.astimezone(visit.texts.zone).strftime("%Y-%m-%dT%H:%M"),
        form=visit.form,
    )


def _wanted(fields: Mapping[str, str], visit: RequestContext) -> tuple[AlertSearch, str]:
    """Return the search that a person entered, and the error in it."""
    state = fields["state"]
    owed = state == OWED
    states = STATES.get(state) or ({AlertState(state)} if state in set(AlertState) else frozenset())
    try:
        since, until = (midnight(fields[name], visit, days) for name, days in (("since", 0), ("until", 1)))
    except (ValueError, OverflowError):
        return AlertSearch(), visit.texts.say("DATE_WRONG")
    if since and until and since >= until:
        return AlertSearch(), visit.texts.say("SPAN_WRONG")
    counter, subject, officer = (fields[name] for name in ("counter", "subject", "officer"))
    return AlertSearch(frozenset(states), since, until, counter, subject, officer, owed), ""


def midnight(written: str, visit: RequestContext, days: int) -> datetime | None:
    """Return the beginning of a day by the site's clock, shifted by a number of days; None when nothing is entered."""
    if not written:
        return None
    day = date.fromisoformat(written) + timedelta(days=days)
    return datetime.combine(day, time(), visit.texts.zone).astimezone(UTC)


def _moment(written: str, visit: RequestContext) -> datetime | None:
    try:
        return datetime.fromisoformat(written).replace(tzinfo=visit.texts.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

"""Every page: its path, its rights, and its handler. A page that is not here does not exist."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import compile_path

from cekalwatch.console.menu import ANYBODY
from cekalwatch.console.page import STRANGERS, Page
from cekalwatch.console.pages import (
    alerts,
    approvals,
    audit,
    cameras,
    devices,
    faces,
    guides,
    now,
    people,
    ports,
    shift,
    statistics,
    system,
    threshold,
    wall,
)
from cekalwatch.console.pages.signing_in import provider, session
from cekalwatch.console.pages.signing_in.session import ask_again
from cekalwatch.console.pages.watchlist import agencies, imports, law, orders, subjects, sync
from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.signing_in.pending_approvals import KeptForm, PendingApproval
from cekalwatch.contract.values.alarms import KEEPS_SOURCES, SEES_ALARMS
from cekalwatch.contract.values.people import (
    CONFIRMS,
    HANDLES_ALERTS,
    KEEPS_DEVICES,
    KEEPS_PEOPLE,
    KEEPS_SYSTEM,
    KEEPS_WATCHLIST,
    SEES_ALERTS,
    SEES_AUDIT_TRAIL,
    SEES_SHIFT_REPORT,
    SIGNS_AS_SECOND,
)
from cekalwatch.office.client.provider_visit import BACK
from cekalwatch.program.extensions import extensions


def refusal(page: Page, visit: RequestContext) -> Response | None:
    """Return the response to a person who may not see a page; None for one who may: only this decides.

    Raises grpc.RpcError for a person whose session has ended.
    """
    if (people := page.people) is None:
        return None
    if (session := visit.session) is None:
        return to_sign_in(page, visit)
    if not session.person.password_change_needed:
        # Data of the console itself, such as reports of imports, is only for people who still have the right.
        visit.look_at_person()
    if session.person.password_change_needed and not page.with_first_password:
        return visit.to("/password")
    if people and not session.person.roles & people:
        return visit.problem(visit.texts.say("PAGE_NOT_ALLOWED"), HTTPStatus.FORBIDDEN)
    return None


def to_sign_in(page: Page, visit: RequestContext) -> Response:
    """Ask the person to sign in, and keep the form that was sent."""
    if not page.by_a_person:  # a part of a page that is open: it says so itself
        return visit.page("part_signed_out.html", HTTPStatus.UNAUTHORIZED)
    after, path = "/wall" if page.on_wall else visit.address, visit.request.url.path
    kept = KeptForm.of(path, visit.form) if page.again and page.method == "POST" else None
    if page.takes_file:
        response = visit.to(f"/sign-in?after={quote(path)}&lost=file")
    elif kept and kept.fields:
        words = visit.texts.say("REFUSED_SESSION_ENDED")
        response = ask_again(visit, words, HTTPStatus.UNAUTHORIZED, "/", kept)
    else:
        response = visit.to("/sign-in" if after == "/" else f"/sign-in?after={quote(after)}")
    visit.console.set_session_cookie(response, "", wall=page.on_wall)
    return response


def go_on(visit: RequestContext) -> Response:
    """Show a form that was filled in and not yet completed, with a message."""
    key = visit.part("key")
    kept = visit.signed_in.unfinished.get(key)
    if kept and kept.asked:
        return visit.to(f"/unfinished/{key}/wait")
    shown = _shown_again(visit, kept, key) if kept else None
    return shown or visit.problem(visit.texts.say("FORM_DONE"), HTTPStatus.NOT_FOUND)


def _shown_again(visit: RequestContext, kept: PendingApproval, key: str) -> Response | None:
    """Show a form with its entered values, if the person may see its page; None if there is no such form."""
    for page in ROUTES:
        if page.method == "POST" and page.again and (found := compile_path(page.path)[0].match(kept.form.path)):
            if refused := refusal(page, visit):
                return refused
            visit.form, visit.params = kept.form.fields, found.groupdict()
            visit.signed = (key, kept.word) if kept.word else None
            return page.again(visit, kept.problem)
    return None


ROUTES: Final[tuple[Page, ...]] = (
    Page("GET", "/sign-in", STRANGERS, session.ask_sign_in),
    Page("POST", "/sign-in", STRANGERS, session.sign_in),
    Page("POST", "/sign-in/provider", STRANGERS, provider.leave),
    Page("GET", BACK, STRANGERS, provider.come_back),
    Page("POST", "/language", STRANGERS, session.choose_language),
    Page("POST", "/sign-out", ANYBODY, provider.sign_out, with_first_password=True),
    Page("GET", "/password", ANYBODY, session.ask_password, with_first_password=True),
    Page("POST", "/password", ANYBODY, session.change_password, with_first_password=True),
    Page("GET", "/unfinished/{key}", ANYBODY, go_on),
    Page("GET", "/unfinished/{key}/wait", ANYBODY, approvals.wait),
    Page("GET", "/unfinished/{key}/part", ANYBODY, approvals.part, by_a_person=False),
    Page("GET", "/approvals", SIGNS_AS_SECOND, approvals.show),
    Page("POST", "/approvals/{approval_id}/{answer}", SIGNS_AS_SECOND, approvals.answer),
    Page("GET", "/", ANYBODY, now.show),
    Page("GET", "/now/part", ANYBODY, now.part, by_a_person=False),
    Page("GET", "/watch", STRANGERS, now.watch, by_a_person=False, with_first_password=True),
    Page("GET", "/now/news", ANYBODY, now.part, by_a_person=False, stream=now.news),
    Page("GET", "/wall", CONFIRMS, wall.show),
    Page("GET", "/wall/part", CONFIRMS, wall.part, by_a_person=False),
    Page("GET", "/wall/{camera_id}/picture", CONFIRMS, wall.picture, by_a_person=False),
    Page("POST", "/wall/screen", CONFIRMS, wall.begin_screen),
    Page("GET", "/wall/screen", CONFIRMS, wall.screen, on_wall=True),
    Page("GET", "/wall/screen/part", CONFIRMS, wall.screen_part, by_a_person=False, on_wall=True),
    Page("GET", "/wall/screen/{camera_id}/picture", CONFIRMS, wall.picture, by_a_person=False, on_wall=True),
    Page("POST", "/wall/screen/end", CONFIRMS, wall.end_screen, on_wall=True),
    Page("GET", "/alerts", SEES_ALERTS, alerts.search),
    Page("GET", "/alerts/faces", SEES_ALERTS, faces.of_alerts, by_a_person=False),
    Page("GET", "/alerts/{alert_id}", SEES_ALERTS, alerts.show),
    Page("GET", "/alerts/{alert_id}/record", SEES_ALERTS, alerts.show_record),
    Page("POST", "/alerts/{alert_id}/{step}", HANDLES_ALERTS, alerts.take_step, again=alerts.show_again),
    Page("GET", "/shift", HANDLES_ALERTS, shift.show),
    Page("POST", "/shift", HANDLES_ALERTS, shift.leave, again=shift.show_again),
    Page("POST", "/shift/{hand_over_id}/take", HANDLES_ALERTS, shift.take),
    Page("GET", "/list", KEEPS_WATCHLIST, subjects.search),
    Page("POST", "/list", KEEPS_WATCHLIST, subjects.look_for, again=subjects.look_again),
    Page("GET", "/list/faces", KEEPS_WATCHLIST, faces.of_subjects, by_a_person=False),
    Page("GET", "/list/unrecognisable", KEEPS_WATCHLIST, subjects.look_for_unrecognisable),
    Page("GET", "/list/subjects", KEEPS_WATCHLIST, subjects.show),
    Page("GET", "/list/subjects/history", KEEPS_WATCHLIST, subjects.history),
    Page("GET", "/list/look-alikes", KEEPS_WATCHLIST, subjects.show_lookalikes),
    Page("GET", "/list/look-alikes/pair", KEEPS_WATCHLIST, subjects.beside),
    Page("POST", "/list/look-alikes/pair", KEEPS_WATCHLIST, subjects.judge, again=subjects.judge_again),
    Page("GET", "/list/agencies", KEEPS_WATCHLIST, agencies.show),
    Page("POST", "/list/agencies", KEEPS_WATCHLIST, agencies.add, again=agencies.show),
    Page("GET", "/list/law", KEEPS_WATCHLIST, law.show),
    Page("GET", "/list/law/{kind}/{day}", KEEPS_WATCHLIST, law.show_row),
    Page("POST", "/list/law/preview", KEEPS_WATCHLIST, law.preview, again=law.show_row),
    Page("POST", "/list/law/add", KEEPS_WATCHLIST, law.add, again=law.preview),
    Page("GET", "/list/agencies/{code}", KEEPS_WATCHLIST, agencies.show_one),
    Page("POST", "/list/agencies/{code}/change", KEEPS_WATCHLIST, agencies.change, again=agencies.show_one),
    Page("POST", "/list/agencies/{code}/remove", KEEPS_WATCHLIST, agencies.remove, again=agencies.show_removal),
    Page("GET", "/list/subjects/photograph", KEEPS_WATCHLIST, subjects.photograph),
    Page("GET", "/list/orders", KEEPS_WATCHLIST, orders.show),
    Page("POST", "/list/orders/{act}", KEEPS_WATCHLIST, orders.amend, again=orders.show_again),
    Page("GET", "/list/subjects/picture", KEEPS_WATCHLIST, subjects.picture),
    Page("GET", "/ports", CONFIRMS, ports.show),
    Page("GET", "/ports/{site}/{port}/{alert_id}", CONFIRMS, ports.show_alert),
    Page("GET", "/ports/{site}/{port}/{alert_id}/pictures", CONFIRMS, ports.show_pictures),
    Page("GET", "/troubles", SEES_ALARMS, system.show_problems),
    Page("POST", "/troubles/{trouble_id}/seen", KEEPS_SOURCES, system.acknowledge),
    Page("GET", "/statistics", SEES_SHIFT_REPORT, statistics.show),
    Page("GET", "/statistics/table.csv", SEES_SHIFT_REPORT, statistics.table),
    Page("GET", "/statistics/report", SEES_SHIFT_REPORT, statistics.show_report),
    Page("GET", "/statistics/report.pdf", SEES_SHIFT_REPORT, statistics.report_file),
    Page("GET", "/list/import", KEEPS_WATCHLIST, imports.show),
    Page("POST", "/list/import", KEEPS_WATCHLIST, imports.take, again=imports.show, takes_file=True),
    Page("GET", "/list/import/template.{kind}", KEEPS_WATCHLIST, imports.template),
    Page("GET", "/list/import/{import_id}", KEEPS_WATCHLIST, imports.show_one),
    Page("GET", "/list/import/{import_id}/part", KEEPS_WATCHLIST, imports.part, by_a_person=False),
    Page("GET", "/list/import/{import_id}/waiting", KEEPS_WATCHLIST, imports.show_one, by_a_person=False),
    Page("GET", "/list/import/{import_id}/report.csv", KEEPS_WATCHLIST, imports.report),
    Page("POST", "/list/import/{import_id}/confirm", KEEPS_WATCHLIST, imports.confirm, again=imports.show_one),
    Page("POST", "/list/import/{import_id}/repair", KEEPS_WATCHLIST, imports.repair),
    Page("POST", "/list/import/{import_id}/drop", KEEPS_WATCHLIST, imports.give_up),
    Page("GET", "/list/sync", KEEPS_WATCHLIST, sync.show),
    Page("GET", "/list/sync/part", KEEPS_WATCHLIST, sync.part, by_a_person=False),
    Page("GET", "/list/sync/runs/{run_id}", KEEPS_WATCHLIST, sync.show_run),
    Page("POST", "/list/sync/start", KEEPS_WATCHLIST, sync.start),
    Page("POST", "/list/sync/accept", KEEPS_WATCHLIST, sync.accept, again=sync.show),
    Page("GET", "/threshold", KEEPS_SYSTEM, threshold.show),
    Page("POST", "/threshold/{act}", KEEPS_SYSTEM, threshold.change, again=threshold.show),
    Page("GET", "/audit", SEES_AUDIT_TRAIL, audit.search),
    Page("GET", "/audit/{sequence}", SEES_AUDIT_TRAIL, audit.show),
    Page("POST", "/audit/verify", SEES_AUDIT_TRAIL, audit.verify),
    Page("POST", "/audit/export", SEES_AUDIT_TRAIL, audit.export, again=audit.show_again),
    Page("GET", "/cameras", KEEPS_SYSTEM, cameras.show),
    Page("GET", "/cameras/{camera_id}", KEEPS_SYSTEM, cameras.show_one),
    Page("POST", "/cameras/{camera_id}/picture", KEEPS_SYSTEM, cameras.show_picture),
    Page("POST", "/cameras/{camera_id}/policy", KEEPS_DEVICES, cameras.set_policy, again=cameras.show_again),
    Page("GET", "/people", KEEPS_PEOPLE, people.show),
    Page("POST", "/people", KEEPS_PEOPLE, people.add, again=people.show),
    Page("GET", "/people/{name}", KEEPS_PEOPLE, people.show_one),
    Page("POST", "/people/{name}/{act}", KEEPS_PEOPLE, people.act, again=people.show_one),
    Page("GET", "/first-passwords", KEEPS_SYSTEM, people.show_parts),
    Page("POST", "/first-passwords", KEEPS_SYSTEM, people.take_parts),
    Page("GET", "/devices", KEEPS_DEVICES, devices.show),
    Page("POST", "/devices", KEEPS_DEVICES, devices.invite, again=devices.show),
    Page("GET", "/devices/{role}/{site}/{name}", KEEPS_DEVICES, devices.show_one),
    Page("POST", "/devices/{role}/{site}/{name}/{act}", KEEPS_DEVICES, devices.act, again=devices.show_one),
    Page("GET", "/system", KEEPS_SYSTEM, system.show_system),
    Page("GET", "/guides", ANYBODY, guides.show),
    Page("GET", "/guides/{name}", ANYBODY, guides.show_one),
    Page("GET", "/guides/pictures/{name}", ANYBODY, guides.show_picture),
    *(page for one in extensions("page") for page in one.PAGES),
)

RENAMED: Final = {"/figures": "/statistics"}
"""Former addresses, with all below them: for this release they lead to the present ones."""

"""Every page: its path, who may see it, and what answers. A page that is not here does not exist."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.routing import compile_path

from cekalwatch.console.menu import ANYBODY
from cekalwatch.console.page import STRANGERS, Page, refusal
from cekalwatch.console.pages import (
    alerts,
    audit,
    cameras,
    devices,
    guides,
    now,
    people,
    ports,
    statistics,
    system,
    threshold,
    troubles,
)
from cekalwatch.console.pages.signing_in import provider, session
from cekalwatch.console.pages.watchlist import imports, lookalikes, subjects, sync
from cekalwatch.console.request_context import RequestContext
from cekalwatch.console.signing_in.pending_approvals import PendingApproval
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
)
from cekalwatch.contract.values.troubles import KEEPS_SOURCES, SEES_TROUBLES


def go_on(visit: RequestContext) -> Response:
    """Show a form that was filled in and is not done yet, as it was, with what there is to say of it."""
    key = visit.part("key")
    kept = visit.signed_in.unfinished.get(key)
    shown = _shown_again(visit, kept, key) if kept else None
    return shown or visit.problem(visit.texts.say("FORM_DONE"), HTTPStatus.NOT_FOUND)


def _shown_again(visit: RequestContext, kept: PendingApproval, key: str) -> Response | None:
    """Show a form as it was filled in, to whoever may see its page; None when there is no such form."""
    for page in ROUTES:
        if page.method == "POST" and page.again and (found := compile_path(page.path)[0].match(kept.form.path)):
            if refused := refusal(page, visit):
                return refused
            visit.form, visit.params = kept.form.fields, found.groupdict()
            visit.signed = (key, kept.word) if kept.word else None
            return page.again(visit, kept.problem)
    return None


ROUTES: Final = (
    Page("GET", "/sign-in", STRANGERS, session.ask_sign_in),
    Page("POST", "/sign-in", STRANGERS, session.sign_in),
    Page("POST", "/sign-in/provider", STRANGERS, provider.leave),
    Page("GET", provider.BACK, STRANGERS, provider.come_back),
    Page("POST", "/language", STRANGERS, session.choose_language),
    Page("POST", "/sign-out", ANYBODY, provider.sign_out, with_first_password=True),
    Page("GET", "/password", ANYBODY, session.ask_password, with_first_password=True),
    Page("POST", "/password", ANYBODY, session.change_password, with_first_password=True),
    Page("GET", "/unfinished/{key}", ANYBODY, go_on),
    Page("GET", "/", ANYBODY, now.show),
    Page("GET", "/now/part", ANYBODY, now.part, by_a_person=False),
    Page("GET", "/now/news", ANYBODY, now.part, by_a_person=False, stream=now.news),
    Page("GET", "/alerts", SEES_ALERTS, alerts.search),
    Page("GET", "/alerts/{alert_id}", SEES_ALERTS, alerts.show),
    Page("POST", "/alerts/{alert_id}/{step}", HANDLES_ALERTS, alerts.take_step, again=alerts.show_again),
    Page("GET", "/list", KEEPS_WATCHLIST, subjects.search),
    Page("POST", "/list", KEEPS_WATCHLIST, subjects.look_for, again=subjects.look_again),
    Page("GET", "/list/subjects", KEEPS_WATCHLIST, subjects.show),
    Page("GET", "/list/subjects/history", KEEPS_WATCHLIST, subjects.history),
    Page("GET", "/list/look-alikes", KEEPS_WATCHLIST, lookalikes.show),
    Page("GET", "/list/look-alikes/pair", KEEPS_WATCHLIST, lookalikes.beside),
    Page("POST", "/list/look-alikes/pair", KEEPS_WATCHLIST, lookalikes.judge, again=lookalikes.show_again),
    Page("GET", "/list/subjects/picture", KEEPS_WATCHLIST, subjects.picture),
    Page("GET", "/ports", CONFIRMS, ports.show),
    Page("GET", "/ports/{site}/{port}/{alert_id}", CONFIRMS, ports.show_alert),
    Page("GET", "/ports/{site}/{port}/{alert_id}/pictures", CONFIRMS, ports.show_pictures),
    Page("GET", "/troubles", SEES_TROUBLES, troubles.show),
    Page("POST", "/troubles/{trouble_id}/seen", KEEPS_SOURCES, troubles.acknowledge),
    Page("GET", "/figures", SEES_SHIFT_REPORT, statistics.show),
    Page("GET", "/figures/table.csv", SEES_SHIFT_REPORT, statistics.table),
    Page("GET", "/figures/report", SEES_SHIFT_REPORT, statistics.show_report),
    Page("GET", "/figures/report.pdf", SEES_SHIFT_REPORT, statistics.report_file),
    Page("GET", "/list/import", KEEPS_WATCHLIST, imports.show),
    Page("POST", "/list/import", KEEPS_WATCHLIST, imports.take, again=imports.show_again, takes_file=True),
    Page("GET", "/list/import/{import_id}", KEEPS_WATCHLIST, imports.show_one),
    Page("GET", "/list/import/{import_id}/part", KEEPS_WATCHLIST, imports.part, by_a_person=False),
    Page("GET", "/list/import/{import_id}/waiting", KEEPS_WATCHLIST, imports.show_one, by_a_person=False),
    Page("GET", "/list/import/{import_id}/report.csv", KEEPS_WATCHLIST, imports.report),
    Page("POST", "/list/import/{import_id}/confirm", KEEPS_WATCHLIST, imports.confirm),
    Page("POST", "/list/import/{import_id}/drop", KEEPS_WATCHLIST, imports.give_up),
    Page("GET", "/list/sync", KEEPS_WATCHLIST, sync.show),
    Page("GET", "/list/sync/part", KEEPS_WATCHLIST, sync.part, by_a_person=False),
    Page("GET", "/list/sync/runs/{run_id}", KEEPS_WATCHLIST, sync.show_run),
    Page("POST", "/list/sync/start", KEEPS_WATCHLIST, sync.start),
    Page("POST", "/list/sync/accept", KEEPS_WATCHLIST, sync.accept, again=sync.show_again),
    Page("GET", "/threshold", KEEPS_SYSTEM, threshold.show),
    Page("POST", "/threshold/{act}", KEEPS_SYSTEM, threshold.change, again=threshold.show_again),
    Page("GET", "/audit", SEES_AUDIT_TRAIL, audit.search),
    Page("GET", "/audit/{sequence}", SEES_AUDIT_TRAIL, audit.show),
    Page("POST", "/audit/verify", SEES_AUDIT_TRAIL, audit.verify),
    Page("POST", "/audit/export", SEES_AUDIT_TRAIL, audit.export, again=audit.show_again),
    Page("GET", "/cameras", KEEPS_SYSTEM, cameras.show),
    Page("GET", "/cameras/{camera_id}", KEEPS_SYSTEM, cameras.show_one),
    Page("POST", "/cameras/{camera_id}/picture", KEEPS_SYSTEM, cameras.show_picture),
    Page("POST", "/cameras/{camera_id}/policy", KEEPS_DEVICES, cameras.set_policy, again=cameras.show_again),
    Page("GET", "/people", KEEPS_PEOPLE, people.show),
    Page("POST", "/people", KEEPS_PEOPLE, people.add, again=people.show_again),
    Page("GET", "/people/{name}", KEEPS_PEOPLE, people.show_one),
    Page("POST", "/people/{name}/{act}", KEEPS_PEOPLE, people.act, again=people.show_one_again),
    Page("GET", "/devices", KEEPS_DEVICES, devices.show),
    Page("POST", "/devices", KEEPS_DEVICES, devices.invite, again=devices.show_again),
    Page("GET", "/devices/{role}/{site}/{name}", KEEPS_DEVICES, devices.show_one),
    Page("POST", "/devices/{role}/{site}/{name}/{act}", KEEPS_DEVICES, devices.act, again=devices.show_one_again),
    Page("GET", "/system", KEEPS_SYSTEM, system.show),
    Page("GET", "/guides", ANYBODY, guides.show),
    Page("GET", "/guides/{name}", ANYBODY, guides.show_one),
)

"""The calls about alerts, escalation of those that wait, and retention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.server.alerts.adjudication import Adjudicator
from cekalwatch.server.alerts.automatic_steps import Escalator, OrderWatch
from cekalwatch.server.alerts.daily_stats import DailyStats
from cekalwatch.server.alerts.evaluation_file import groups_if_readable
from cekalwatch.server.alerts.exercise_director import ExerciseDirector
from cekalwatch.server.alerts.fanout import Acknowledgements, WaitingAlerts
from cekalwatch.server.alerts.hand_overs import HandOvers
from cekalwatch.server.alerts.reports import FieldReports
from cekalwatch.server.alerts.retention import RetentionSweeper
from cekalwatch.server.alerts.unusable_notices import UnusableNotices
from cekalwatch.server.audit.entry import Actor
from cekalwatch.server.auth.sessions import DevicesOfRole, PeopleHere
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.people import Person
from cekalwatch.server.grpc_api.servicers.adjudication import StepCalls
from cekalwatch.server.grpc_api.servicers.alerts import AlertCalls
from cekalwatch.server.grpc_api.servicers.faces import Thumbnails
from cekalwatch.server.grpc_api.servicers.reports import ReportCalls
from cekalwatch.server.grpc_api.servicers.shifts import shift_calls
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.server.watchlist.erasure import SubjectEraser
from cekalwatch.server.wiring.events import EventParts
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

SWEEP_PERIOD_S = 3600.0
SWEEP_PROBES_PERIOD_S = 30.0
SWEEP_IMAGES_PERIOD_S = 60.0
FORGET_PASSAGES_PERIOD_S = 30.0
ERASE_PERIOD_S = 6 * 3600.0
"""Processes all subjects."""
ESCALATE_PERIOD_S = 1.0
ORDERS_PERIOD_S = 1.0
COUNT_DAYS_PERIOD_S = 5.0
"""Counting a year takes some minutes after a start, and a few hundredths of a core."""
FOLLOW_OFFICERS_PERIOD_S = 0.5
UNUSABLE_PERIOD_S = 2.0
FOLLOW_EXERCISES_PERIOD_S = 1.0


@dataclass(frozen=True)
class AlertParts(Part):
    """The calls about alerts, and the regular work on them."""

    signed_out: Callable[[Person, Actor, str | None], None]
    """Releases the alerts that a person held at an agent, or everywhere; it blocks."""


def init_alerts(
    context: Context,
    gallery: GalleryParts,
    events: EventParts,
    presence: Presence,
    trail: AuditTrail,
    attendance: Attendance,
    revoked: Callable[[str], bool],
    readiness: Callable[[AlertFilter], Readiness],
    thumbnails: Thumbnails,
) -> AlertParts:
    """Return the work on alerts. `revoked` returns whether a device's certificate is revoked.

    `readiness` returns whether a listed traveller would ring where a screen watches; it does not block.
    """
    settings, stores, clock, actor = context.settings, context.stores, context.clock, context.actor
    alerts, handling, policy = stores.alerts, stores.handling, settings.handling_policy
    fanout, orders, details, announce = events.fanout, events.orders, events.details, events.announce
    sessions = SessionStore(context.database)
    attended = DevicesOfRole(sessions, settings.session_terms, clock, frozenset({PersonRole.OFFICER}))
    acknowledgements = Acknowledgements(alerts, clock, fanout.occurred_at, context.metrics)
    context.stack.callback(acknowledgements.close)
    unusable = UnusableNotices(stores.field, settings.cameras, clock, settings.unusable_notice_seconds)
    adjudicator = Adjudicator(handling, alerts, orders, stores.people, clock, policy, announce, attendance.has_officer)
    calls = AlertCalls(
        fanout,
        acknowledgements,
        details,
        events.supervised,
        attended,
        gallery.freshness,
        presence,
        trail,
        events.deliveries,
        clock,
        settings.keep_alive_period_seconds,
        WaitingAlerts(alerts, fanout),
        settings.cameras,
        readiness,
        unusable,
        thumbnails,
    )
    watch = OrderWatch(handling, alerts, stores.watchlist, context.checkpoints, clock, actor, announce)
    gone = PeopleHere(sessions, revoked).gone
    escalator = Escalator(handling, alerts, orders, gone, clock, policy, actor, announce, attendance)
    window = timedelta(seconds=settings.grouping_window_seconds)
    keeping = settings.retention_policy
    exercises = ExerciseDirector(
        stores.exercises, alerts, settings.cameras, attendance, clock, actor, announce, keeping.records
    )
    sweeper = RetentionSweeper(alerts, handling, stores.retention, clock, actor, keeping)
    hand_overs = HandOvers(stores.hand_overs, stores.people, clock, keeping.shift_notes)
    days = _field_days(context)
    eraser = SubjectEraser(stores.watchlist, context.checkpoints, clock, actor, keeping.ended_subjects)
    home = settings.home.site
    served = (
        *calls.served(),
        *StepCalls(adjudicator, handling, details, clock, home, stores.ports.has).served(),
        ReportCalls(
            _field_reports(context, days, lambda: gallery.snapshots.current.threshold), trail, clock, home
        ).served(),
        *shift_calls(hand_overs, home),
    )
    return AlertParts(
        adjudicator.signed_out,
        served=served,
        jobs=(
            LeaderJob("sweep_events", SWEEP_PERIOD_S, sweeper.sweep),
            LeaderJob("sweep_probes", SWEEP_PROBES_PERIOD_S, sweeper.sweep_probes),
            LeaderJob("sweep_records", SWEEP_PERIOD_S, sweeper.sweep_records),
            LeaderJob("sweep_hand_overs", SWEEP_PERIOD_S, lambda: hand_overs.sweep(actor)),
            LeaderJob("sweep_images", SWEEP_IMAGES_PERIOD_S, sweeper.sweep_images),
            LeaderJob(
                "forget_passages", FORGET_PASSAGES_PERIOD_S, lambda: alerts.forget_passages(clock.now() - window)
            ),
            LeaderJob("sweep_unsettled_images", SWEEP_IMAGES_PERIOD_S, sweeper.sweep_unsettled_images),
            LeaderJob("erase_subjects", ERASE_PERIOD_S, eraser.erase),
            LeaderJob("look_at_orders", ORDERS_PERIOD_S, watch.look),
            PeriodicJob("follow_unusable_faces", UNUSABLE_PERIOD_S, unusable.follow),
            PeriodicJob("follow_officers", FOLLOW_OFFICERS_PERIOD_S, attended.follow),
            PeriodicJob("count_field_days", COUNT_DAYS_PERIOD_S, days.count_ahead),
            PeriodicJob("follow_pcs", ESCALATE_PERIOD_S, attendance.look),
            LeaderJob("escalate", ESCALATE_PERIOD_S, escalator.escalate),
            LeaderJob("follow_exercises", FOLLOW_EXERCISES_PERIOD_S, exercises.follow),
            LeaderJob("erase_exercise_subjects", SWEEP_PERIOD_S, exercises.erase_ended),
        ),
    )


def _field_days(context: Context) -> DailyStats:
    stores, zones = context.stores, {site.site: site.zone for site in context.settings.sites}
    return DailyStats(stores.field, stores.agency_history.of, zones, context.clock)


def _field_reports(context: Context, days: DailyStats, threshold: Callable[[], float]) -> FieldReports:
    stores, clock = context.stores, context.clock
    records_kept, groups = context.settings.retention_policy.records, groups_if_readable(context.settings.group_figures)
    learned, ended = stores.thresholds.learned, stores.exercises.ended
    return FieldReports(days, stores.field.listed, learned, records_kept, groups, clock, threshold, ended)

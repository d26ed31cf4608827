"""The service of alerts, escalation of those that wait, and retention."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import CONFIRMS, PersonRole
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.alerts.adjudication import Adjudicator
from cekalwatch.server.alerts.automatic_steps import Escalator, OrderWatch
from cekalwatch.server.alerts.daily_stats import DailyStats
from cekalwatch.server.alerts.details import AlertDetailsReader, AlertOrders
from cekalwatch.server.alerts.evaluation_file import groups_if_readable
from cekalwatch.server.alerts.exercise_director import ExerciseDirector
from cekalwatch.server.alerts.fanout import Acknowledgements, Fanout, WaitingAlerts
from cekalwatch.server.alerts.first_looks import FirstLooks
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
from cekalwatch.server.grpc_api.served import Served
from cekalwatch.server.grpc_api.servicers.adjudication import StepCalls
from cekalwatch.server.grpc_api.servicers.alerts import AlertCalls
from cekalwatch.server.grpc_api.servicers.faces import Thumbnails
from cekalwatch.server.grpc_api.servicers.reports import ReportCalls
from cekalwatch.server.grpc_api.servicers.shifts import shift_calls
from cekalwatch.server.storage.audit.trail import AuditTrail, DeliveryTrail
from cekalwatch.server.storage.cluster.change_notifier import ChangeNotifier, ChangeTopic
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.server.watchlist.erasure import SubjectEraser
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.server.wiring.storage import Context

FANOUT_PERIOD_S = 0.1
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
SUPERVISED_PERIOD_S = 0.5
UNUSABLE_PERIOD_S = 2.0
FOLLOW_EXERCISES_PERIOD_S = 1.0


@dataclass(frozen=True)
class AlertParts:
    """The calls about alerts, their way from the log to the officers, and the regular work on them."""

    served: tuple[Served, ...]
    fanout: Fanout
    details: AlertDetailsReader
    deliveries: DeliveryTrail
    signed_out: Callable[[Person, Actor, str | None], None]
    """Releases the alerts that a person held at an agent, or everywhere; it blocks."""
    announce: Callable[[], None]
    """Says that the event log has grown by this server; any thread may call it."""
    wake: Callable[[], None]
    """Lets the event log be read, since it may have grown; any thread may call it."""
    jobs: tuple[PeriodicJob, ...]

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loop that follows the event log."""
        return (LOOPS.keep("follow_event_log", partial(self.fanout.follow_log, FANOUT_PERIOD_S)),)


def init_alerts(
    context: Context,
    freshness: FreshnessGauge,
    presence: Presence,
    trail: AuditTrail,
    changes: ChangeNotifier,
    attendance: Attendance,
    revoked: Callable[[str], bool],
    readiness: Callable[[AlertFilter], Readiness],
    threshold: Callable[[], float],
    thumbnails: Thumbnails,
) -> AlertParts:
    """Begin at the end of the event log. `revoked` returns whether a device's certificate is revoked.

    `readiness` returns whether a listed traveller would ring where a screen watches, and `threshold` the one in force;
    they do not block.
    """
    settings, stores, clock, actor = context.settings, context.stores, context.clock, context.actor
    alerts, handling, policy = stores.alerts, stores.handling, settings.handling_policy
    orders = AlertOrders(stores.watchlist, context.checkpoints)
    looks = FirstLooks(stores.look_setting, clock)
    looks.follow()
    details = AlertDetailsReader(alerts, stores.watchlist, stores.people, orders, clock, looks.asked, stores.exercises)
    sessions = SessionStore(context.database)
    terms = settings.session_terms
    supervised = DevicesOfRole(sessions, terms, clock, CONFIRMS)
    attended = DevicesOfRole(sessions, terms, clock, frozenset({PersonRole.OFFICER}))
    fanout = Fanout(alerts, details, follow_supervisors=supervised.follow)
    acknowledgements = Acknowledgements(alerts, clock, fanout.occurred_at, context.metrics)
    deliveries = DeliveryTrail(stores.audit, clock, actor, context.metrics.batch("deliveries"))
    context.stack.callback(deliveries.close)
    context.stack.callback(fanout.close)
    context.stack.callback(acknowledgements.close)
    loop = asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(fanout.wake)

    def announce() -> None:
        wake()
        changes.send(ChangeTopic.ALERT_EVENTS)

    unusable = UnusableNotices(stores.field, settings.cameras, clock, settings.unusable_notice_seconds)
    adjudicator = Adjudicator(handling, alerts, orders, stores.people, clock, policy, announce, attendance.has_officer)
    calls = AlertCalls(
        fanout,
        acknowledgements,
        details,
        supervised,
        attended,
        freshness,
        presence,
        trail,
        deliveries,
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
        ReportCalls(_field_reports(context, days, threshold), trail, clock, home).served(),
        *shift_calls(hand_overs, home),
    )
    return AlertParts(
        served,
        fanout,
        details,
        deliveries,
        adjudicator.signed_out,
        announce,
        wake,
        (
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
            PeriodicJob("follow_supervisors", SUPERVISED_PERIOD_S, supervised.follow),
            PeriodicJob("follow_unusable_faces", UNUSABLE_PERIOD_S, unusable.follow),
            PeriodicJob("follow_first_looks", SUPERVISED_PERIOD_S, looks.follow),
            PeriodicJob("follow_officers", SUPERVISED_PERIOD_S, attended.follow),
            PeriodicJob("count_field_days", COUNT_DAYS_PERIOD_S, days.count_ahead),
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

"""Notices to other systems of the office: the log of notices, the webhooks, and the feed to syslog."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.domain.notices import Notice, NoticeKind
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.servers import NoticeAlarms
from cekalwatch.server.notices.collector import (
    AlertNotices,
    CheckpointNotices,
    NoticeCollector,
    Source,
    TroubleNotices,
)
from cekalwatch.server.notices.delivery import NoticeOutbox
from cekalwatch.server.notices.syslog_feed import TARGET, SyslogOutbox, syslog_feed
from cekalwatch.server.notices.terms import NoticeTerms
from cekalwatch.server.notices.webhook import Webhook
from cekalwatch.server.outbox import Dispatcher
from cekalwatch.server.storage.notices import NoticeStore
from cekalwatch.server.wiring.storage import Context

COLLECT_PERIOD_S = 1.0
DELIVER_PERIOD_S = 1.0
SYSLOG_PERIOD_S = 2.0
LOOK_PERIOD_S = 5.0
SWEEP_PERIOD_S = 3600.0


def init_notices(context: Context, board: AlarmBoard) -> tuple[PeriodicJob, ...]:
    """Return the work on what the settings name, which one server does for all of a database.

    `board` gets the alarms of receivers.
    """
    terms, clock, stores = context.settings.notices, context.clock, context.stores
    store = NoticeStore(context.database)
    entries = SyslogOutbox(notice_syslog(terms), store, stores.audit, stores.troubles) if terms.syslog else None
    feed = syslog_feed(entries, clock) if entries else None
    rule = NoticeAlarms(store, [one.name for one in terms.webhooks], feed, clock)
    jobs: list[PeriodicJob] = [LeaderJob("look_at_notices", LOOK_PERIOD_S, partial(board.apply, rule))]
    if terms.webhooks:
        sources: dict[NoticeKind, Source[Notice]] = {
            NoticeKind.ALERTS: AlertNotices(stores.alerts),
            NoticeKind.TROUBLES: TroubleNotices(stores.troubles),
            NoticeKind.CHECKPOINTS: CheckpointNotices(stores.audit, clock),
        }
        collector = NoticeCollector(store, sources, terms.webhooks, clock)
        jobs.append(LeaderJob("collect_notices", COLLECT_PERIOD_S, collector.collect))
        for one in terms.webhooks:
            delivery = Dispatcher(NoticeOutbox(Webhook(one), store, clock), clock)
            jobs.append(LeaderJob(f"send_notices_{one.name}", DELIVER_PERIOD_S, delivery.deliver))
    if feed:
        jobs.append(LeaderJob("send_syslog", SYSLOG_PERIOD_S, feed.deliver))
    if terms.webhooks or feed:
        targets = [one.name for one in terms.webhooks] + ([TARGET] if terms.syslog else [])

        def sweep() -> None:
            store.keep_only(targets)
            store.remove_settled(clock.now() - timedelta(days=terms.log_days))

        jobs.append(LeaderJob("sweep_notices", SWEEP_PERIOD_S, sweep))
    return tuple(jobs)


def notice_syslog(terms: NoticeTerms) -> SyslogReceiver:
    """Return the receiver of the settings, which name one."""
    return SyslogReceiver(terms.syslog, terms.syslog_authorities, terms.syslog_tls_dir)

"""`cekalwatch-server notices`: the receivers of notices, and the results of deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import command_context, with_settings
from cekalwatch.server.cli.output import whole_table

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from cekalwatch.extensions.notices.settings import NoticeTerms
    from cekalwatch.extensions.notices.store import LoggedNotice, NoticeStore
    from cekalwatch.server.settings.settings import ServerSettings

EPILOG = (
    "Examples:\n\n  cekalwatch-server notices\n\n  cekalwatch-server notices --test\n\n"
    "Exit code 0: shown, or everybody has taken the test. 69: somebody has not. 78: a setting is wrong."
)


def add_commands(server: typer.Typer) -> None:
    server.command("notices", epilog=EPILOG)(notices)


@with_settings
def notices(
    settings: ServerSettings,
    test: Annotated[bool, typer.Option("--test", help="Send a test notice to each receiver.")] = False,
    last: Annotated[int, typer.Option(min=1, max=1000, help="The number of notices shown for each webhook.")] = 20,
) -> None:
    """Show the receivers of notices and the log of deliveries; --test sends a test notice to each."""
    from cekalwatch.extensions.notices.settings import Section

    terms = Section.of(settings).notices
    if not (terms.webhooks or terms.syslog or terms.mqtt):
        raise ProgramError(
            "Nobody is told: set [[notices.webhooks]], notices.syslog or [notices.mqtt] (docs/notices.md)", Exit.CONFIG
        )
    if test:
        _test(terms)
        return
    from cekalwatch.extensions.notices.store import NoticeStore

    with command_context(settings) as context:
        _show(terms, NoticeStore(context.database), last, settings.home.zone)


def _test(terms: NoticeTerms) -> None:
    from datetime import UTC, datetime
    from functools import partial
    from uuid import uuid4

    from cekalwatch.extensions.notices.domain import Notice
    from cekalwatch.extensions.notices.mqtt_feed import Message
    from cekalwatch.extensions.notices.service import notice_syslog, open_broker
    from cekalwatch.extensions.notices.webhook import Webhook
    from cekalwatch.server.audit.destinations.syslog import message
    from cekalwatch.server.audit.entry import stamp
    from cekalwatch.server.concurrency.outbox import DeliveryError

    now, failed = datetime.now(UTC), False
    body = Notice("test", "test", now, {}).body()
    webhooks = map(Webhook, terms.webhooks)
    tries = [(f"{one.name} ({one.host})", partial(one.send, f"msg_{uuid4().hex}", body, now)) for one in webhooks]
    if terms.syslog:
        text = message(stamp(now), "test", body)
        tries.append((f"syslog ({terms.syslog})", partial(notice_syslog(terms).send, [text])))
    if terms.mqtt:
        broker = open_broker(terms.mqtt, lasting=False)
        tries.append((f"mqtt ({terms.mqtt.broker})", partial(broker.send, [Message("test", body, 0, retained=False)])))
    for name, send in tries:
        try:
            send()
            typer.echo(f"{name}: took it")
        except DeliveryError as error:
            failed = True
            typer.echo(f"{name}: {error}")
    if failed:
        raise typer.Exit(Exit.UNAVAILABLE)


def _show(terms: NoticeTerms, store: NoticeStore, last: int, zone: tzinfo) -> None:
    from cekalwatch.extensions.notices.mqtt_feed import TARGET as MQTT
    from cekalwatch.extensions.notices.syslog_feed import ALARMS, AUDIT, TARGET
    from cekalwatch.extensions.notices.webhook import Webhook

    console = Console()
    for one in terms.webhooks:
        kinds = ", ".join(sorted(one.kinds))
        title = f"{one.name} ({Webhook(one).host}): {kinds}; {store.count_waiting(one.name)} wait"
        rows = [_cells(notice, zone) for notice in store.newest(one.name, last)]
        console.print(whole_table(("made", "notice", "attempts", "became of it"), rows, title))
    if terms.syslog:
        entry, change = store.position(TARGET, AUDIT), store.position(TARGET, ALARMS)
        told = "nothing yet" if entry is None else f"entries up to {entry}, changes of problems up to {change}"
        console.print(f"syslog ({terms.syslog}): {told}", markup=False, highlight=False)
    if terms.mqtt:
        change = store.position(MQTT, ALARMS)
        told = "nothing yet" if change is None else f"changes of problems up to {change}"
        console.print(f"mqtt ({terms.mqtt.broker}): {told}", markup=False, highlight=False)


def _cells(notice: LoggedNotice, zone: tzinfo) -> tuple[str, str, str, str]:
    import json

    def told(moment: datetime) -> str:
        return moment.astimezone(zone).isoformat(sep=" ", timespec="seconds")

    if notice.settled_at:
        became = f"{notice.outcome} {told(notice.settled_at)}"
    elif notice.attempts:
        became = f"tried again {told(notice.next_try_at)}"
    else:
        became = "waits"
    kind = str(json.loads(notice.body)["type"])
    failure = f": {notice.failure}" if notice.failure else ""
    return told(notice.made_at), f"{kind} {notice.notice_id}", str(notice.attempts), became + failure

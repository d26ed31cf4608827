"""Whether the receivers of notices can be reached, for the command `check`."""

from __future__ import annotations

from collections.abc import Iterator

from cekalwatch.extensions.notices.settings import Section, WebhookTerms
from cekalwatch.extensions.notices.webhook import read_webhook_secret
from cekalwatch.program.checks.machine import check_reachable
from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.program.settings import Settings
from cekalwatch.server.concurrency.outbox import DeliveryError
from cekalwatch.server.setup.checks.network import check_address


def other_places(settings: Settings) -> Iterator[tuple[str, Judged]]:
    """Yield each receiver, and whether it can be reached."""
    terms = Section.of(settings).notices
    if terms.syslog:
        yield "syslog of notices", check_reachable(terms.syslog)
    if terms.mqtt:
        yield "mqtt broker", check_reachable(terms.mqtt.broker)
    for webhook in terms.webhooks:
        yield f"webhook {webhook.name}", _webhook(webhook)


def _webhook(terms: WebhookTerms) -> Judged:
    try:
        read_webhook_secret(terms.secret_file)
    except DeliveryError as error:
        return CheckVerdict.FAIL, str(error)
    return check_address(terms.url)

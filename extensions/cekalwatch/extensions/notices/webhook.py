"""Posts the notices of the log over HTTPS, as in Standard Webhooks: each until it is accepted or too old.

The signature is an HMAC-SHA256 over the notice's id, the time of the attempt and the body, so that a receiver knows
the sender and the time. Only the configured address is used: redirects are not followed, and proxies of the environment
are not used. Only the status of the answer is read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import random
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import structlog

from cekalwatch.extensions.notices.secret_file import read_secret
from cekalwatch.extensions.notices.settings import WebhookTerms
from cekalwatch.extensions.notices.store import LoggedNotice, NoticeOutcome, NoticeStore
from cekalwatch.server.concurrency.answer_deadline import AnswerDeadline
from cekalwatch.server.concurrency.outbox import DeliveryError, DeliveryFailure, Failing
from cekalwatch.server.foundation.clock import Clock

TIMEOUT_S = 10.0
"""Seconds for each step of an attempt."""
LONGEST_S = 30.0
"""Seconds for a whole attempt."""
SECRET_PREFIX = "whsec_"  # noqa: S105  # a prefix
SECRET_BYTES = range(24, 65)
REFUSED = frozenset({400, 410, 413, 414, 415, 422})
"""Statuses that refuse this notice permanently: it is given up, so that it does not delay others."""


def signature(secret: bytes, notice_id: str, timestamp: int, body: str) -> str:
    """Return the value of the header `webhook-signature`; `timestamp` is in seconds since 1970."""
    mac = hmac.digest(secret, f"{notice_id}.{timestamp}.{body}".encode(), hashlib.sha256)
    return "v1," + base64.b64encode(mac).decode()


class Webhook:
    """A receiver. Methods block."""

    def __init__(self, terms: WebhookTerms, timeout_s: float = TIMEOUT_S, longest_s: float = LONGEST_S) -> None:
        """`timeout_s`: for each step of an attempt; `longest_s`: for a whole one."""
        self._terms = terms
        self._timeout_s, self._longest_s = timeout_s, longest_s

    @property
    def name(self) -> str:
        """Name of the receiver."""
        return self._terms.name

    @property
    def host(self) -> str:
        """Its address without secrets."""
        return urlsplit(self._terms.url).netloc

    def send(self, notice_id: str, body: str, now: datetime) -> None:
        """Post a notice; return when the receiver has accepted it. Raises DeliveryError."""
        timestamp = int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": "cekalwatch",
            "webhook-id": notice_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(read_webhook_secret(self._terms.secret_file), notice_id, timestamp, body),
        }
        deadline, verification = AnswerDeadline(), self._verification()
        try:
            with (
                deadline.within(self._longest_s),
                httpx.Client(
                    timeout=self._timeout_s, follow_redirects=False, trust_env=False, verify=verification
                ) as client,
                client.stream(
                    "POST",
                    self._terms.url,
                    content=body.encode(),
                    headers=headers,
                    extensions={"trace": deadline.trace},
                ) as response,
            ):
                status = response.status_code
        except httpx.TimeoutException:
            raise DeliveryError(DeliveryFailure.TIMED_OUT, f"no answer in {self._timeout_s:g} s") from None
        except httpx.HTTPError as error:
            if why := _certificate_fault(error):
                raise DeliveryError(DeliveryFailure.NOT_TRUSTED, why) from None
            raise DeliveryError(DeliveryFailure.UNREACHABLE, type(error).__name__) from None
        if not httpx.codes.is_success(status):
            raise DeliveryError(DeliveryFailure.ANSWERED, str(status), lasting=status in REFUSED)

    def _verification(self) -> ssl.SSLContext:
        authorities = self._terms.authorities
        try:
            context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
        except OSError:
            raise DeliveryError(DeliveryFailure.SECRET_UNUSABLE, f"{authorities} is no file of certificates") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def read_webhook_secret(file: Path) -> bytes:
    """Return the secret from a private file; raises DeliveryError, which does not show it."""
    text = read_secret(file)
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) not in SECRET_BYTES:
        raise DeliveryError(
            DeliveryFailure.SECRET_UNUSABLE,
            f"{file} has no secret of {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} bytes as Base64; make one with: "
            f"(printf {SECRET_PREFIX}; openssl rand -base64 32)",
        )
    return secret


def _certificate_fault(error: BaseException | None) -> str:
    """Return why a certificate was refused, by `error` or one of its causes; empty if none was."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or "not verified"
        error = error.__cause__ or error.__context__
    return ""


MAX_AT_ONCE: Final = 50
"""Notices that are sent one after another before other work is checked."""
FIRST_PAUSE: Final = timedelta(seconds=5)
MAX_PAUSE: Final = timedelta(hours=1)
GIVE_UP_AFTER: Final = timedelta(hours=72)
"""A receiver that is unavailable for a weekend misses nothing."""

log = structlog.get_logger()


def pause_after(attempts: int) -> timedelta:
    """Return the pause after that many failed attempts, from 1: 5 s, then three times as long, up to an hour."""
    factor: int = 3 ** min(attempts - 1, 10)
    return min(FIRST_PAUSE * factor, MAX_PAUSE)


@dataclass(frozen=True)
class NoticeOutbox:
    """The queue of one webhook in the log, which stores attempts and failures, for people and across restarts."""

    webhook: Webhook
    store: NoticeStore
    clock: Clock

    def due(self) -> Iterator[LoggedNotice]:
        """Yield the first notices, up to one that is not due yet."""
        for notice in self.store.waiting(self.webhook.name, MAX_AT_ONCE):
            if notice.next_try_at > self.clock.now():
                return
            yield notice

    def send(self, notice: LoggedNotice) -> None:
        """Post the notice; raises DeliveryError."""
        self.webhook.send(notice.notice_id, notice.body, self.clock.now())

    def taken(self, notice: LoggedNotice, _: Failing | None) -> None:
        """Mark the notice as delivered."""
        self.store.settle(notice, NoticeOutcome.DELIVERED, "", self.clock.now())
        if notice.attempts:
            log.info("notices_taken_again", target=self.webhook.name)

    def refused(self, notice: LoggedNotice, error: DeliveryError, _: Failing | None) -> bool:
        """Postpone the notice, or give it up when it was refused permanently or is too old."""
        target, now, failure = self.webhook.name, self.clock.now(), str(error)[:200]
        if error.lasting or now - notice.made_at >= GIVE_UP_AFTER:
            self.store.settle(notice, NoticeOutcome.GIVEN_UP, failure, now)
            log.error("notice_given_up", target=target, notice_id=notice.notice_id, failure=failure)
            return True
        if failure != notice.failure:
            log.warning("notice_not_taken", target=target, notice_id=notice.notice_id, failure=failure)
        pause = pause_after(notice.attempts + 1) * random.uniform(0.9, 1.1)  # noqa: S311  # not a secret
        self.store.put_off(notice, failure, now + pause)
        return False

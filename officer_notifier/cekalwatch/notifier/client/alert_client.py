"""The calls that people make about alerts: looking at them, and every step. Errors stay grpc.RpcError.

It may be used from several threads. Each call carries the token of whoever has signed in on this PC at that moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from cekalwatch.notifier.client import handling_messages
from cekalwatch.notifier.client import messages as convert
from cekalwatch.notifier.model.alert import Alert, AlertFilter, Pictures
from cekalwatch.notifier.model.handling import FollowUp
from cekalwatch.notifier.model.shift_report import ShiftReport
from cekalwatch.program.session_file import SessionFile
from cekalwatch.v1 import alert_service_pb2 as messages
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.tokens import bearer
from cekalwatch.wire.vocabulary.adjudication import AlertState, Outcome, Reason

CALL_DEADLINE_S = 3.0
PICTURES_DEADLINE_S = 1.0
"""An alert waits no longer than this for its pictures; its text is shown without them."""
REPORT_DEADLINE_S = 15.0
MAX_ON_A_PAGE = 100


class AlertClient:
    """One PC's calls about alerts, for whoever sits at it."""

    def __init__(self, dialer: Dialer, agent_id: str, wanted: AlertFilter, session: SessionFile) -> None:
        """`session` holds the token of the person who has signed in."""
        self._dialer = dialer
        self._agent_id = agent_id
        self._filter = convert.filter_message(wanted)
        self._token = session.token
        self._lock = threading.Lock()
        self._channel = dialer.channel()
        self._stub = AlertServiceStub(self._channel)

    def close(self) -> None:
        """End every call."""
        self._channel.close()

    def newest(self, count: int) -> tuple[Alert, ...]:
        """Return the newest alerts that the filter lets through, newest first, at most `count` (1 to 100)."""
        request = messages.ListAlertsRequest(filter=self._filter, page_size=count)
        response = self._current().ListAlerts(request, timeout=CALL_DEADLINE_S, metadata=bearer(self._token()))
        return tuple(convert.notice(alert) for alert in response.alerts)

    def listed(
        self, states: frozenset[AlertState] = frozenset(), raised_from: datetime | None = None
    ) -> Iterator[Alert]:
        """Yield the alerts in `states` (none: in any) raised from `raised_from` on, newest first, page by page."""
        request = messages.ListAlertsRequest(
            filter=self._filter,
            page_size=MAX_ON_A_PAGE,
            states=sorted(handling_messages.STATES.number(state) for state in states),
        )
        if raised_from:
            request.raised_from.FromDatetime(raised_from)
        while True:
            response = self._current().ListAlerts(request, timeout=CALL_DEADLINE_S, metadata=bearer(self._token()))
            yield from (convert.notice(alert) for alert in response.alerts)
            request.page_token = response.next_page_token
            if not request.page_token:
                return

    def notice(self, alert_id: str) -> Alert:
        """Return one alert as it stands now."""
        request = messages.GetAlertRequest(alert_id=alert_id)
        response = self._current().GetAlert(request, timeout=CALL_DEADLINE_S, metadata=bearer(self._token()))
        return convert.notice(response.alert)

    def pictures(self, alert_id: str) -> Pictures:
        """Return the pictures of one alert."""
        request = messages.GetAlertRequest(alert_id=alert_id, include_images=True)
        response = self._current().GetAlert(request, timeout=PICTURES_DEADLINE_S, metadata=bearer(self._token()))
        return convert.pictures(response.images)

    def claim(self, alert_id: str) -> Alert:
        """Take the alert, or renew the person's own claim."""
        request = messages.ClaimAlertRequest(alert_id=alert_id, agent_id=self._agent_id)
        return self._changed(self._current().ClaimAlert, request)

    def release(self, alert_id: str) -> Alert:
        """Give the alert back."""
        request = messages.ReleaseAlertRequest(alert_id=alert_id, agent_id=self._agent_id)
        return self._changed(self._current().ReleaseAlert, request)

    def adjudicate(self, alert_id: str, revision: int, outcome: Outcome, reason: Reason, note: str) -> Alert:
        """Record what the officer who holds the alert found."""
        request = messages.AdjudicateAlertRequest(
            alert_id=alert_id,
            agent_id=self._agent_id,
            revision=revision,
            outcome=handling_messages.OUTCOMES.number(outcome),
            reason=handling_messages.REASONS.number(reason),
            note=note,
        )
        return self._changed(self._current().AdjudicateAlert, request)

    def confirm(self, alert_id: str, revision: int, reference: str, note: str, token: str = "") -> Alert:
        """Make a hit of it. `token` is that of a supervisor who stands beside the person that has signed in."""
        request = messages.ConfirmAlertRequest(
            alert_id=alert_id, revision=revision, cekal_online_reference=reference, note=note
        )
        return self._changed(self._current().ConfirmAlert, request, token)

    def clear(self, alert_id: str, revision: int, reason: Reason, note: str) -> Alert:
        """Clear an alert that was referred."""
        request = messages.ClearAlertRequest(
            alert_id=alert_id, revision=revision, reason=handling_messages.REASONS.number(reason), note=note
        )
        return self._changed(self._current().ClearAlert, request)

    def record_follow_up(self, alert_id: str, revision: int, follow_up: FollowUp) -> Alert:
        """Write down a contact with the agency."""
        request = messages.RecordFollowUpRequest(
            alert_id=alert_id, revision=revision, follow_up=handling_messages.follow_up_message(follow_up)
        )
        return self._changed(self._current().RecordFollowUp, request)

    def close_alert(self, alert_id: str, revision: int) -> Alert:
        """Close it."""
        return self._changed(
            self._current().CloseAlert, messages.CloseAlertRequest(alert_id=alert_id, revision=revision)
        )

    def report(self, start: datetime, end: datetime | None = None) -> ShiftReport:
        """Return the figures from `start` to `end`, or to now."""
        request = messages.GetShiftReportRequest(site=self._filter.site)
        request.start_time.FromDatetime(start)
        if end:
            request.end_time.FromDatetime(end)
        response = self._current().GetShiftReport(request, timeout=REPORT_DEADLINE_S, metadata=bearer(self._token()))
        return handling_messages.report(response)

    def _changed(self, method: Callable[..., Any], request: object, token: str = "") -> Alert:
        answer = method(request, timeout=CALL_DEADLINE_S, metadata=bearer(token or self._token()))
        return convert.notice(answer.alert)

    def _current(self) -> AlertServiceStub:
        """Return the calls on a channel that shows the newest certificate."""
        with self._lock:
            if self._dialer.outdated:
                former, self._channel = self._channel, self._dialer.channel()
                self._stub = AlertServiceStub(self._channel)
                former.close()
            return self._stub

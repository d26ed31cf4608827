"""The calls that people make about alerts: looking at them, and every step. Errors stay grpc.RpcError.

It may be used from several threads. Each call carries the token of the person who is signed in on this PC then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from cekalwatch.contract.calls import alerts
from cekalwatch.contract.codec.alerts import ALERT, FILTER, FOLLOW_UP, OUTCOMES, PICTURES, REASONS, SEARCH
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.engine.scalars import timestamp
from cekalwatch.contract.values.adjudication import OPEN_STATES, AlertState, FollowUp, Outcome, Reason
from cekalwatch.contract.values.alerts import Alert, AlertFaces, AlertFilter, AlertPictures, AlertSearch
from cekalwatch.contract.values.reports import ShiftReport
from cekalwatch.office.client.service_client import ServiceClient, Token
from cekalwatch.wire.bounds import CHEAP_PAGE, MAX_PAGE
from cekalwatch.wire.calls import Calls

CALL_DEADLINE_S = 10.0
"""A busy server answers late; a step that was given up may still have been taken."""
REPORT_DEADLINE_S = 15.0


def day_began(now: datetime) -> datetime:
    """Return the midnight before `now` in its time zone: settled alerts since then are today's."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


class AlertClient(ServiceClient):
    """The calls about alerts of the person who has signed in at one desk: a PC, or a web console."""

    deadline_s = CALL_DEADLINE_S

    def __init__(self, calls: Calls, agent_id: str, wanted: AlertFilter, session: Token) -> None:
        """`session` holds the token of the signed-in person."""
        super().__init__(calls, session)
        self._agent_id = agent_id
        self._filter = FILTER.write(wanted)

    def close(self) -> None:
        """End every call."""
        self._calls.close()

    @property
    def token(self) -> str:
        """The token of the person signed in here; empty when nobody is."""
        return self._session.token()

    def at_hand(self, settled_from: datetime) -> tuple[Alert, ...]:
        """Return the open alerts, however old, and the settled ones raised from `settled_from` on; newest first."""
        found = {one.alert_id: one for one in self.listed(OPEN_STATES)}
        # After the open ones: an alert settled in between is in both lists, and here in its new state.
        found |= {one.alert_id: one for one in self.listed(frozenset(AlertState) - OPEN_STATES, settled_from)}
        return tuple(sorted(found.values(), key=lambda one: one.raised_at, reverse=True))

    def listed(
        self,
        states: frozenset[AlertState] = frozenset(),
        raised_from: datetime | None = None,
        *,
        reference_owed: bool = False,
    ) -> Iterator[Alert]:
        """Yield the alerts in `states` (none: in any) raised from `raised_from` on, newest first, page by page."""
        wanted = AlertSearch(states, raised_from, reference_owed=reference_owed)
        page, token = self.page(wanted, CHEAP_PAGE)  # most often all
        yield from page
        while token:
            page, token = self.page(wanted, MAX_PAGE, token)
            yield from page

    def page(self, wanted: AlertSearch, size: int, token: str = "") -> tuple[tuple[Alert, ...], str]:
        """Return at most `size` alerts, newest first, and the token of the next page; empty: there is none."""
        request = SEARCH.write(wanted)
        request.filter.CopyFrom(self._filter)
        request.page_size, request.page_token = size, token
        return self.ask(Asked(alerts.LIST_ALERTS, request))

    def changed(self, after: int, heard: int) -> tuple[tuple[Alert, ...], int, bool]:
        """Return the alerts to which something happened after the event `after`, as they stand.

        With them the event up to which that is all, and whether more is to be asked for at once. `heard`: the newest
        event that is known of.
        """
        answer = self.ask(alerts.LIST_CHANGED_ALERTS(filter=self._filter, after_sequence=after, heard_sequence=heard))
        return ALERT.read_all(answer.alerts), answer.sequence, answer.more

    def alert(self, alert_id: str) -> Alert:
        """Return the present version of one alert."""
        return ALERT.read(self.ask(alerts.GET_ALERT(alert_id=alert_id)).alert)

    def record(self, alert_id: str) -> Alert:
        """Return a hit for its record in the office's file, which the audit trail notes."""
        return ALERT.read(self.ask(alerts.GET_ALERT(alert_id=alert_id, taken=True)).alert)

    def with_pictures(self, alert_id: str) -> tuple[Alert, AlertPictures]:
        """Return the present version of one alert, and its pictures; this counts as one view."""
        answer = self.ask(alerts.GET_ALERT(alert_id=alert_id, include_images=True))
        return ALERT.read(answer.alert), PICTURES.read(answer.images)

    def pictures(self, alert_id: str, deadline_s: float = CALL_DEADLINE_S) -> AlertPictures:
        """Return the pictures of one alert."""
        asked = alerts.GET_ALERT(alert_id=alert_id, include_images=True)
        return PICTURES.read(self.ask(asked, deadline_s=deadline_s).images)

    def faces(self, alert_ids: Sequence[str]) -> tuple[AlertFaces, ...]:
        """Return the small pictures of these alerts, at most 20; the audit trail has one entry for all."""
        return self.ask(alerts.LIST_ALERT_FACES(alert_ids=alert_ids))

    def look(self, alert_id: str, version: int, finding: Outcome, token: str = "") -> Alert:
        """Record what the person finds of the two faces; return all of the alert.

        `token` belongs to a supervisor who is with the signed-in person.
        """
        found = OUTCOMES.number(finding)
        asked = alerts.RECORD_LOOK(alert_id=alert_id, agent_id=self._agent_id, version=version, finding=found)
        return self.ask(asked, token=token)

    def claim(self, alert_id: str) -> Alert:
        """Take the alert, or renew the person's own claim."""
        return self.ask(alerts.CLAIM_ALERT(alert_id=alert_id, agent_id=self._agent_id))

    def release(self, alert_id: str) -> Alert:
        """Give the alert back."""
        return self.ask(alerts.RELEASE_ALERT(alert_id=alert_id, agent_id=self._agent_id))

    def take_over(self, alert_id: str, version: int, reason: Reason, note: str) -> Alert:
        """Take the alert over from whoever holds it, or has judged it."""
        return self.ask(
            alerts.TAKE_OVER_ALERT(
                alert_id=alert_id, agent_id=self._agent_id, version=version, reason=REASONS.number(reason), note=note
            )
        )

    def adjudicate(self, alert_id: str, version: int, outcome: Outcome, reason: Reason, note: str) -> Alert:
        """Record the finding of the officer who holds the alert."""
        asked = alerts.ADJUDICATE_ALERT(
            alert_id=alert_id,
            agent_id=self._agent_id,
            version=version,
            outcome=OUTCOMES.number(outcome),
            reason=REASONS.number(reason),
            note=note,
        )
        return self.ask(asked)

    def undo(self, alert_id: str, subject_id: str = "") -> Alert:
        """Undo the person's judgement of that candidate, or the last one, a moment after it."""
        return self.ask(alerts.UNDO_JUDGEMENT(alert_id=alert_id, agent_id=self._agent_id, subject_id=subject_id))

    def confirm(
        self,
        alert_id: str,
        version: int,
        reference: str,
        note: str,
        token: str = "",
        reason: Reason = Reason.LISTED_IN_CEKAL_ONLINE,
    ) -> Alert:
        """Confirm the alert. `token` belongs to a supervisor who is with the signed-in person."""
        named: dict[str, Any] = {"cekal_online_reference": reference, "note": note}
        if reason is not Reason.LISTED_IN_CEKAL_ONLINE:  # which is meant without
            named["reason"] = REASONS.number(reason)
        asked = alerts.CONFIRM_ALERT(alert_id=alert_id, version=version, **named)
        return self.ask(asked, token=token)

    def enter_reference(self, alert_id: str, version: int, reference: str, note: str) -> Alert:
        """Enter the reference number that a hit owes."""
        return self.ask(
            alerts.ENTER_REFERENCE(alert_id=alert_id, version=version, cekal_online_reference=reference, note=note)
        )

    def owing(self) -> tuple[Alert, ...]:
        """Return the hits whose reference number is owed, oldest first."""
        found = self.listed(frozenset({AlertState.CONFIRMED}), reference_owed=True)
        return tuple(sorted((one for one in found if one.handling.reference_owed_since), key=lambda one: one.raised_at))

    def clear(self, alert_id: str, version: int, reason: Reason, note: str) -> Alert:
        """Clear an alert that was referred, or take back a hit whose reference number is owed."""
        why = REASONS.number(reason)
        return self.ask(alerts.CLEAR_ALERT(alert_id=alert_id, version=version, reason=why, note=note))

    def record_follow_up(self, alert_id: str, version: int, follow_up: FollowUp) -> Alert:
        """Record a contact with the agency."""
        contact = FOLLOW_UP.write(follow_up)
        return self.ask(alerts.RECORD_FOLLOW_UP(alert_id=alert_id, version=version, follow_up=contact))

    def close_alert(self, alert_id: str, version: int) -> Alert:
        """Close the alert."""
        return self.ask(alerts.CLOSE_ALERT(alert_id=alert_id, version=version))

    def report(self, start: datetime, end: datetime | None = None) -> ShiftReport:
        """Return the figures from `start` to `end`, or to now."""
        until = timestamp(end) if end else None
        asked = alerts.GET_SHIFT_REPORT(site=self._filter.site, start_time=timestamp(start), end_time=until)
        return self.ask(asked, deadline_s=REPORT_DEADLINE_S)

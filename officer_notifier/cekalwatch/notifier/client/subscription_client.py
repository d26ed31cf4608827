"""The calls that the PC itself makes, whoever sits at it: following the alerts. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol, cast

from cekalwatch.notifier.client import messages as convert
from cekalwatch.notifier.model.alert import AlertFilter
from cekalwatch.v1 import alert_service_pb2 as messages
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.dialer import Dialer

CALL_DEADLINE_S = 3.0


class Start(StrEnum):
    """Where a first subscription begins."""

    ACKNOWLEDGED = "ACKNOWLEDGED"
    """After the last event that this agent acknowledged; from the beginning for an agent that has none."""
    BEGINNING = "BEGINNING"
    NOW = "NOW"


class EventCall(Protocol):
    """A subscription's stream; iterating raises grpc.RpcError when it breaks."""

    def __iter__(self) -> Iterator[messages.SubscribeAlertsResponse]:
        """Return the messages."""

    def cancel(self) -> object:
        """End the stream from this side."""


class SubscriptionClient:
    """One agent's calls. It keeps one channel, and changes it for another when the agent's certificate was renewed."""

    def __init__(self, dialer: Dialer, agent_id: str, wanted: AlertFilter) -> None:
        self._dialer = dialer
        self._open()
        self._agent_id = agent_id
        self._filter = convert.filter_message(wanted)

    def close(self) -> None:
        """End every call."""
        self._channel.close()

    @property
    def outdated(self) -> bool:
        """True when the certificate was renewed: the stream should be opened anew, on a new connection."""
        return self._dialer.outdated

    def why_refused(self) -> str:
        """Return why no connection is possible, or an empty text when certificates are not the reason."""
        return self._dialer.why_refused()

    def _open(self) -> None:
        self._channel = self._dialer.channel()
        self._stub = AlertServiceStub(self._channel)

    def subscribe(self, start: Start, after_sequence: int | None) -> EventCall:
        """Open the event stream after `after_sequence`, or as `start` says when it is None."""
        if self.outdated:
            self.close()
            self._open()
        request = messages.SubscribeAlertsRequest(agent_id=self._agent_id, filter=self._filter)
        if after_sequence is not None:
            request.after_sequence = after_sequence
        elif start is Start.BEGINNING:
            request.from_start.SetInParent()
        elif start is Start.NOW:
            request.now.SetInParent()
        # No deadline: the stream is meant to last. The typing stubs leave the call's type open.
        return cast("EventCall", self._stub.SubscribeAlerts(request))

    def acknowledge(self, sequence: int) -> None:
        """Tell the server that every event up to `sequence` has been shown."""
        request = messages.AcknowledgeAlertsRequest(agent_id=self._agent_id, sequence=sequence)
        self._stub.AcknowledgeAlerts(request, timeout=CALL_DEADLINE_S)

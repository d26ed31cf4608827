"""The calls of TroubleService of one request and one answer. Protobuf types stop here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from cekalwatch.contract.codec.enums import ProtoEnum
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.values.troubles import TroubleKind
from cekalwatch.office.client.token import Token
from cekalwatch.office.model.trouble import Trouble
from cekalwatch.v1 import trouble_pb2, trouble_service_pb2
from cekalwatch.v1.trouble_service_pb2_grpc import TroubleServiceStub
from cekalwatch.wire.bounds import MAX_PAGE
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.tokens import bearer

DEADLINE_S = 5.0
_KINDS = ProtoEnum(trouble_pb2.TroubleKind, "TROUBLE_KIND", TroubleKind)


class TroubleClient:
    """One person's calls about troubles; they may be made from any thread."""

    def __init__(self, calls: Calls, site: str, session: Token) -> None:
        """`site`: only what is there and what concerns all; empty: all that this PC may see."""
        self._calls = calls
        self._site = site
        self._session = session

    def acknowledge(self, trouble_id: str) -> Trouble:
        """Record that the person who is signed in has seen a trouble; errors stay grpc.RpcError."""
        request = trouble_service_pb2.AcknowledgeTroubleRequest(trouble_id=trouble_id)
        return trouble(self._answer(lambda stub: stub.AcknowledgeTrouble, request).trouble)

    def listed(self, begin_from: datetime) -> Iterator[Trouble]:
        """Yield the troubles that began from then on, newest first, page by page; errors stay grpc.RpcError."""
        request = trouble_service_pb2.ListTroublesRequest(site=self._site, page_size=MAX_PAGE)
        request.begin_from.FromDatetime(begin_from)
        while True:
            answer = self._answer(lambda stub: stub.ListTroubles, request)
            yield from map(trouble, answer.troubles)
            request.page_token = answer.next_page_token
            if not request.page_token:
                return

    def _answer(self, method: Callable[[TroubleServiceStub], Callable[..., Any]], request: object) -> Any:  # noqa: ANN401  # each method has an answer of its own
        metadata = bearer(self._session.token())
        return self._calls.make(
            lambda channel, left_s: method(TroubleServiceStub(channel))(request, timeout=left_s, metadata=metadata),
            DEADLINE_S,
        )


def trouble(message: trouble_pb2.Trouble) -> Trouble:
    """Return a trouble as the notifier holds it; unsafe text stops here."""
    return Trouble(
        trouble_id=safe_text(message.trouble_id),
        kind=_KINDS.member(message.kind),
        about=safe_text(message.about),
        site=safe_text(message.site),
        counter=safe_text(message.counter),
        began_at=message.begin_time.ToDatetime(UTC),
        ended_at=_moment(message),
        acknowledged_by=safe_text(message.acknowledged_by.display_name or message.acknowledged_by.person_id),
        details=MappingProxyType({safe_text(name): safe_text(value) for name, value in message.details.items()}),
    )


def _moment(message: trouble_pb2.Trouble) -> datetime | None:
    return message.end_time.ToDatetime(UTC) if message.HasField("end_time") else None

"""The calls of TroubleService of one request and one answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cekalwatch.contract.codec.troubles import TROUBLE
from cekalwatch.contract.values.troubles import Trouble
from cekalwatch.office.client.service_client import ServiceClient, Token
from cekalwatch.v1 import trouble_service_pb2
from cekalwatch.v1.trouble_service_pb2_grpc import TroubleServiceStub
from cekalwatch.wire.bounds import MAX_PAGE
from cekalwatch.wire.calls import Calls


class TroubleClient(ServiceClient[TroubleServiceStub]):
    """One person's calls about troubles; they may be made from any thread."""

    stub = TroubleServiceStub
    deadline_s = 5.0

    def __init__(self, calls: Calls, site: str, session: Token) -> None:
        """`site`: only what is there and what concerns all; empty: all that this PC may see."""
        super().__init__(calls, session)
        self._site = site

    def acknowledge(self, trouble_id: str) -> Trouble:
        """Record that the signed-in person acknowledges a trouble; errors stay grpc.RpcError."""
        request = trouble_service_pb2.AcknowledgeTroubleRequest(trouble_id=trouble_id)
        return TROUBLE.read(self._call(lambda stub: stub.AcknowledgeTrouble, request).trouble)

    def listed(self, begin_from: datetime) -> Iterator[Trouble]:
        """Yield the troubles that began from then on, newest first, page by page; errors stay grpc.RpcError."""
        request = trouble_service_pb2.ListTroublesRequest(site=self._site, page_size=MAX_PAGE)
        request.begin_from.FromDatetime(begin_from)
        while True:
            answer = self._call(lambda stub: stub.ListTroubles, request)
            yield from map(TROUBLE.read, answer.troubles)
            request.page_token = answer.next_page_token
            if not request.page_token:
                return

"""The calls about look-alikes. Errors stay grpc.RpcError."""

from __future__ import annotations

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.listed_subjects import LOOKALIKE_PAGE
from cekalwatch.contract.codec.watchlist import LOOKALIKE_JUDGEMENTS
from cekalwatch.contract.values.listed_subjects import LookalikePage
from cekalwatch.contract.values.watchlist import LookalikeJudgement
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub


class LookalikeClient(ServiceClient[WatchlistServiceStub]):
    """A list manager's calls. It may be used from several threads."""

    stub = WatchlistServiceStub

    def page(self, judgement: LookalikeJudgement | None, size: int, token: str = "") -> LookalikePage:
        """Return at most `size` pairs of which `judgement` holds; None: any."""
        request = pb.ListLookAlikesRequest(page_size=size, page_token=token)
        if judgement:
            request.judgement = LOOKALIKE_JUDGEMENTS.number(judgement)
        return LOOKALIKE_PAGE.read(self._call(lambda stub: stub.ListLookAlikes, request))

    def judge(self, key: str, other: str, judgement: LookalikeJudgement, mark: str) -> None:
        """Keep what was found about two who were seen with this mark."""
        found = LOOKALIKE_JUDGEMENTS.number(judgement)
        request = pb.JudgeLookAlikesRequest(subject_id=key, other_subject_id=other, judgement=found, mark=mark)
        self._call(lambda stub: stub.JudgeLookAlikes, request)

"""The calls about look-alikes, as plain values. Protobuf stops here; errors stay grpc.RpcError."""

from __future__ import annotations

from datetime import UTC

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.console.list_keeping.lookalikes import Lookalike, LookalikePage, LookalikePair
from cekalwatch.contract.codec.safe_text import safe_text
from cekalwatch.contract.codec.watchlist import LOOKALIKE_JUDGEMENTS as JUDGEMENTS
from cekalwatch.contract.codec.watchlist import OFFICERS_SUBJECT
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
            request.judgement = JUDGEMENTS.number(judgement)
        answer: pb.ListLookAlikesResponse = self._call(lambda stub: stub.ListLookAlikes, request)
        return LookalikePage(tuple(map(_pair, answer.pairs)), answer.next_page_token, answer.waiting)

    def judge(self, key: str, other: str, judgement: LookalikeJudgement, mark: str) -> None:
        """Keep what was found about two who were seen with this mark."""
        request = pb.JudgeLookAlikesRequest(
            subject_id=key, other_subject_id=other, judgement=JUDGEMENTS.number(judgement), mark=mark
        )
        self._call(lambda stub: stub.JudgeLookAlikes, request)


def lookalike(one: pb.LookAlike) -> Lookalike:
    """Return how another subject stands to one."""
    return Lookalike(
        key=one.subject_id,
        likeness=one.likeness if one.HasField("likeness") else None,
        alike=one.alike,
        judgement=JUDGEMENTS.member(one.judgement) or LookalikeJudgement.NOT_JUDGED,
        last_judgement=JUDGEMENTS.member(one.last_judgement),
        judged_by=safe_text(one.judged_by),
        judged_at=one.judged_time.ToDatetime(UTC) if one.HasField("judged_time") else None,
        mark=one.mark,
    )


def _pair(one: pb.LookAlikePair) -> LookalikePair:
    return LookalikePair(
        (one.first.subject_id, one.second.subject_id),
        (OFFICERS_SUBJECT.read(one.first), OFFICERS_SUBJECT.read(one.second)),
        lookalike(one.look_alike),
    )

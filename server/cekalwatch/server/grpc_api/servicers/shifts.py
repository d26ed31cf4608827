"""Hand-overs at the end of a shift.

Each call is committed together with its entry in the audit trail, so nothing is recorded here.
"""

from __future__ import annotations

from cekalwatch.contract.calls import alerts as calls
from cekalwatch.contract.values.hand_overs import HandOver
from cekalwatch.server.alerts.hand_overs import HandOvers
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.messages import uuid
from cekalwatch.server.grpc_api.served import Served, serve
from cekalwatch.server.grpc_api.servicers.adjudication import acting_person
from cekalwatch.v1 import shift_service_pb2 as pb


def shift_calls(hand_overs: HandOvers, home_site: str) -> tuple[Served, ...]:
    """Serve officers and supervisors; `home_site` is the site where the caller's device has none."""

    def site(wanted: str) -> str:
        return current_caller().one_site(read.site(wanted), home_site)

    def take(request: pb.TakeShiftRequest) -> HandOver:
        who, hand_over_id = acting_person(), uuid(request.hand_over_id)
        if hand_over_id is None:
            raise CekalwatchError(Code.HAND_OVER_GONE)
        return hand_overs.take(who, hand_over_id)

    return (
        serve(calls.LEAVE_SHIFT, lambda asked: hand_overs.leave(acting_person(), site(asked.site), asked.notes)),
        serve(calls.LIST_HAND_OVERS, lambda asked: tuple(hand_overs.of(acting_person(), site(asked.site)))),
        serve(calls.TAKE_SHIFT, take),
    )

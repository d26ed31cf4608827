"""ShiftService: hand-overs at the end of a shift, and when exercises come.

Each call is committed together with its entry in the audit trail, so nothing is recorded here.
"""

from __future__ import annotations

import asyncio

from cekalwatch.contract.codec.shifts import EXERCISE_HOURS, EXERCISE_PLAN, HAND_OVER
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.server.alerts.exercise_hours import ExercisePlanner
from cekalwatch.server.alerts.hand_overs import HandOvers
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api import alert_requests as read
from cekalwatch.server.grpc_api.authentication import current_caller
from cekalwatch.server.grpc_api.errors import Context
from cekalwatch.server.grpc_api.messages import uuid
from cekalwatch.server.grpc_api.servicers.adjudication import acting_person
from cekalwatch.v1 import shift_service_pb2 as pb
from cekalwatch.v1 import shift_service_pb2_grpc


class ShiftServicer(shift_service_pb2_grpc.ShiftServiceServicer):
    """Serves officers and supervisors."""

    def __init__(self, hand_overs: HandOvers, exercises: ExercisePlanner, home_site: str) -> None:
        """`home_site` is the site where the caller's device has none."""
        self._hand_overs = hand_overs
        self._exercises = exercises
        self._home_site = home_site

    async def LeaveShift(self, request: pb.LeaveShiftRequest, context: Context) -> pb.LeaveShiftResponse:
        """Keep the notes of who leaves."""
        who, site = acting_person(), self._site(request.site)
        left = await asyncio.to_thread(self._hand_overs.leave, who, site, request.notes)
        return pb.LeaveShiftResponse(hand_over=HAND_OVER.write(left))

    async def ListHandOvers(self, request: pb.ListHandOversRequest, context: Context) -> pb.ListHandOversResponse:
        """Return the newest hand-overs of a site."""
        who, site = acting_person(), self._site(request.site)
        found = await asyncio.to_thread(self._hand_overs.of, who, site)
        return pb.ListHandOversResponse(hand_overs=map(HAND_OVER.write, found))

    async def TakeShift(self, request: pb.TakeShiftRequest, context: Context) -> pb.TakeShiftResponse:
        """Let the caller take a shift over."""
        who, hand_over_id = acting_person(), uuid(request.hand_over_id)
        if hand_over_id is None:
            raise CekalwatchError(Code.HAND_OVER_GONE)
        taken = await asyncio.to_thread(self._hand_overs.take, who, hand_over_id)
        return pb.TakeShiftResponse(hand_over=HAND_OVER.write(taken))

    async def GetExerciseHours(
        self, request: pb.GetExerciseHoursRequest, context: Context
    ) -> pb.GetExerciseHoursResponse:
        """Return when exercises come."""
        return EXERCISE_PLAN.write(await asyncio.to_thread(self._exercises.plan))

    async def SetExerciseHours(
        self, request: pb.SetExerciseHoursRequest, context: Context
    ) -> pb.SetExerciseHoursResponse:
        """Set when exercises come."""
        hours = EXERCISE_HOURS.read(request.hours, Reading.STRICT)
        await asyncio.to_thread(self._exercises.set, acting_person(), hours)
        return pb.SetExerciseHoursResponse()

    def _site(self, wanted: str) -> str:
        return current_caller().one_site(read.site(wanted), self._home_site)

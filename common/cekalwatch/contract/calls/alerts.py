"""The calls about alerts and shifts."""

from __future__ import annotations

from cekalwatch.contract.codec.alerts import ALERT, FACES, SHIFT_REPORT
from cekalwatch.contract.codec.shifts import EXERCISE_HOURS, EXERCISE_PLAN, HAND_OVER
from cekalwatch.contract.engine.call import Nothing, Only, Page, Plain, Several, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import alert_service_pb2 as pb
from cekalwatch.v1 import shift_service_pb2 as shift_pb

SUBSCRIBE_ALERTS = call(pb.SubscribeAlertsRequest, Plain(pb.SubscribeAlertsResponse), rights.SUBSCRIPTION)
ACKNOWLEDGE_ALERTS = call(pb.AcknowledgeAlertsRequest, Plain(pb.AcknowledgeAlertsResponse), rights.AGENT)
LIST_ALERTS = call(pb.ListAlertsRequest, Page(pb.ListAlertsResponse, "alerts", ALERT), rights.OFFICE)
LIST_CHANGED_ALERTS = call(pb.ListChangedAlertsRequest, Plain(pb.ListChangedAlertsResponse), rights.OFFICE)
GET_ALERT = call(pb.GetAlertRequest, Plain(pb.GetAlertResponse), rights.OFFICE)
LIST_ALERT_FACES = call(pb.ListAlertFacesRequest, Several(pb.ListAlertFacesResponse, "faces", FACES), rights.OFFICE)
RECORD_LOOK = call(pb.RecordLookRequest, Only(pb.RecordLookResponse, "alert", ALERT), rights.ADJUDICATION)
CLAIM_ALERT = call(pb.ClaimAlertRequest, Only(pb.ClaimAlertResponse, "alert", ALERT), rights.ADJUDICATION)
RELEASE_ALERT = call(pb.ReleaseAlertRequest, Only(pb.ReleaseAlertResponse, "alert", ALERT), rights.ADJUDICATION)
TAKE_OVER_ALERT = call(pb.TakeOverAlertRequest, Only(pb.TakeOverAlertResponse, "alert", ALERT), rights.CONFIRMATION)
ADJUDICATE_ALERT = call(
    pb.AdjudicateAlertRequest, Only(pb.AdjudicateAlertResponse, "alert", ALERT), rights.ADJUDICATION
)
UNDO_JUDGEMENT = call(pb.UndoJudgementRequest, Only(pb.UndoJudgementResponse, "alert", ALERT), rights.ADJUDICATION)
CONFIRM_ALERT = call(pb.ConfirmAlertRequest, Only(pb.ConfirmAlertResponse, "alert", ALERT), rights.CONFIRMATION)
ENTER_REFERENCE = call(pb.EnterReferenceRequest, Only(pb.EnterReferenceResponse, "alert", ALERT), rights.CONFIRMATION)
CLEAR_ALERT = call(pb.ClearAlertRequest, Only(pb.ClearAlertResponse, "alert", ALERT), rights.ADJUDICATION)
RECORD_FOLLOW_UP = call(pb.RecordFollowUpRequest, Only(pb.RecordFollowUpResponse, "alert", ALERT), rights.ADJUDICATION)
CLOSE_ALERT = call(pb.CloseAlertRequest, Only(pb.CloseAlertResponse, "alert", ALERT), rights.ADJUDICATION)
GET_SHIFT_REPORT = call(pb.GetShiftReportRequest, SHIFT_REPORT, rights.SHIFT)

LEAVE_SHIFT = call(
    shift_pb.LeaveShiftRequest, Only(shift_pb.LeaveShiftResponse, "hand_over", HAND_OVER), rights.ADJUDICATION
)
LIST_HAND_OVERS = call(
    shift_pb.ListHandOversRequest, Several(shift_pb.ListHandOversResponse, "hand_overs", HAND_OVER), rights.ADJUDICATION
)
TAKE_SHIFT = call(
    shift_pb.TakeShiftRequest, Only(shift_pb.TakeShiftResponse, "hand_over", HAND_OVER), rights.ADJUDICATION
)
GET_EXERCISE_HOURS = call(shift_pb.GetExerciseHoursRequest, EXERCISE_PLAN, rights.CONFIRMATION)
SET_EXERCISE_HOURS = call(
    Only(shift_pb.SetExerciseHoursRequest, "hours", EXERCISE_HOURS),
    Nothing(shift_pb.SetExerciseHoursResponse),
    rights.EXERCISES,
)

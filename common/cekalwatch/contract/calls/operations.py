"""The calls about the server: its state, threshold and gates, and the report of a site."""

from __future__ import annotations

from cekalwatch.contract.codec.gates import GATE_POLICY_CHANGE, GATES_OUTLOOK
from cekalwatch.contract.codec.reports import FIELD_REPORT
from cekalwatch.contract.codec.status import COUNTER, SERVER_STATUS, THRESHOLD_OUTLOOK
from cekalwatch.contract.engine.call import Nothing, Several, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import operations_service_pb2 as pb
from cekalwatch.v1 import report_service_pb2 as report_pb

GET_STATUS = call(pb.GetStatusRequest, SERVER_STATUS, rights.STATUS)
LIST_COUNTERS = call(pb.ListCountersRequest, Several(pb.ListCountersResponse, "counters", COUNTER), rights.CONFIRMATION)
GET_THRESHOLD = call(pb.GetThresholdRequest, THRESHOLD_OUTLOOK, rights.STATUS)
SET_THRESHOLD = call(pb.SetThresholdRequest, Nothing(pb.SetThresholdResponse), rights.THRESHOLD)
FORGET_LEARNED_THRESHOLD = call(
    pb.ForgetLearnedThresholdRequest, Nothing(pb.ForgetLearnedThresholdResponse), rights.THRESHOLD
)
GET_GATES = call(pb.GetGatesRequest, GATES_OUTLOOK, rights.CONFIRMATION)
SET_GATE_POLICY = call(GATE_POLICY_CHANGE, Nothing(pb.SetGatePolicyResponse), rights.GATES)
GET_FIELD_REPORT = call(report_pb.GetFieldReportRequest, FIELD_REPORT, rights.SHIFT)

"""The gates of counters, and the policy by which alerts ask them to hold."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.enums import ProtoEnum
from cekalwatch.contract.values.gates import GatePolicy, GatePolicyChange, GatePolicyReason, GatesOutlook, GateStatus
from cekalwatch.v1 import gate_pb2, operations_service_pb2

GATE_POLICY = Codec(GatePolicy, gate_pb2.GatePolicy)
REASONS = ProtoEnum(gate_pb2.GatePolicyReason, "GATE_POLICY_REASON", GatePolicyReason)
GATE_POLICY_CHANGE = Codec(GatePolicyChange, operations_service_pb2.SetGatePolicyRequest)
GATES_OUTLOOK = Codec(
    GatesOutlook,
    operations_service_pb2.GetGatesResponse,
    names={"set_at": "set_time"},
    parts=(
        GATE_POLICY,
        Codec(
            GateStatus,
            gate_pb2.GateStatus,
            names={"answered_at": "answer_time", "hold_ends_at": "hold_expire_time"},
        ),
    ),
)

"""The decision threshold with its evidence."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.values.thresholds import Threshold, ThresholdOutlook
from cekalwatch.v1 import operations_pb2, operations_service_pb2

THRESHOLD_OUTLOOK = Codec(
    ThresholdOutlook,
    operations_service_pb2.GetThresholdResponse,
    names={
        "decision": "threshold",
        "photographs": "compared_photographs",
        "points": "curve",
        "set_at": "set_time",
    },
    parts=(Codec(Threshold, operations_pb2.ThresholdState, local=("promise",)),),
)

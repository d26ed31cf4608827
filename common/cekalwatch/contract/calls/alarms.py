"""The calls about alarms (called troubles on the wire)."""

from __future__ import annotations

from cekalwatch.contract.codec.alarms import ALARM
from cekalwatch.contract.engine.call import Only, Page, Plain, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import trouble_service_pb2 as pb

WATCH_TROUBLES = call(pb.WatchTroublesRequest, Plain(pb.WatchTroublesResponse), rights.ALARM_WATCH)
LIST_TROUBLES = call(pb.ListTroublesRequest, Page(pb.ListTroublesResponse, "troubles", ALARM), rights.ALARM_LIST)
ACKNOWLEDGE_TROUBLE = call(
    pb.AcknowledgeTroubleRequest, Only(pb.AcknowledgeTroubleResponse, "trouble", ALARM), rights.ACKNOWLEDGEMENT
)

"""The calls about problems."""

from __future__ import annotations

from cekalwatch.contract.codec.troubles import TROUBLE
from cekalwatch.contract.engine.call import Only, Page, Plain, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import trouble_service_pb2 as pb

WATCH_TROUBLES = call(pb.WatchTroublesRequest, Plain(pb.WatchTroublesResponse), rights.TROUBLE_WATCH)
LIST_TROUBLES = call(pb.ListTroublesRequest, Page(pb.ListTroublesResponse, "troubles", TROUBLE), rights.TROUBLE_LIST)
ACKNOWLEDGE_TROUBLE = call(
    pb.AcknowledgeTroubleRequest, Only(pb.AcknowledgeTroubleResponse, "trouble", TROUBLE), rights.ACKNOWLEDGEMENT
)

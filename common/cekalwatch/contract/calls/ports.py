"""The calls of ports, and those about them."""

from __future__ import annotations

from cekalwatch.contract.codec.federation import PORT_STATUS, REPORTED_ALERT
from cekalwatch.contract.engine.call import Page, Plain, Several, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import list_feed_service_pb2 as feed_pb
from cekalwatch.v1 import port_service_pb2 as pb

REPORT_ALERTS = call(pb.ReportAlertsRequest, Plain(pb.ReportAlertsResponse), rights.PORT)
LIST_PORTS = call(pb.ListPortsRequest, Several(pb.ListPortsResponse, "ports", PORT_STATUS), rights.PORTS)
LIST_PORT_ALERTS = call(
    pb.ListPortAlertsRequest, Page(pb.ListPortAlertsResponse, "alerts", REPORTED_ALERT), rights.PORTS
)
GET_PORT_ALERT = call(pb.GetPortAlertRequest, Plain(pb.GetPortAlertResponse), rights.PORTS)

FOLLOW_LIST = call(feed_pb.FollowListRequest, Plain(feed_pb.FollowListResponse), rights.PORT)
READ_LIST = call(feed_pb.ReadListRequest, Plain(feed_pb.ReadListResponse), rights.PORT)
FETCH_REFERENCES = call(feed_pb.FetchReferencesRequest, Plain(feed_pb.FetchReferencesResponse), rights.PORT)

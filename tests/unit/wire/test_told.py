"""Failed calls in words: those of the server, and none of gRPC's own."""

from __future__ import annotations

import socket

import grpc

from cekalwatch.v1 import alert_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.calls import told_by
from tests.support.fakes.alert_server import AlertServer, EventLog


def refusal(address: str, alert_id: str = "none") -> str:
    request = alert_service_pb2.GetAlertRequest(alert_id=alert_id)
    with grpc.insecure_channel(address) as channel:
        try:
            AlertServiceStub(channel).GetAlert(request, timeout=30)
        except grpc.RpcError as error:
            return told_by(error)
    raise AssertionError("nothing was refused")


def test_where_nobody_answers_the_words_are_ours() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and listens to nobody
        told = refusal(f"127.0.0.1:{taken.getsockname()[1]}")
    assert told == "nobody answers there: check the address, the network, and whether the server runs"


def test_the_servers_words_come_through_and_those_of_grpc_do_not() -> None:
    with AlertServer(EventLog()) as server:
        assert refusal(server.address) == "The server says ALERT_NOT_FOUND."
        server.failures["GetAlert"] = grpc.StatusCode.UNIMPLEMENTED
        assert refusal(server.address).startswith("what answers there is no server of Cekalwatch")
        server.failures["GetAlert"] = grpc.StatusCode.INTERNAL
        assert refusal(server.address) == "the call failed (INTERNAL)"

"""Asks the server whether a person's session goes on there, and what it is worth now. Errors stay grpc.RpcError."""

from __future__ import annotations

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.people import SESSION
from cekalwatch.contract.values.people import PersonSession
from cekalwatch.v1 import session_service_pb2
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub


class SessionCheck(ServiceClient[SessionServiceStub]):
    """For what is shown without a call of the person's own."""

    stub = SessionServiceStub

    def session(self) -> PersonSession:
        """Return the session as it is now."""
        return SESSION.read(self._call(lambda stub: stub.GetSession, session_service_pb2.GetSessionRequest()).session)

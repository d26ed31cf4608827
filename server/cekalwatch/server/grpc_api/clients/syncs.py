"""Synchronises through a running server, and asks for the status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.contract.codec.syncs import SYNC_RUN, SYNC_STATUS
from cekalwatch.contract.values.syncs import SyncRun, SyncStatus
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.grpc_api.clients.server_client import ServerClient
from cekalwatch.v1 import sync_pb2, watchlist_service_pb2

CALL_S = 20.0
"""How long an answer may take."""

Answer = TypeVar("Answer")


class RemoteSyncs(ServerClient):
    """The synchronisation of the running server.

    Methods raise CekalwatchError with the code that the server gives, and ProgramError when it cannot be reached.
    """

    def start(self, *, from_start: bool) -> int:
        """Begin a run, and return its key."""
        request = watchlist_service_pb2.SyncNowRequest(from_start=from_start)
        return int(self._ask(self._stub.SyncNow, request).run_id)

    def run(self, run_id: int) -> SyncRun:
        """Return the run as it stands."""
        request = watchlist_service_pb2.ListSyncRunsRequest(page_size=1, page_token=str(run_id + 1))
        return _run(self._ask(self._stub.ListSyncRuns, request).runs[0])

    def status(self) -> tuple[SyncStatus, datetime | None]:
        """Return the status, and when the watchlist was last brought up to date."""
        answer = self._ask(self._stub.GetSyncStatus, watchlist_service_pb2.GetSyncStatusRequest())
        status = SYNC_STATUS.read(answer)
        return status, status.freshness.last_success_at

    def _ask(self, method: Callable[..., Answer], request: object) -> Answer:
        try:
            return method(request, timeout=CALL_S)
        except grpc.RpcError as error:
            if code := _code(error):
                raise CekalwatchError(code) from None
            raise ProgramError(
                f"The server at {self._dialer.address} does not answer: {self._reason(error)}", Exit.UNAVAILABLE
            ) from None


def _code(error: grpc.RpcError) -> Code | None:
    """Return the catalogue's code that came with an error."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info) and info.reason in set(Code):
            return Code(info.reason)
    return None


def _run(message: sync_pb2.SyncRun) -> SyncRun:
    """Read a run; an outcome that only a newer server knows counts as failed."""
    run = SYNC_RUN.read(message)
    return replace(run, outcome=run.outcome or SyncOutcome.FAILED)

"""The calls about the list's synchronisation, as plain values. Protobuf stops here; errors stay grpc.RpcError."""

from __future__ import annotations

from cekalwatch.console.clients.service_client import ServiceClient
from cekalwatch.contract.codec.syncs import SYNC_RUN, SYNC_STATUS
from cekalwatch.contract.values.syncs import SyncRun, SyncStatus
from cekalwatch.office.client.session_client import JointRequest
from cekalwatch.v1 import session_pb2
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub

_MAX_RUN_ID = 2**63 - 2


class SyncClient(ServiceClient[WatchlistServiceStub]):
    """A list manager's calls. It may be used from several threads."""

    stub = WatchlistServiceStub

    def status(self) -> SyncStatus:
        """Return how it stands."""
        return SYNC_STATUS.read(self._call(lambda stub: stub.GetSyncStatus, pb.GetSyncStatusRequest()))

    def runs(self, size: int, token: str = "") -> tuple[list[SyncRun], str]:
        """Return at most `size` runs, newest first, and the token of the next page; empty: there is none."""
        answer = self._call(lambda stub: stub.ListSyncRuns, pb.ListSyncRunsRequest(page_size=size, page_token=token))
        return list(SYNC_RUN.read_all(answer.runs)), str(answer.next_page_token)

    def run(self, run_id: int) -> SyncRun | None:
        """Return one run; None when it is not kept."""
        if not 0 < run_id <= _MAX_RUN_ID:
            return None
        found, _ = self.runs(1, str(run_id + 1))
        return next((one for one in found if one.run_id == run_id), None)

    def start(self, *, from_start: bool) -> None:
        """Begin a run; with `from_start` it reads the whole list."""
        self._call(lambda stub: stub.SyncNow, pb.SyncNowRequest(from_start=from_start))

    @staticmethod
    def acceptance(run_id: int) -> JointRequest:
        """Return what two people sign for who let the next run end what the list of that run has lost."""
        request = pb.AcceptShrunkenListRequest(run_id=run_id)
        return JointRequest(session_pb2.TWO_PERSON_ACTION_ACCEPT_SHRUNKEN_LIST, request)

    def accept(self, acceptance: JointRequest, word: str) -> None:
        """Accept a shrunken list, with the word of a second person."""
        self._call(lambda stub: stub.AcceptShrunkenList, acceptance.request, word)

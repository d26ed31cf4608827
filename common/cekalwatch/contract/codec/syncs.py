"""Reads and writes synchronisations of the list."""

from __future__ import annotations

from cekalwatch.contract.codec.watchlist import FRESHNESS
from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.values.syncs import SyncRun, SyncStatus
from cekalwatch.v1 import sync_pb2
from cekalwatch.v1 import watchlist_service_pb2 as pb

SYNC_RUN = Codec(SyncRun, sync_pb2.SyncRun, names={"started_at": "start_time", "ended_at": "end_time"})
SYNC_STATUS = Codec(
    SyncStatus, pb.GetSyncStatusResponse, names={"next_run_at": "next_run_time"}, parts=(SYNC_RUN, FRESHNESS)
)

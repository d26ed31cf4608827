"""What looks for troubles, keeps them, and tells who watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from cekalwatch.server.cluster.chores import Chore, SharedChore
from cekalwatch.server.grpc_api.servicers.troubles import TroubleServicer
from cekalwatch.server.presence import Presence
from cekalwatch.server.storage.cluster.hints import HintTopic
from cekalwatch.server.storage.integrity.scan import RowScan
from cekalwatch.server.troubles.board import TroubleBoard
from cekalwatch.server.troubles.camera_watch import CameraTerms, CameraWatch
from cekalwatch.server.troubles.feed import TroubleFeed
from cekalwatch.server.troubles.port_watch import PortWatch
from cekalwatch.server.troubles.refusal_watch import RefusalWatch
from cekalwatch.server.troubles.retention import TroubleSweeper
from cekalwatch.server.troubles.row_watch import RowWatch
from cekalwatch.server.troubles.server_watch import ServerWatch
from cekalwatch.server.troubles.source_watch import SourceWatch
from cekalwatch.server.troubles.threshold_watch import ThresholdWatch
from cekalwatch.server.wellbeing import Wellbeing
from cekalwatch.server.wiring.cluster import ClusterWiring
from cekalwatch.server.wiring.context import Context
from cekalwatch.server.wiring.gallery import GalleryWiring

LOOK_AT_CAMERAS_PERIOD_S = 1.0
LOOK_AT_SOURCES_PERIOD_S = 5.0
LOOK_AT_SERVER_PERIOD_S = 1.0
LOOK_AT_THRESHOLD_PERIOD_S = 5.0
LOOK_AT_ROWS_PERIOD_S = 2.0
LOOK_AT_PORTS_PERIOD_S = 5.0
LOOK_AT_REFUSED_PERIOD_S = 2.0
FOLLOW_PERIOD_S = 1.0
SWEEP_PERIOD_S = 3600.0


@dataclass(frozen=True)
class TroublesWiring:
    """The service of troubles, and the regular work on them."""

    servicer: TroubleServicer
    feed: TroubleFeed
    chores: tuple[Chore, ...]

    @classmethod
    def open(
        cls,
        context: Context,
        presence: Presence,
        search: GalleryWiring,
        wellbeing: Wellbeing,
        cluster: ClusterWiring,
        revoked: Callable[[str], bool],
    ) -> Self:
        """Begin with the troubles that are open. `revoked` tells whether a certificate is, by its key's text."""
        settings, store, clock = context.settings, context.stores.troubles, context.clock
        feed = TroubleFeed(store)

        def changed() -> None:
            feed.wake()
            cluster.hints.send(HintTopic.TROUBLES)

        board = TroubleBoard(store, clock, changed)
        terms = CameraTerms(timedelta(seconds=settings.heartbeat_period_s), settings.least_camera_fps)
        cameras = CameraWatch(settings.cameras, presence, store, board, clock, terms)
        sources = SourceWatch(search.source, context.stores.syncs, search.freshness, search.snapshots.current, board)
        server = ServerWatch(context.actor.key, wellbeing, board)
        sweeper = TroubleSweeper(store, clock, context.actor, settings.trouble_retention)
        rows = RowWatch(
            RowScan(context.database, context.keys.guard), board, context.stores.audit, clock, context.actor
        )
        thresholds = ThresholdWatch(context.stores.thresholds, search.snapshots.current, settings.cameras, board, clock)
        sites = frozenset(one.site for one in settings.sites)
        ports = PortWatch(context.stores.ports.states, sites, revoked, board, clock, settings.port_silence)
        refused = RefusalWatch(cluster.refusals.told, board)
        servicer = TroubleServicer(feed, board, store, clock, settings.keep_alive_period_s)
        chores = (
            Chore("look_at_cameras", LOOK_AT_CAMERAS_PERIOD_S, cameras.look),
            Chore("look_at_sources", LOOK_AT_SOURCES_PERIOD_S, sources.look),
            Chore("look_at_server", LOOK_AT_SERVER_PERIOD_S, server.look),
            Chore("look_at_threshold", LOOK_AT_THRESHOLD_PERIOD_S, thresholds.look),
            Chore("look_at_rows", LOOK_AT_ROWS_PERIOD_S, rows.look),
            SharedChore("look_at_ports", LOOK_AT_PORTS_PERIOD_S, ports.look),
            SharedChore("look_at_refused_servers", LOOK_AT_REFUSED_PERIOD_S, refused.look),
            SharedChore("sweep_troubles", SWEEP_PERIOD_S, sweeper.sweep),
        )
        return cls(servicer, feed, chores)

    async def follow(self) -> None:
        """Tell watchers what changed, in one round."""
        await self.feed.follow(FOLLOW_PERIOD_S)

"""This server among those that share its database: the leader's jobs, change notices, and the reports of all
servers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.program.version import version
from cekalwatch.server.cluster.jobs import PERIOD_S, LeaderLease, PeriodicJob, at_stop
from cekalwatch.server.cluster.peers import Load, Peers
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.presence import ServerRun
from cekalwatch.server.foundation.refusals import RefusedServer, StartRefusal, StartRefusedError
from cekalwatch.server.gallery.model_follower import trusted_choice
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.cluster.change_notifier import ChangeNotifier
from cekalwatch.server.storage.cluster.lease_store import LeaseStore
from cekalwatch.server.storage.cluster.presence_store import PresenceStore, RefusalStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring.capture import CaptureParts
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

TELL_PRESENCE_PERIOD_S = 1.0


def refused_server(settings: ServerSettings, reason: StartRefusal) -> RefusedServer:
    """Return this server's identity, for the record of a refusal with that reason."""
    return RefusedServer(settings.name, socket.gethostname(), str(settings.data_dir.absolute()), version(), reason)


def tell_refused(settings: ServerSettings, error: ProgramError) -> None:
    """Report to the other servers of the database that this one does not start; blocks for seconds at most."""
    reason = error.reason if isinstance(error, StartRefusedError) else StartRefusal.OTHER
    try:
        database = Database(settings.database_address)
    except ProgramError:
        return  # no database is named
    with closing(database), suppress(ProgramError):  # a database with this encoding has no reports
        RefusalStore(database).tell(refused_server(settings, reason))


@dataclass(frozen=True)
class ClusterParts(Part):
    """What servers of one database agree on by it."""

    context: Context
    run_id: str
    """Key of this server, from its start to its end."""
    presence: Presence
    """Who is connected to this server."""
    lease: LeaseStore
    leader: LeaderLease
    changes: ChangeNotifier
    refusals: RefusalStore

    def join(self, peers: Peers) -> None:
        """Report that this server runs, and take the lease if it is free. Raises ProgramError. Blocks."""
        peers.join(model_chosen=trusted_choice(self.context.stores.models) is not None)
        self.refusals.forget(refused_server(self.context.settings, StartRefusal.OTHER))
        self.leader.look()

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loop that keeps the lease."""
        return (LOOPS.keep("keep_leader_lease", self.leader.keep, PERIOD_S),)


def init_cluster(context: Context) -> ClusterParts:
    """Open what the other parts need."""
    run_id = uuid4().hex
    lease = LeaseStore(context.database, run_id)
    leader, changes = LeaderLease(lease), ChangeNotifier(context.database)
    context.stack.callback(at_stop, "lease of the chores", leader.close)
    context.stack.callback(changes.close)
    refusals = RefusalStore(context.database)
    return ClusterParts(context, run_id, Presence(context.clock), lease, leader, changes, refusals)


def init_peers(cluster: ClusterParts, address: Callable[[], str], engines: EngineInUse, capture: CaptureParts) -> Peers:
    """Return the presence of this server, which listens at `address`, and of all others."""
    context, presence, started_at = cluster.context, cluster.presence, cluster.context.clock.now()

    def myself() -> ServerRun:
        return ServerRun(
            cluster.run_id,
            context.actor.key,
            address(),
            version(),
            engines.engine.recogniser.model_version,
            context.settings.law,
            started_at,
            gates=dict(presence.gates),
        )

    def load() -> Load:
        return Load(capture.waiting(), sum(capture.processor.outcomes.values()))

    peers = Peers(myself, presence, load, PresenceStore(context.database, context.clock))
    context.stack.callback(at_stop, "that this server stops", peers.leave)
    return peers


def telling(peers: Peers) -> PeriodicJob:
    """Return the job of telling."""
    return PeriodicJob("tell_presence", TELL_PRESENCE_PERIOD_S, peers.tell)

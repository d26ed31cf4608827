"""This server among those that share its database: chores, hints, and what all tell of themselves."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self
from uuid import uuid4

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import FOLDER_MODE
from cekalwatch.server.cluster.chores import Chore, at_stop
from cekalwatch.server.cluster.duty import PERIOD_S, ChoreDuty
from cekalwatch.server.cluster.peers import Load, Peers
from cekalwatch.server.health.probes.presence import Presence, ServerRun
from cekalwatch.server.refused_start import RefusedServer, StartRefusal, StartRefusedError
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.cluster.chore_lease import ChoreLeaseStore
from cekalwatch.server.storage.cluster.hints import Hints
from cekalwatch.server.storage.cluster.presence_store import PresenceStore
from cekalwatch.server.storage.cluster.refusal_store import RefusalStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring.context import Context

KEEP_CHORES_PERIOD_S = PERIOD_S
TELL_PRESENCE_PERIOD_S = 1.0
LOCK_FILE = "server.lock"


def hold_folder(folder: Path, stack: ExitStack) -> None:
    """Keep the folder of the data for this server until `stack` closes. Raises ProgramError when another one has it.

    Two would sign with one key, and each would overwrite what the other has seen. On Windows nothing is held.
    """
    try:
        import fcntl
    except ImportError:
        return
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    held = stack.enter_context((folder / LOCK_FILE).open("ab"))
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ProgramError(
            f"Another server works in {folder}. Give each a `data_dir` of its own, or stop the other one first",
            Exit.UNAVAILABLE,
        ) from None


def refused_server(settings: ServerSettings, reason: StartRefusal) -> RefusedServer:
    """Return what the server of these settings is, were it refused for that reason."""
    return RefusedServer(
        settings.name, socket.gethostname(), str(settings.data_dir.absolute()), version("cekalwatch"), reason
    )


def tell_refused(settings: ServerSettings, error: ProgramError) -> None:
    """Tell the servers that run on the same database that this one does not start; it blocks, for seconds at most."""
    reason = error.reason if isinstance(error, StartRefusedError) else StartRefusal.OTHER
    try:
        database = Database(settings.database_address)
    except ProgramError:
        return  # no database is named
    with closing(database), suppress(ProgramError):  # its encoding is one in which nobody tells anything
        RefusalStore(database).tell(refused_server(settings, reason))


@dataclass(frozen=True)
class ClusterWiring:
    """What servers of one database agree on by it."""

    context: Context
    run_id: str
    """Key of this server, from its start to its end."""
    lease: ChoreLeaseStore
    duty: ChoreDuty
    hints: Hints
    refusals: RefusalStore

    @classmethod
    def open(cls, context: Context) -> Self:
        """Open what the other parts need."""
        run_id = uuid4().hex
        lease = ChoreLeaseStore(context.database, run_id)
        duty, hints = ChoreDuty(lease), Hints(context.database)
        context.stack.callback(at_stop, "lease of the chores", duty.close)
        context.stack.callback(hints.close)
        return cls(context, run_id, lease, duty, hints, RefusalStore(context.database))

    def forget_refused(self) -> None:
        """Take back what this server told when it was refused: it runs now. Raises StorageError."""
        self.refusals.forget(refused_server(self.context.settings, StartRefusal.OTHER))

    def peers(
        self, address: Callable[[], str], model_version: Callable[[], str], presence: Presence, load: Callable[[], Load]
    ) -> Peers:
        """Return what tells of this server, which listens at `address`, and knows the whole."""
        context, started_at = self.context, self.context.clock.now()

        def myself() -> ServerRun:
            return ServerRun(
                self.run_id,
                context.actor.key,
                address(),
                version("cekalwatch"),
                model_version(),
                context.settings.law,
                started_at,
            )

        peers = Peers(myself, presence, load, PresenceStore(context.database, context.clock))
        context.stack.callback(at_stop, "that this server stops", peers.leave)
        return peers

    @staticmethod
    def chore(peers: Peers) -> Chore:
        """Return the chore of telling."""
        return Chore("tell_presence", TELL_PRESENCE_PERIOD_S, peers.tell)

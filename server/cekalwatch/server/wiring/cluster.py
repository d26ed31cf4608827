"""This server among those that share its database: chores, hints, and what all tell of themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self
from uuid import uuid4

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import FOLDER_MODE
from cekalwatch.server.cluster.duty import PERIOD_S, ChoreDuty
from cekalwatch.server.cluster.peers import Load, Peers
from cekalwatch.server.presence import Presence, ServerRun
from cekalwatch.server.storage.cluster.chore_lease import ChoreLeaseStore
from cekalwatch.server.storage.cluster.hints import Hints
from cekalwatch.server.storage.cluster.presence_store import PresenceStore
from cekalwatch.server.wiring.context import Context
from cekalwatch.server.wiring.periodic import Chore, at_stop

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


@dataclass(frozen=True)
class ClusterWiring:
    """What servers of one database agree on by it."""

    context: Context
    run_id: str
    """Key of this server, from its start to its end."""
    lease: ChoreLeaseStore
    duty: ChoreDuty
    hints: Hints

    @classmethod
    def open(cls, context: Context) -> Self:
        """Open what the other parts need."""
        run_id = uuid4().hex
        lease = ChoreLeaseStore(context.database, run_id)
        duty, hints = ChoreDuty(lease), Hints(context.database)
        context.stack.callback(at_stop, "lease of the chores", duty.close)
        context.stack.callback(hints.close)
        return cls(context, run_id, lease, duty, hints)

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

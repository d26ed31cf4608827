"""How it stands with the signing of the audit trail, for status, health and troubles."""

from __future__ import annotations

from dataclasses import dataclass

from cekalwatch.server.audit.checkpoint_ledger import HistoryChange
from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.server.audit.destinations.delivery import DestinationState
from cekalwatch.server.hardware.errors import SigningWaits


@dataclass(frozen=True)
class SigningState:
    """The state of one server's signer."""

    newest: Checkpoint | None = None
    """What it signed last."""
    change: HistoryChange | None = None
    """Why it signs nothing: how the history differs from the one that it signed; None: it does not."""
    waits: SigningWaits | None = None
    """Why a checkpoint that is due is not signed: the token with the key; None: nothing is due, or it is signed."""
    destinations: tuple[DestinationState, ...] = ()
    """Where its checkpoints go."""

    @property
    def unreached(self) -> tuple[DestinationState, ...]:
        """The destinations that checkpoints do not reach."""
        return tuple(one for one in self.destinations if one.failure)

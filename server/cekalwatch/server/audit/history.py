"""What can be wrong with the history that a signer has signed or seen, as it finds it before it signs more."""

from __future__ import annotations

from enum import StrEnum


class HistoryChange(StrEnum):
    """How the history in the database differs from what the signer's ledger says."""

    ENTRY_CHANGED = "ENTRY_CHANGED"
    """The entry that was signed or seen last is another one."""
    ENTRY_GONE = "ENTRY_GONE"
    """The entry that was signed or seen last is not there: the trail went back."""
    CHAIN_BROKEN = "CHAIN_BROKEN"
    """What came since does not follow from it."""
    CHECKPOINT_GONE = "CHECKPOINT_GONE"
    """Checkpoints of this signer are missing."""
    CHECKPOINT_CHANGED = "CHECKPOINT_CHANGED"
    """The newest checkpoint is not the one that was signed."""
    LEDGER_GONE = "LEDGER_GONE"
    """There is a key, and no ledger beside it: nobody can say what was signed."""


class HistoryChangedError(Exception):
    """The history may not be signed; `entry` is the one that shows it, 0 where none does."""

    def __init__(self, change: HistoryChange, entry: int = 0) -> None:
        super().__init__(f"{change} at entry {entry}" if entry else str(change))
        self.change = change
        self.entry = entry

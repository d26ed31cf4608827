"""How the spool on a capture host's disk does, and the error with which it tells."""

from __future__ import annotations

import errno
from enum import Enum
from typing import Self


class SpoolState(Enum):
    """How a spool does, as the contract has it."""

    UNSPECIFIED = "UNSPECIFIED"
    READY = "READY"
    DISK_FULL = "DISK_FULL"
    READ_ONLY = "READ_ONLY"
    FAILED = "FAILED"


_STATES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), SpoolState.DISK_FULL),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), SpoolState.READ_ONLY),
}


class SpoolError(Exception):
    """The spool cannot be used now; `state` says how it does, the text what is wrong."""

    def __init__(self, state: SpoolState, problem: str) -> None:
        super().__init__(problem)
        self.state = state

    @classmethod
    def of(cls, error: OSError) -> Self:
        """Return what `error` means for the spool."""
        return cls(_STATES.get(error.errno or 0, SpoolState.FAILED), error.strerror or type(error).__name__)

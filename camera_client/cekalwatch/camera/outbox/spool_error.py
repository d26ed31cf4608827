"""The error with which the spool on a capture host's disk tells how it does."""

from __future__ import annotations

import errno
from typing import Self

from cekalwatch.wire.vocabulary.capture import SpoolState

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

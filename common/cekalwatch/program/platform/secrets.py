"""Keys in files that Windows opens for this account only, or on this machine only (DPAPI).

Who steals a disk or a backup cannot read them. What the machine's program data hold is for several accounts, the
installer's and those that use it: there any account of the machine to which the file's access list gives it can open
it. On POSIX systems there is no such service, and a file's content is the key.
"""

from __future__ import annotations

import sys
from pathlib import Path

MAGIC = b"CEKALWATCH DPAPI\n"
"""What a protected file begins with."""
MAX_MORE_BYTES = 1_000
"""How much longer a short secret becomes."""


def protected(secret: bytes, file: Path) -> bytes:
    """Return the content of `file` that holds `secret`. Raises OSError."""
    if sys.platform != "win32":
        return secret
    from cekalwatch.program.platform.windows import access_lists, data_protection

    return MAGIC + data_protection.protect(secret, for_machine=access_lists.is_of_machine(file))


def opened(content: bytes) -> bytes:
    """Return the secret in a file's content, which may be one that was never protected. Raises OSError."""
    if not content.startswith(MAGIC):
        return content
    if sys.platform != "win32":
        raise OSError(None, "it was protected by Windows, on another machine")
    from cekalwatch.program.platform.windows import data_protection

    return data_protection.unprotect(content.removeprefix(MAGIC))

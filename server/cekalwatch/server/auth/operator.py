"""Who runs a command on this machine."""

from __future__ import annotations

import getpass

from cekalwatch.server.audit.entry import Actor, Party


def operator() -> Actor:
    """Return the account that runs this process, as the operating system tells."""
    try:
        return Actor(Party.COMMAND, getpass.getuser())
    except (OSError, KeyError):  # an account without name, as containers have
        return Actor(Party.COMMAND, "unnamed")

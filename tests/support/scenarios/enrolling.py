"""A device that takes an invitation: the port at which it enrols opens within a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from cekalwatch.program.cli.enrolment import accept
from cekalwatch.program.errors import ProgramError
from cekalwatch.wire.invitation import DeviceInvitation
from cekalwatch.wire.tls import TlsFiles

WAIT_S = 30.0


async def enrolled(invitation: DeviceInvitation, folder: Path) -> TlsFiles:
    """Enrol, and return the files."""
    files = TlsFiles(folder)
    async with asyncio.timeout(WAIT_S):
        while not files.certificate.exists():
            with suppress(ProgramError):
                await asyncio.to_thread(accept, invitation, folder)
    return files

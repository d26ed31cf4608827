"""Does the server let this device in?"""

from __future__ import annotations

from pathlib import Path

import grpc

from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import ProgramError

ANSWER_S = 10.0


def check_server(address: str, tls_dir: Path) -> Judged:
    """Connect to one of the servers with this device's certificate; it is waited for ANSWER_S at most."""
    try:
        dialer = open_dialer(address, tls_dir)
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
    with dialer.channel() as channel:
        try:
            grpc.channel_ready_future(channel).result(ANSWER_S)
        except grpc.FutureTimeoutError:
            reason = dialer.why_refused() or "nobody answers; is cekalwatch-server running there, and the way open?"
            return CheckVerdict.FAIL, f"{address}: {reason}"
    return CheckVerdict.OK, f"{address} lets this device connect"

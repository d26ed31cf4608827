"""Does the server let this device in?"""

from __future__ import annotations

import time
from pathlib import Path
from queue import Empty, SimpleQueue

import grpc
from grpc import ChannelConnectivity

from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import ProgramError

ANSWER_S = 10.0


def check_server(address: str, tls_dir: Path) -> Judged:
    """Connect once to one of the servers with this device's certificate; its answer is awaited for ANSWER_S at most."""
    try:
        dialer = open_dialer(address, tls_dir)
    except ProgramError as error:
        return CheckVerdict.FAIL, str(error)
    with dialer.channel() as channel:
        if not _connects(channel):
            reason = dialer.why_refused() or "nobody answers; is cekalwatch-server running there, and the way open?"
            return CheckVerdict.FAIL, f"{address}: {reason}"
    return CheckVerdict.OK, f"{address} lets this device connect"


def _connects(channel: grpc.Channel) -> bool:
    """Return whether the first attempt succeeds; gRPC itself makes others."""
    states = SimpleQueue[ChannelConnectivity]()
    channel.subscribe(states.put, try_to_connect=True)
    until_s = time.monotonic() + ANSWER_S
    state = ChannelConnectivity.IDLE
    while state not in {ChannelConnectivity.READY, ChannelConnectivity.TRANSIENT_FAILURE}:
        try:
            state = states.get(timeout=max(0.0, until_s - time.monotonic()))
        except Empty:
            return False
    return state is ChannelConnectivity.READY

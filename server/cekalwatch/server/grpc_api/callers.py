"""Who calls, as the audit trail names it: the device that its certificate says."""

from __future__ import annotations

from cekalwatch.server.grpc_api.access import current_caller
from cekalwatch.server.security.audit import Actor, Party
from cekalwatch.server.security.device_entries import device
from cekalwatch.server.security.rights import LOCAL

_LOOPBACK = Actor(Party.CLIENT, "loopback")


def caller() -> Actor:
    """Return who makes the call that runs now; `client:loopback` for plaintext, which never leaves this machine."""
    who = current_caller()
    return _LOOPBACK if who is LOCAL else device(who.identity)


def calling_agent(agent_id: str) -> Actor:
    """Return the device of the agent that calls; in plaintext it is known by the key that it subscribes with."""
    who = current_caller()
    return Actor(Party.AGENT, agent_id) if who is LOCAL else device(who.identity)

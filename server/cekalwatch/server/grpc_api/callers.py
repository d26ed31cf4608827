"""Who calls, as the audit trail names it: the person who signed in and the device, or the device alone."""

from __future__ import annotations

from cekalwatch.server.audit.entry import Actor, Party
from cekalwatch.server.auth.rights import LOCAL
from cekalwatch.server.grpc_api.authentication import current_caller


def caller() -> Actor:
    """Return who makes the call that runs now; `client:loopback` for plaintext, which never leaves this machine."""
    return current_caller().actor


def calling_agent(agent_id: str) -> Actor:
    """Return the device of the agent that calls; in plaintext it is known by the key that it subscribes with."""
    who = current_caller()
    return Actor(Party.AGENT, agent_id) if who.device == LOCAL.device else who.device.actor

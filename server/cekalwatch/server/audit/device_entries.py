"""Audit entries on devices and their certificates: names, serial numbers and dates; no invitation codes, no keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cryptography import x509

from cekalwatch.server.audit.entry import OK, Action, Actor, ActorKind, AuditEntry, ObjectKind
from cekalwatch.wire.identity import Identity
from cekalwatch.wire.invitation import InvitationCode, public_id


def device(identity: Identity) -> Actor:
    """Return a device as an actor: `device:SITE/ROLE/NAME`."""
    return Actor(ActorKind.DEVICE, _key(identity))


def device_entry(
    at: datetime,
    actor: Actor,
    action: Action,
    identity: Identity,
    details: Mapping[str, int | str],
    outcome: str = OK,
) -> AuditEntry:
    """Return the entry on an action of `actor` on the device `identity`."""
    return AuditEntry(at, actor, action, (ObjectKind.DEVICE.key(_key(identity)),), outcome, details)


def certificate_facts(certificate: x509.Certificate) -> dict[str, int | str]:
    """Return the recorded facts of a certificate: its serial number, as in `pki list`, and its last day (UTC)."""
    return {
        "serial": f"{certificate.serial_number:x}",
        "valid_until": f"{certificate.not_valid_after_utc:%Y-%m-%d}",
    }


def invitation_facts(code: InvitationCode, minutes: int) -> dict[str, int | str]:
    """Return the recorded facts of an invitation: a hash, which does not reveal the code, and its time."""
    return {"invitation": public_id(code.secret), "minutes": minutes}


def revocation_facts(count: int) -> dict[str, int | str]:
    """Return the recorded facts of a revocation: the number of certificates that were in force."""
    return {"certificates": count}


def _key(identity: Identity) -> str:
    return f"{identity.site}/{identity.role}/{identity.name}"

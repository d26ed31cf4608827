"""What the settings say of the audit trail: where its checkpoints go as they are made, `[audit]`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from cekalwatch.wire.address import address_form


def _address_or_none(address: str) -> str:
    return address_form(address) if address else ""


def _url_or_none(url: str) -> str:
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise ValueError("must begin with http:// or https://")
    return url


@dataclass(frozen=True)
class AuditTerms:
    """Where checkpoints go."""

    checkpoint_file: Path | None = None
    """File to which each checkpoint is appended, for an auditor who collects it; when not set,
    `data_dir`/audit_checkpoints.jsonl. Best on a disk that the server can only append to."""
    syslog: Annotated[str, AfterValidator(_address_or_none)] = ""
    """HOST:PORT of a syslog receiver with TLS (RFC 5425, usually port 6514) that gets each checkpoint; empty: none."""
    syslog_authorities: Path | None = None
    """PEM file of the authorities that sign the receiver's certificate; when not set, those of the system."""
    syslog_tls_dir: Path | None = None
    """Folder with certificate.pem and key.pem that the receiver asks for; when not set, it gets none."""
    timestamp_url: Annotated[str, AfterValidator(_url_or_none), Field(max_length=512)] = ""
    """URL of a time-stamping authority (RFC 3161), which says when each checkpoint was there; empty: none."""
    timestamp_authorities: Path | None = None
    """PEM file of the roots and intermediates that time stamps must come from; needed with `timestamp_url`."""

    def __post_init__(self) -> None:
        if self.timestamp_url and self.timestamp_authorities is None:
            raise ValueError("timestamp_url needs timestamp_authorities, or nobody can check what it gives")

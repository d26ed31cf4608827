"""Where the server keeps its data, the key that opens it, and where copies of it go: checkpoints and backups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import platformdirs
from pydantic import AfterValidator, Field

from cekalwatch.program.cli.setting_list import hide
from cekalwatch.program.settings import Settings
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.encryption.master_key_source import MasterKeySource, parse_source
from cekalwatch.server.hardware.uri import TokenUri
from cekalwatch.wire.address import address_or_none


def token_uri(text: str) -> str:
    """Let pass an empty text or a PKCS#11 URI; raises ValueError."""
    if text:
        TokenUri.parse(text)
    return text


def _master_key_source(text: str) -> str:
    if text:
        parse_source(text)
    return text


class StorageSection(Settings):
    """Data folder, database and master key."""

    data_dir: Path = Path(platformdirs.user_data_dir("cekalwatch-server", appauthor=False))
    """Folder of the database, the keys, the certificates and the model packs, unless they are placed elsewhere."""
    database_url: str = ""
    """Address of the database: postgresql://USER@HOST/NAME, with several hosts postgresql://USER@HOST:PORT,HOST:PORT/NAME,
    of which the one is used that takes writes; options of libpq after a `?`. Empty: an SQLite file in `data_dir`."""
    master_key_from: Annotated[str, AfterValidator(_master_key_source)] = ""
    """Where the key is that opens the database: "file:PATH", "env:NAME", "command:PROGRAM ARGUMENTS", or the PKCS#11
    URI (RFC 7512) of a secret key in a token. Empty means the file `data_dir`/master.key, which is made at the first
    start."""
    audit_key_from: Annotated[str, AfterValidator(token_uri)] = ""
    """PKCS#11 URI (RFC 7512) of the key that signs checkpoints of the audit trail, when it is in a token. Empty means
    the file `data_dir`/audit_key.pem, which is made at the first start."""

    @property
    def database_address(self) -> str:
        """The SQLAlchemy address in use."""
        return self.database_url or f"sqlite:///{self.data_dir / 'cekalwatch.sqlite3'}"

    @property
    def works_on(self) -> str:
        """The folder of the data, and the address of a database elsewhere, without its password."""
        return f"{hide(self.database_url)} and {self.data_dir}" if self.database_url else str(self.data_dir)

    @property
    def audit_key_file(self) -> Path:
        """The file of the key that signs checkpoints of the audit trail, when it is in no token."""
        return self.data_dir / "audit_key.pem"

    def audit_key(self) -> SigningKey:
        """Return the key that signs checkpoints of the audit trail, and make it if there is none. Raises
        ProgramError."""
        if self.audit_key_from:
            return SigningKey.load_or_make(TokenUri.parse(self.audit_key_from, self.data_dir))
        return SigningKey.load_or_create(self.audit_key_file)

    def present_audit_key(self) -> SigningKey | None:
        """Return the same key, or None if its file is missing. Raises ProgramError."""
        if self.audit_key_from:
            return SigningKey.in_token(TokenUri.parse(self.audit_key_from, self.data_dir))
        return SigningKey.load(self.audit_key_file) if self.audit_key_file.exists() else None

    @property
    def audit_ledger_file(self) -> Path:
        """Records what that key has signed. It must stay next to the key, where nobody who can write to the database
        can write."""
        return self.audit_key_file.with_name("audit_ledger.sqlite3")

    @property
    def seen_versions_file(self) -> Path:
        """Which versions of the database's rows were seen, so that older ones are not put back unnoticed."""
        return self.data_dir / "seen_versions.json"

    @property
    def order_terms_file(self) -> Path:
        """When orders are in force, sealed, so that a start need not read them all; it may be removed."""
        return self.data_dir / "order_terms.sealed"

    @property
    def master_key_source(self) -> MasterKeySource:
        """Where the master key comes from."""
        return parse_source(self.master_key_from or f"file:{self.data_dir / 'master.key'}", self.data_dir)


def _url_or_none(url: str) -> str:
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise ValueError("must begin with http:// or https://")
    return url


@dataclass(frozen=True)
class AuditTerms:
    """Where the checkpoints of the audit trail go as they are made: `[audit]`."""

    checkpoint_file: Path | None = None
    """File to which each checkpoint is appended, for an auditor who collects it; when not set,
    `data_dir`/audit_checkpoints.jsonl. Best on a disk that the server can only append to."""
    syslog: Annotated[str, AfterValidator(address_or_none)] = ""
    """HOST:PORT of a syslog receiver with TLS (RFC 5425, usually port 6514) that gets each checkpoint; empty: none."""
    syslog_authorities: Path | None = None
    """PEM file of the authorities that sign the other end's certificate; when not set, those of the system."""
    syslog_tls_dir: Path | None = None
    """Folder with certificate.pem and key.pem, where the other end requires them."""
    timestamp_url: Annotated[str, AfterValidator(_url_or_none), Field(max_length=512)] = ""
    """URL of a time-stamping authority (RFC 3161), which says when each checkpoint was there; empty: none."""
    timestamp_authorities: Path | None = None
    """PEM file of the roots and intermediates that time stamps must come from; needed with `timestamp_url`."""

    def __post_init__(self) -> None:
        if self.timestamp_url and self.timestamp_authorities is None:
            raise ValueError("timestamp_url needs timestamp_authorities, or nobody can check what it gives")


class AuditSection(StorageSection):
    """The audit trail."""

    audit: AuditTerms = AuditTerms()
    """Where the checkpoints of the audit trail go as they are made (docs/audit.md)."""

    @property
    def checkpoint_file(self) -> Path:
        """The file that an auditor collects."""
        return self.audit.checkpoint_file or self.data_dir / "audit_checkpoints.jsonl"


_AGE_KEY = re.compile(r"age1[02-9ac-hj-np-z]{58}", re.ASCII)


def _age_key(text: str) -> str:
    if not _AGE_KEY.fullmatch(text):
        raise ValueError('must be a public key of age, "age1" and 58 characters')
    return text


@dataclass(frozen=True)
class BackupTerms:
    """The terms of `cekalwatch-server backup`."""

    recipients: tuple[Annotated[str, AfterValidator(_age_key)], ...] = ()
    """Public keys (age1…) of those who can read the backups; their private keys are not on this machine."""
    folder: Path | None = None
    """Folder that backups go to, best on another machine's disk."""
    keep: Annotated[int, Field(ge=0, le=10_000)] = 14
    """How many backups stay in the folder; older ones are removed after a new one was made. 0: all stay."""
    with_keys: bool = False
    """Whether backups contain the master key, the audit key with its ledger, the authority and the server's key. The
    owner of a recipient's private key then has everything."""
    limit_hours: Annotated[float, Field(gt=0, le=8760)] = 36.0
    """Hours after which `check` warns that the last backup is too old."""

    @property
    def limit(self) -> timedelta:
        """How old the last backup may be."""
        return timedelta(hours=self.limit_hours)


class BackupSection(StorageSection):
    """Backups."""

    secret_ends: Mapping[str, date] = Field(default_factory=dict)
    """Days on which secrets end that do not say so themselves, by the setting that names their file, for example
    "openid.client_secret_file" = 2027-06-30. They are a problem 30, 7 and 1 days before."""
    backup: BackupTerms = BackupTerms()
    """Backups (docs/backup.md)."""

    @property
    def backup_record_file(self) -> Path:
        """Says when the last backup was made."""
        return self.data_dir / "last_backup.json"

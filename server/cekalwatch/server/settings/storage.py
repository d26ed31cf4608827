"""Where the server keeps its data, and the key that opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import AfterValidator

from cekalwatch.program.cli.setting_list import hide
from cekalwatch.program.settings import Settings
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.encryption.master_key_source import MasterKeySource, parse_source
from cekalwatch.server.hardware.uri import TokenUri


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
        """Return the key that signs checkpoints of the audit trail, made where there is none. Raises ProgramError."""
        if self.audit_key_from:
            return SigningKey.load_or_make(TokenUri.parse(self.audit_key_from))
        return SigningKey.load_or_create(self.audit_key_file)

    def present_audit_key(self) -> SigningKey | None:
        """Return the same key, and make none: None where its file is missing. Raises ProgramError."""
        if self.audit_key_from:
            return SigningKey.in_token(TokenUri.parse(self.audit_key_from))
        return SigningKey.load(self.audit_key_file) if self.audit_key_file.exists() else None

    @property
    def audit_ledger_file(self) -> Path:
        """What that key has signed; it must stay beside the key, and away from who can write the database."""
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
        return parse_source(self.master_key_from or f"file:{self.data_dir / 'master.key'}")

"""Where the server keeps its data, and the key that opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import platformdirs
from pydantic import AfterValidator

from cekalwatch.program.settings import Settings
from cekalwatch.server.encryption.master_key_source import MasterKeySource, parse_source


def _master_key_source(text: str) -> str:
    if text:
        parse_source(text)
    return text


class StorageSection(Settings):
    """Data folder, database and master key."""

    data_dir: Path = Path(platformdirs.user_data_dir("cekalwatch-server", appauthor=False))
    """Folder of the database, the keys, the certificates and the model packs, unless they are placed elsewhere."""
    database_url: str = ""
    """SQLAlchemy address of the database; empty for an SQLite file in `data_dir`."""
    master_key_from: Annotated[str, AfterValidator(_master_key_source)] = ""
    """Where the key is that opens the database: "file:PATH", "env:NAME" or "command:PROGRAM ARGUMENTS". Empty means the
    file `data_dir`/master.key, which is made at the first start."""

    @property
    def database_address(self) -> str:
        """The SQLAlchemy address in use."""
        return self.database_url or f"sqlite:///{self.data_dir / 'cekalwatch.sqlite3'}"

    @property
    def audit_key_file(self) -> Path:
        """The key that signs checkpoints of the audit trail."""
        return self.data_dir / "audit_key.pem"

    @property
    def master_key_source(self) -> MasterKeySource:
        """Where the master key comes from."""
        return parse_source(self.master_key_from or f"file:{self.data_dir / 'master.key'}")

"""The content of a backup, its manifest, and the record of the last backup."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.audit.checkpoints import SigningKey, is_signed
from cekalwatch.server.backup.archive import FileFacts, damaged
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.settings.named_files import named_files, unusable_files
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.snapshots.snapshot import DatabaseKind, DatabaseState

DATABASE = "database"
SETTINGS = "settings/server.toml"
MASTER_KEY = "keys/master.key"
AUDIT_KEY = "keys/audit_key.pem"
AUDIT_LEDGER = "keys/audit_ledger.sqlite3"
SEEN_VERSIONS = "keys/seen_versions.json"
PKI = "keys/pki/"
TLS = "keys/tls/"
NAMED = "named/"
TLS_FILES = ("certificate.pem", "key.pem", "authority.pem")
PKI_FILES = ("authority.pem", "authority.key", "ledger.sqlite3", "revoked.pem")


@dataclass(frozen=True)
class SiteFiles:
    """The key files, and what settings name, with their places by the settings of a server."""

    settings: ServerSettings

    def places(self) -> dict[str, Path]:
        """Return the place of each file by its name in a backup; keys in a token or elsewhere have none."""
        settings = self.settings
        found = {
            AUDIT_KEY: settings.audit_key_file,
            AUDIT_LEDGER: settings.audit_ledger_file,
            SEEN_VERSIONS: settings.seen_versions_file,
        }
        if isinstance(settings.master_key_source, KeyFile):
            found[MASTER_KEY] = settings.master_key_source.path
        found |= {f"{PKI}{name}": settings.pki_path / name for name in PKI_FILES}
        found |= {f"{TLS}{name}": settings.tls_path / name for name in TLS_FILES}
        return found | {f"{NAMED}{one.setting}": one.place for one in named_files(settings)}

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Yield the existing files, each with its name. Raises ProgramError.

        The ledger is read before the database: a ledger newer than the database would look like an attack.
        """
        for name, path in self.places().items():
            try:
                if path.exists():
                    yield name, (_copy(path) if path.suffix == ".sqlite3" else path.read_bytes())
            except (OSError, sqlite3.Error) as error:
                raise ProgramError(f"{path} cannot be read: {error}", Exit.UNAVAILABLE) from None

    def missing(self, *, with_keys: bool) -> list[str]:
        """Return in sentences what a restored site needs, but this backup lacks."""
        settings = self.settings
        found = []
        source = settings.master_key_source
        if not with_keys or not isinstance(source, KeyFile):
            found.append(
                f"the master key, from {source.name}: without it nobody can read the faces and names in the database"
            )
        if not with_keys:
            found += [f"{one.setting}: {one.place}" for one in named_files(settings)]
            found.append(f"the audit key and its ledger beside it, {settings.audit_key_file.parent}")
            found.append(f"the authority in {settings.pki_path}, and the server's certificate in {settings.tls_path}")
        else:
            found += unusable_files(settings)
        if settings.audit_key_from:
            found.append("the audit key, which is in its token")
        if settings.authority_key_from:
            found.append("the authority's key, which is in its token")
        found.append(f"the model pack {settings.model_pack}, which is installed anew: cekalwatch-server models install")
        return found

    def lacking(self, *, signs: bool) -> Iterator[str]:
        """Yield in sentences what is missing; `signs`: checkpoints were signed before."""
        settings, places = self.settings, self.places()
        if MASTER_KEY in places and not places[MASTER_KEY].exists():
            yield f"the master key: {places[MASTER_KEY]}"
        if signs and not settings.audit_key_from and not settings.audit_key_file.exists():
            yield f"the audit key and its ledger: {settings.audit_key_file}, {settings.audit_ledger_file}"
        if not (settings.tls_path / "key.pem").exists():
            yield f"the server's certificate: {settings.tls_path}"
        if not (settings.pki_path / "authority.pem").exists():
            yield f"the site's authority: {settings.pki_path}"
        if not settings.models_path.exists():
            yield f"the model pack: cekalwatch-server models install {settings.model_pack}"
        yield from unusable_files(settings)


def _copy(file: Path) -> bytes:
    """Return a copy of a small database that others may be writing."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return connection.serialize()


FORMAT = 1
_CONTEXT = b"cekalwatch backup 1\n"


@dataclass(frozen=True)
class Manifest:
    """The facts of one backup."""

    form: int
    made_at: datetime
    """Time of the database's state."""
    version: str
    """Version of the program that made it."""
    site: str
    kind: DatabaseKind
    database: DatabaseState
    files: dict[str, FileFacts]
    with_keys: bool
    not_included: list[str]
    """What else the site needs, in sentences."""
    signer: str = ""
    """Public key of the audit trail's signer; empty: the trail is not signed."""
    signature: str = ""

    def signed(self, key: SigningKey | None) -> Self:
        """Return it with the signature of the server; a key in a token raises TokenError."""
        if key is None:
            return self
        draft = replace(self, signer=key.public_key)
        return replace(draft, signature=key.sign_statement(draft.statement))

    @property
    def statement(self) -> bytes:
        """The signed text: everything but the signature."""
        return _CONTEXT + replace(self, signature="").to_json()

    def to_json(self) -> bytes:
        """Return its form in the archive."""
        return json.dumps(asdict(self), default=str, sort_keys=True).encode()

    @classmethod
    def read(cls, text: bytes, facts: dict[str, FileFacts], file: Path) -> Manifest:
        """Read the manifest of the archive `file`, in which `facts` were found. Raises ProgramError."""
        try:
            found = TypeAdapter(cls).validate_json(text)
        except ValidationError:
            raise damaged(file, "its manifest is another version's, or none") from None
        if found.form != FORMAT:
            raise damaged(file, f"it has the form {found.form}, and this version reads {FORMAT}: update the program")
        if found.files != facts:
            wrong = sorted({name for name, _ in found.files.items() ^ facts.items()})
            raise damaged(file, f"{', '.join(wrong)} is not as its manifest says")
        if found.signer and not is_signed(found.signer, found.signature, found.statement):
            raise damaged(file, "its signature is wrong")
        return found


@dataclass(frozen=True)
class BackupRecord:
    """The last backup of a server."""

    made_at: datetime
    file: str
    size: int
    """In bytes."""
    with_keys: bool

    def save(self, file: Path) -> None:
        """Write it; raises ProgramError."""
        write_private(file, TypeAdapter(BackupRecord).dump_json(self))

    @classmethod
    def load(cls, file: Path) -> Self | None:
        """Read it; None when it is missing or cannot be read."""
        try:
            return TypeAdapter(cls).validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None

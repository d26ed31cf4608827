"""What a backup says of itself: when it was made, of what, what is in it, and who signed for that."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from cekalwatch.server.audit.checkpoints import SigningKey, is_signed
from cekalwatch.server.backup.archive import FileFacts, damaged
from cekalwatch.server.storage.snapshots.snapshot import DatabaseKind, DatabaseState

FORMAT = 1
_CONTEXT = b"cekalwatch backup 1\n"


@dataclass(frozen=True)
class Manifest:
    """The facts of one backup."""

    form: int
    made_at: datetime
    """The moment of the database's state."""
    version: str
    """Of the program that made it."""
    site: str
    kind: DatabaseKind
    database: DatabaseState
    files: dict[str, FileFacts]
    with_keys: bool
    not_included: list[str]
    """What the site needs as well, in sentences."""
    signer: str = ""
    """Public key of the audit trail's signer; empty: nobody signed it."""
    signature: str = ""

    def signed(self, key: SigningKey | None) -> Self:
        """Return it with the signature of the server; a key in a token raises TokenError."""
        if key is None:
            return self
        draft = replace(self, signer=key.public_key)
        return replace(draft, signature=key.sign_statement(draft.statement))

    @property
    def statement(self) -> bytes:
        """What is signed: everything but the signature."""
        return _CONTEXT + replace(self, signature="").to_json()

    def to_json(self) -> bytes:
        """Return it as it stands in the archive."""
        return json.dumps(asdict(self), default=str, sort_keys=True).encode()

    @classmethod
    def read(cls, text: bytes, facts: dict[str, FileFacts], file: Path) -> Manifest:
        """Read that of the archive `file`, in which `facts` were found. Raises ProgramError."""
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

"""Keeps the terms of orders in a sealed file from one run of a server to the next, so a start need not read all orders.

A subject's terms follow only from its rows and the law. So they are stored by the mark of these rows, and are valid for
a subject with exactly the same rows: an old file, or one of another state of the database, fits fewer subjects, but is
never wrong. It names nobody. The terms of other subjects are read and computed.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.secret_files import write_private
from cekalwatch.server.domain.orders import law as law_module
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.encryption.keyring import AssociatedData, DamagedValueError, Keyring
from cekalwatch.server.storage.watchlist.reading import MARK_BYTES

MAX_BYTES = 512 * 1024 * 1024
"""A million subjects take 40 MB."""
_PLACE = AssociatedData("order_terms", "file")

log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class KeptTerms:
    """Terms by the marks of rows."""

    places: Mapping[bytes, int]
    """The position of each mark."""
    starts: NDArray[np.int64]
    """Shape (marks + 1,): where the terms of each mark begin, and those of the one before end."""
    terms: NDArray[np.int64]
    """Shape (terms, 2): first and last moment in microseconds since 1970, ascending for each mark."""


@dataclass
class TermsFile:
    """The file of one server. It blocks; one thread at a time uses it."""

    file: Path
    keyring: Keyring
    settings: Mapping[str, str]
    """The settings that decide about orders, by name; the file is not read if they differ."""
    _failed: bool = field(default=False, repr=False)

    def read(self, law: Law) -> KeptTerms | None:
        """Return the content of the file; None unless it was written by that law and with this database."""
        try:
            if self.file.stat().st_size > MAX_BYTES:
                raise ValueError("too large")
            plain = io.BytesIO(self.keyring.open(self._place(law), self.file.read_bytes()))
            marks, starts, terms = (np.load(plain, allow_pickle=False) for _ in range(3))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, DamagedValueError) as error:
            log.warning("kept_terms_unused", file=str(self.file), error=type(error).__name__)
            return None
        raw = marks.tobytes()
        starting = range(0, len(raw), MARK_BYTES)
        return KeptTerms({raw[at : at + MARK_BYTES]: place for place, at in enumerate(starting)}, starts, terms)

    def write(self, law: Law, marks: NDArray[np.uint8], starts: NDArray[np.int64], terms: NDArray[np.int64]) -> None:
        """Replace the file; `marks` has the shape (marks, MARK_BYTES), and the terms are by `law`.

        A file that cannot be written is logged.
        """
        plain = io.BytesIO()
        for one in (marks, starts, terms):
            np.save(plain, one, allow_pickle=False)
        try:
            write_private(self.file, self.keyring.seal(self._place(law), plain.getvalue()))
        except ProgramError as error:
            if not self._failed:
                log.warning("kept_terms_not_written", problem=str(error))
            self._failed = True
        else:
            self._failed = False

    def _place(self, law: Law) -> bytes:
        return _PLACE.at(json.dumps(dict(self.settings), sort_keys=True), _written(law), _program())


def _written(law: Law) -> str:
    """Return a law as a text that is the same in each run."""
    return json.dumps(
        asdict(law), sort_keys=True, default=lambda held: sorted(held) if isinstance(held, frozenset) else str(held)
    )


@cache
def _program() -> str:
    """Return a digest of the code that computes the terms; after a change of that code they are computed again."""
    own = Path(__file__)
    code = sorted(Path(law_module.__file__).parent.glob("*.py"))
    code += [own, own.with_name("order_terms.py"), Path(law_module.__file__).parent.with_name("checkpoints.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in code)).hexdigest()

"""The confined process that reads a list: a malicious list can only end this process.

The server checks its answers, and makes records from them with the usual checks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from io import BytesIO
from types import MappingProxyType
from typing import Final

from cekalwatch.program.confined.limits import Limits
from cekalwatch.program.confined.messages import Refusal, Served
from cekalwatch.program.confined.pool import Ask, Cause, ConfinedError, ConfinedPool
from cekalwatch.server.watchlist.sources.source import (
    BrokenPage,
    ColumnsWrong,
    SourceMisconfigured,
    SourceSealed,
    SourceTooCostly,
    SourceUnavailable,
)
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE, MAX_CHARACTERS

MAX_ROW_BYTES: Final = 300_000
"""Of a row as it is written; none that can be imported has a tenth of it."""
MAX_DEPTH: Final = 4
"""Of lists and objects in a cell; those of documents and photographs have two."""
MAX_PARTS: Final = 200
"""Of a list or object in a cell; no field takes more than twenty."""

_TAG: Final = ""
"""The only name in a tagged object; no column has it."""
_DAMAGED: Final = "damaged"
_READ: Final[Mapping[str, Callable[[str], object]]] = MappingProxyType(
    {"datetime": datetime.fromisoformat, "date": date.fromisoformat, _DAMAGED: lambda _: DAMAGED_VALUE}
)


def written(value: object) -> bytes:
    """Return lists, objects and cells as JSON. A value that no field takes is written as a damaged one."""
    return json.dumps(value, default=_tagged, separators=(",", ":")).encode()


def written_row(cells: Sequence[object] | None) -> bytes:
    """Return a row as JSON. A row that is too large becomes unreadable, like None."""
    content = written(None if cells is None else [_bounded(cell) for cell in cells])
    return content if len(content) <= MAX_ROW_BYTES else written(None)


def array(parts: Iterable[bytes]) -> bytes:
    """Return the array of the written rows."""
    return b"[" + b",".join(parts) + b"]"


def read_cells(content: bytes) -> object:
    """Return the written row; raises ValueError for anything else."""
    try:
        return json.loads(content, object_hook=_untagged)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _bounded(cell: object, depth: int = MAX_DEPTH) -> object:
    """Return a cell with damaged values in place of texts that are longer, and parts that are deeper, than fields."""
    match cell:
        case str() if len(cell) > MAX_CHARACTERS:
            return DAMAGED_VALUE
        case list() | dict() if not depth or len(cell) > MAX_PARTS:
            return DAMAGED_VALUE
        case list():
            return [_bounded(part, depth - 1) for part in cell]
        case dict():
            return {name: _bounded(part, depth - 1) for name, part in cell.items() if name != _TAG}
    return cell


def _tagged(value: object) -> dict[str, list[str]]:
    match value:
        case datetime():
            return {_TAG: ["datetime", value.isoformat()]}
        case date():
            return {_TAG: ["date", value.isoformat()]}
    return {_TAG: [_DAMAGED, ""]}


def _untagged(found: dict[str, object]) -> object:
    match found.get(_TAG):
        case None:
            return found
        case [str(kind), str(text)] if kind in _READ:
            return _READ[kind](text)
    raise ValueError("an unknown kind of value")


PIECE_BYTES: Final = 1_000_000
OLD_OR_SEALED: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""First bytes of encrypted Excel files, and of all Excel files before XLSX."""
_ARCHIVES: Final = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, eq=False)
class Content:
    """A file in memory."""

    name: str
    """Shown in messages; it is no path."""
    data: bytes

    @property
    def is_archive(self) -> bool:
        """Whether it begins as an archive, as spreadsheets do too."""
        return self.data.startswith(_ARCHIVES)

    @property
    def is_old_or_sealed(self) -> bool:
        """Whether it begins as a spreadsheet that nobody reads here."""
        return self.data.startswith(OLD_OR_SEALED)

    def pieces(self) -> Iterator[bytes]:
        """Yield it for a process that takes it in with `taken_in`."""
        for start in range(0, len(self.data), PIECE_BYTES):
            yield self.data[start : start + PIECE_BYTES]


def taken_in(size: int, answer: bytes) -> Generator[bytes, bytes, BytesIO]:
    """Take in a file of `size` bytes in a confined process, with an `answer` before each piece, and return it."""
    content = BytesIO()
    while content.tell() < size:
        content.write((yield answer))
    content.seek(0)
    return content


MAX_TOLD: Final = 2000
"""Maximum characters of a refusal in an answer."""

_RAISED: Final = (SourceUnavailable, SourceMisconfigured, SourceSealed, ColumnsWrong, SourceTooCostly, BrokenPage)
_KINDS: Final = {kind.__name__: kind for kind in _RAISED}


class ListProcess:
    """One process, which reads one list; one thread at a time. Methods raise SourceUnavailable."""

    def __init__(
        self,
        function: Served,
        what: str,
        limits: Limits,
        max_answer_bytes: int,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`what` is the list's name in messages; `environment` is added to that of the process."""
        name = f"{function.__module__}:{function.__name__}"
        self._pool = ConfinedPool(name, limits, max_answer_bytes=max_answer_bytes, environment=environment)
        self._what = what
        self._conversation = ExitStack()
        self._asks: Ask | None = None
        self.answered_bytes = 0
        """Of all answers so far."""

    def close(self) -> None:
        """End the process, whatever it does."""
        self._asks = None
        self._pool.close()
        self._conversation.close()

    def begin(self, request: bytes) -> object:
        """Let the function begin, and return its first answer."""
        self._conversation.close()
        try:
            self._asks = self._conversation.enter_context(self._pool.conversation())
        except ConfinedError as error:
            raise self._failure(error) from None
        return self.ask(request)

    def begin_with(self, request: bytes, content: Content) -> object:
        """Let the function begin and take `content` in, and return its first answer after that."""
        answer = self.begin(request)
        for piece in content.pieces():
            answer = self.ask(piece)
        return answer

    def ask(self, request: bytes = b"") -> object:
        """Continue the function, and return its next answer."""
        try:
            return read_cells(self.ask_bytes(request))
        except ValueError:
            raise self.unfit() from None

    def ask_bytes(self, request: bytes) -> bytes:
        """Continue the function, and return its next raw answer."""
        if self._asks is None:
            raise TypeError("the reading has not begun")
        try:
            answer = self._asks(request)
        except Refusal as refusal:
            shown = "".join(sign if sign.isprintable() else "?" for sign in refusal.detail[:MAX_TOLD])
            raise _KINDS.get(refusal.kind, SourceMisconfigured)(shown) from None
        except ConfinedError as error:
            raise self._failure(error) from None
        if answer is None:
            raise self.unfit()
        self.answered_bytes += len(answer)
        return answer

    def unfit(self) -> SourceMisconfigured:
        """Return the error for an answer that cannot be one, and end the process that gave it."""
        self._pool.close()
        return SourceMisconfigured(f"{self._what} cannot be read: its reader answers what it must not")

    def _failure(self, error: ConfinedError) -> SourceUnavailable:
        match error.cause:
            case Cause.MEMORY | Cause.TIME:
                return SourceTooCostly(
                    f"{self._what} takes more {error.cause} to read than a list may: see whether it is damaged, or "
                    "made to do harm; a list that is only large can be divided"
                )
            case Cause.NOT_STARTED:
                return SourceUnavailable(
                    f"{self._what} cannot be read now: no process can be started for it ({error.detail})"
                )
        return SourceMisconfigured(f"{self._what} cannot be read: its reader ended ({error.detail})")


def refusing(function: Served) -> Served:
    """Return the function with its SourceUnavailable made refusals, which reach the other end."""

    @wraps(function)
    def refused(request: bytes) -> Generator[bytes, bytes, None]:
        try:
            yield from function(request)
        except SourceUnavailable as error:
            raise Refusal(type(error).__name__, str(error)) from error

    return refused

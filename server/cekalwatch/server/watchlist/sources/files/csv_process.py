"""A CSV table that is read in a confined process: its rows' keys first, and then any rows by their places."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from cekalwatch.program.confined.limits import Limits
from cekalwatch.server.watchlist.sources.files.csv_table import CsvTable
from cekalwatch.server.watchlist.sources.list_process import (
    Content,
    ListProcess,
    array,
    refusing,
    taken_in,
    written,
    written_row,
)
from cekalwatch.server.watchlist.sources.mapping import Row, folded_name

if TYPE_CHECKING:
    from cekalwatch.server.watchlist.sources.settings import Encoding  # which loads what validates settings

MEMORY_BYTES: Final = 600_000_000
PROCESSOR_S: Final = 1_800
"""A million rows take about 100 s."""
MAX_ANSWER_BYTES: Final = 64_000_000
KEYS_AT_ONCE: Final = 500

_MAX_PLACE: Final = 2**62


class ConfinedTable:
    """A table in a file, read by another process. Methods raise SourceUnavailable."""

    def __init__(
        self,
        file: Path,
        columns: Sequence[str],
        keys: Sequence[str],
        encoding: Encoding = "utf-8",
        others: Literal["refuse", "ignore"] = "refuse",
        content: Content | None = None,
    ) -> None:
        """Open `file` as a `CsvTable`; `keys` names the columns that `key_rows` yields.

        With `content`, this is the table, and `file` is only its name.
        """
        self._columns = tuple(dict.fromkeys(map(folded_name, columns)))
        self._keys = tuple(dict.fromkeys(map(folded_name, keys)))
        path = file if content else file.absolute()
        readable = () if content else (path,)
        limits = Limits(memory_bytes=MEMORY_BYTES, processor_s=PROCESSOR_S, readable=readable)
        self._process = ListProcess(table_answers, str(file), limits, MAX_ANSWER_BYTES)
        asked = {"file": str(path), "columns": columns, "keys": self._keys, "encoding": encoding, "others": others}
        request = json.dumps(asked | ({"bytes": len(content.data)} if content else {})).encode()
        try:
            begun = self._process.begin_with(request, content) if content else self._process.begin(request)
            self.stamp = self._text(begun)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def key_rows(self) -> Iterator[tuple[int, int, Row | None]]:
        """Yield line, position and key columns of all rows that are not empty; None for a row whose cells do not fit.

        It can be read only once.
        """
        before = -1
        while some := self._process.ask():
            if not isinstance(some, list):
                raise self._process.unfit()
            for row in some:
                match row:
                    case [int(line), int(place), found] if before < place < _MAX_PLACE and 0 < line < _MAX_PLACE:
                        yield line, place, self._row(self._keys, found)
                        before = place
                    case _:
                        raise self._process.unfit()

    def rows_at(self, places: Sequence[int]) -> list[Row | None]:
        """Return the rows that begin at `places`, after `key_rows` has ended; `stamp` is that of the file then."""
        match self._process.ask(json.dumps(list(places)).encode()):
            case [str(stamp), [*rows]] if len(rows) == len(places):
                self.stamp = stamp
                return [self._row(self._columns, row) for row in rows]
        raise self._process.unfit()

    def _row(self, columns: Sequence[str], cells: object) -> Row | None:
        match cells:
            case None:
                return None
            case [*found] if len(found) == len(columns):
                return dict(zip(columns, found, strict=True))
        raise self._process.unfit()

    def _text(self, answer: object) -> str:
        if not isinstance(answer, str):
            raise self._process.unfit()
        return answer


@refusing
def table_answers(request: bytes) -> Generator[bytes, bytes, None]:
    """Answer, in a confined process: with the stamp, the rows' keys to their end, and then rows by their places."""
    asked = json.loads(request)
    columns = tuple(dict.fromkeys(map(folded_name, asked["columns"])))
    content = (yield from taken_in(asked["bytes"], written(None))) if "bytes" in asked else None
    with CsvTable(Path(asked["file"]), asked["columns"], asked["encoding"], asked["others"], content) as table:
        yield written(table.stamp)
        rows = table.rows()
        while some := [
            array((written(row.line), written(row.place), _picked(asked["keys"], row.cells)))
            for row in islice(rows, KEYS_AT_ONCE)
        ]:
            yield array(some)
        places = yield array(())
        while True:
            found = [_picked(columns, table.row_at(place)) for place in json.loads(places)]
            places = yield array((written(table.stamp), array(found)))


def _picked(columns: Sequence[str], cells: Mapping[str, str] | None) -> bytes:
    return written_row(None if cells is None else [cells.get(name, "") for name in columns])

"""The import of a list file: first a preview, then exactly what was previewed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from cekalwatch.client.errors import explaining
from cekalwatch.contract.values.imports import CellCorrection, FileBegun, FileEnded, RecordReport
from cekalwatch.office.client.import_client import ImportClient, SentFile


@dataclass(frozen=True)
class ListImport:
    """What became, or would become, of a list file."""

    rows: int = 0
    records: tuple[RecordReport, ...] = ()
    """One for each order: what is refused says why, and in which fields."""
    digest: str = ""
    """Of a preview: imports the file as it was previewed. Empty where the server gave none."""
    without_use: tuple[str, ...] = ()
    """The first files of an archive that no row names."""

    @property
    def problems(self) -> tuple[RecordReport, ...]:
        """Those that need attention."""
        return tuple(one for one in self.records if one.has_problem)


def send_list(
    client: ImportClient, file: Path, digest: str, corrections: Iterable[CellCorrection], encoding: str
) -> ListImport:
    """Send a file, as a preview without `digest`; raises CallError, OSError."""
    found = ListImport()
    with file.open("rb") as stream, explaining():
        sent = SentFile(file.name, file.stat().st_size, encoding, stream)
        records: list[RecordReport] = []
        for answer in client.send(sent, digest, corrections):
            match answer:
                case FileBegun(rows):
                    found = replace(found, rows=rows)
                case RecordReport():
                    records.append(answer)
                case FileEnded():
                    found = replace(found, digest=answer.preview_digest, without_use=answer.without_use)
    return replace(found, records=tuple(records))

"""Writes entries of the audit trail for an auditor: JSON lines, or CSV for a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from cekalwatch.contract.values.audit import ExportFormat
from cekalwatch.program.csv_files import BYTE_ORDER_MARK, SafeCsvWriter
from cekalwatch.server.audit.entry import Link


def written(links: Iterable[Link], form: ExportFormat) -> Iterator[str]:
    """Yield the lines of an export, each with its end."""
    return _csv(links) if form is ExportFormat.CSV else _jsonl(links)


def _jsonl(links: Iterable[Link]) -> Iterator[str]:
    for one in links:
        document = one._asdict() | {"objects": _read(one.objects), "details": _read(one.details)}
        yield json.dumps(document, ensure_ascii=False) + "\n"


def _read(text: str) -> Any:  # noqa: ANN401  # any JSON
    """Return the value of a JSON text; a damaged one stays a text, so that an export shows it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _csv(links: Iterable[Link]) -> Iterator[str]:
    stream = StringIO()
    writer = SafeCsvWriter(stream)
    stream.write(BYTE_ORDER_MARK)
    writer.row(Link._fields)
    for one in links:
        writer.row(one)
        yield stream.getvalue()
        stream.seek(0)
        stream.truncate()
    yield stream.getvalue()

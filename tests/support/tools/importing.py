"""Imports in tests: one record after another, on threads that all tests share."""

from __future__ import annotations

from functools import cache

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.server.concurrency.priorities import BackgroundThreads
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.records import ImportRecord


@cache
def enrolling_threads() -> BackgroundThreads:
    """Return threads that look at photographs."""
    return BackgroundThreads(2, "enrol")


def import_one(run: ImportRun, record: ImportRecord) -> RecordReport:
    """Import a record by itself."""
    run.add(record)
    (report,) = run.store()
    return report

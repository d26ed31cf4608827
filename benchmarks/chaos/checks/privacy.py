"""Nothing of a traveller who did not match is on any disk: every byte below the port's folder is searched.

What is sealed in the database is searched as its keys open it.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.chaos.port import Port
from benchmarks.chaos.truth import Due, SeenCrop
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.recognition.face_pictures import probe_jpeg
from tests.support.tools import disk_search
from tests.support.tools.unsealed_values import opened_values

NEWEST = 2_000
"""Crops that are looked for, at most; of more, the newest."""


def wrong(port: Port) -> list[str]:
    """Say which crops of people who did not match are where. PostgreSQL must be running."""
    crops = [
        crop
        for passage in port.truth.copied()
        if passage.due is Due.NOTHING
        for crop in passage.crops
        if crop.taken_s is not None
    ][-NEWEST:]
    if not crops:
        return []
    database = port.database()
    try:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("CHECKPOINT")
        opened = opened_values(database, KeyFile(port.master_key))
    finally:
        database.close()
    pids = [program.pid for program in port.programs if program.running]
    written = {**disk_search.everything_written(port.folder, pids), **opened}
    for folder in port.postgres.folders:
        written |= disk_search.everything_written(folder)
    return list(_found(crops, written))


def _found(crops: list[SeenCrop], written: disk_search.Written) -> Iterable[str]:
    places = (
        ("key", disk_search.of_keys([crop.capture_id for crop in crops], written)),
        ("picture", disk_search.of_pictures([crop.jpeg for crop in crops], written)),
        ("picture as the server makes it", disk_search.of_pictures([probe_jpeg(one.jpeg) for one in crops], written)),
    )
    for what, found in places:
        for crop, where in zip(crops, found, strict=True):
            if where:
                yield f"the {what} of capture {crop.capture_id}, who did not match, is in {', '.join(sorted(where))}"

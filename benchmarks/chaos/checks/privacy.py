"""Nothing of a traveller who did not match is on any disk, and no name in the clear: every byte is searched.

What is sealed in the database is searched as its keys open it.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.chaos.port import Port
from benchmarks.chaos.truth import Due, SeenCrop
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.recognition.face_pictures import probe_jpeg
from tests.support.tools import disk_search
from tests.support.tools.unsealed_values import UNSEALED, opened_values

NEWEST = 2_000
"""Crops that are looked for, at most; of more, the newest."""


def wrong(port: Port) -> list[str]:
    """Say which crops of people who did not match, and which names, are where. PostgreSQL must be running."""
    strangers, matched = _crops(port, Due.NOTHING), _crops(port, Due.ALERT)
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
    found = [*_found(strangers, written), *_names(port, written)]
    if matched and not any(disk_search.of_keys([one.capture_id for one in matched], written)):
        found.append("the search finds nothing of those who did match")
    return found


def _crops(port: Port, due: Due) -> list[SeenCrop]:
    taken = [crop for one in port.truth.copied() if one.due is due for crop in one.crops if crop.taken_s is not None]
    return taken[-NEWEST:]


def _names(port: Port, written: disk_search.Written) -> Iterable[str]:
    """Names belong into the source's table, and under seal."""
    watched = {
        name: data for name, data in written.items() if not name.startswith((f"{port.folder}/watchlist", UNSEALED))
    }
    for one in port.people.values():
        if where := disk_search.of_text(one.person.name, watched):
            yield f"the name of {one.subject_id} is in {', '.join(sorted(where))}"


def _found(crops: list[SeenCrop], written: disk_search.Written) -> Iterable[str]:
    if not crops:
        return
    places = (
        ("key", disk_search.of_keys([crop.capture_id for crop in crops], written)),
        ("picture", disk_search.of_pictures([crop.jpeg for crop in crops], written)),
        ("picture as the server makes it", disk_search.of_pictures([probe_jpeg(one.jpeg) for one in crops], written)),
    )
    for what, found in places:
        for crop, where in zip(crops, found, strict=True):
            if where:
                yield f"the {what} of capture {crop.capture_id}, who did not match, is in {', '.join(sorted(where))}"

"""Nothing of a traveller who did not match is on any disk, no name in the clear, no picture of the port at the centre.

Every byte is searched; what is sealed in the databases is searched as their keys open it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from benchmarks.chaos.sites.centre import Centre
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.running_site import RunningSite
from benchmarks.chaos.truth import Due, SeenCrop
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.recognition.crops import probe_jpeg
from tests.support.tools import disk_search
from tests.support.tools.unsealed_values import UNSEALED, opened_values

NEWEST = 2_000
"""Crops of a site that are looked for, at most; of more, the newest."""


def wrong(there: Installation) -> list[str]:
    """Say which crops of people who did not match, which of the port, and which names, are where they must not be.

    PostgreSQL must be running.
    """
    _checkpoint(there.centre)
    pids = [program.pid for program in there.programs if program.running]
    written = {**disk_search.everything_written(there.folder, pids)}
    for folder in there.centre.postgres.folders:
        written |= disk_search.everything_written(folder)
    for site in there.sites:
        written |= _opened(site)
    strangers = [crop for site in there.sites for crop in _crops(site, Due.NOTHING)]
    of_port = _crops(there.port, *Due)
    found = [*_keys(there, strangers, written), *_names(there, written)]
    places = _pictures([*strangers, *of_port], written)
    for crop, where in zip(strangers, places, strict=False):
        if where:
            found.append(f"a picture of capture {crop.capture_id}, who did not match, is in {_list(where)}")
    for crop, where in zip(of_port, places[len(strangers) :], strict=True):
        if beyond := [name for name in where if _is_at_centre(name, there)]:
            found.append(f"a picture of the port's capture {crop.capture_id} is at the centre, in {_list(beyond)}")
    due = any(crop.receipt for crop in _crops(there.port, Due.ALERT))
    if due and not any(places[len(strangers) :]):
        found.append("the search finds no picture of those who did match at the port")
    return found


def _checkpoint(centre: Centre) -> None:
    database = centre.database()
    try:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("CHECKPOINT")
    finally:
        database.close()


def _opened(site: RunningSite) -> dict[str, bytes]:
    database = site.database()
    try:
        return {
            f"{name} of {site.key}": value for name, value in opened_values(database, KeyFile(site.master_key)).items()
        }
    finally:
        database.close()


def _crops(site: RunningSite, *due: Due) -> list[SeenCrop]:
    taken = [crop for one in site.truth.copied() if one.due in due for crop in one.crops if crop.taken_s is not None]
    return taken[-NEWEST:]


def _is_at_centre(name: str, there: Installation) -> bool:
    folders = (there.centre.folder, *there.centre.postgres.folders)
    logs = (program.log_file for program in there.centre.programs)
    return name.endswith(f" of {there.centre.key}") or name.startswith((*map(str, folders), *map(str, logs)))


def _keys(there: Installation, strangers: list[SeenCrop], written: disk_search.Written) -> Iterator[str]:
    matched = {site.key: [crop.capture_id for crop in _crops(site, Due.ALERT)] for site in there.sites}
    keys = list(chain((crop.capture_id for crop in strangers), *matched.values()))
    places = dict(zip(keys, disk_search.of_keys(keys, written), strict=True)) if keys else {}
    for crop in strangers:
        if where := places[crop.capture_id]:
            yield f"the key of capture {crop.capture_id}, who did not match, is in {_list(where)}"
    for site, own in matched.items():
        if own and not any(places[key] for key in own):
            yield f"the search finds nothing of those who did match at {site}"


def _pictures(crops: list[SeenCrop], written: disk_search.Written) -> list[set[str]]:
    """Return where each crop is, as the camera made it or as the server does."""
    if not crops:
        return []
    forms = chain.from_iterable((crop.jpeg, probe_jpeg(crop.jpeg)) for crop in crops)
    found = disk_search.of_pictures(list(forms), written)
    return [one | other for one, other in zip(found[::2], found[1::2], strict=True)]


def _names(there: Installation, written: disk_search.Written) -> Iterable[str]:
    """Names belong into the source's table, and under seal."""
    apart = (str(there.centre.watchlist), UNSEALED)
    watched = {name: data for name, data in written.items() if not name.startswith(apart)}
    for one in there.people.values():
        if where := disk_search.of_text(one.person.name, watched):
            yield f"the name of {one.subject_id} is in {_list(where)}"


def _list(where: Iterable[str]) -> str:
    return ", ".join(sorted(where))

"""The model of a site's gallery is switched while everybody works, between the pack `light` and a second one.

It is done as `gallery rebuild` and `gallery switch` do it, past the servers, which follow.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from benchmarks.chaos.faults.fault import Fault
from benchmarks.chaos.schedule import FaultKind
from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.plans import SITES
from benchmarks.chaos.sites.running_site import RunningSite
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.gallery.rebuilding import Rebuilder
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.models.photograph_store import PhotographStore
from cekalwatch.server.storage.models.store import IncompleteModelError, ModelChoice, ModelStore
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.keys import KEEPER
from tests.support.tools.second_pack import NAME

TRIES = 60
"""A second between each: the database may be away."""


@cache
def _enroller(pack: Path) -> Enroller:
    engine = open_engine(load_pack(pack), threads=1)
    return Enroller(engine.detector, engine.recogniser)


@contextmanager
def switched(there: Installation, target: str, _: random.Random) -> Iterator[None]:
    """The other model is put in place of the present one, once all reference faces have its templates."""
    site = there.site(target)
    with site.truth.model_changes():
        for _try in range(TRIES):
            try:
                _switch(site)
                break
            except (StorageError, IncompleteModelError, CekalwatchError, ProgramError):
                time.sleep(1.0)
        yield


def _switch(site: RunningSite) -> None:
    database = site.database()
    try:
        models = ModelStore(database)
        chosen = models.chosen()
        present, wanted = (NAME, "light") if chosen and chosen.current.pack == NAME else ("light", NAME)
        choices = [ModelChoice(name, load_pack(site.models / name).model_version) for name in (wanted, present)]
        assert database.guard is not None
        with ThreadPoolExecutor(1) as workers:
            store = PhotographStore(database, database.guard.keyring)
            list(Rebuilder(store, _enroller(site.models / wanted), workers).steps())
        entry = AuditEntry(datetime.now(UTC), KEEPER, Action.GALLERY_SWITCHED)
        models.switch(choices[0], choices[1], lambda _: entry)
    finally:
        database.close()


_GALLERIES = tuple(site.key for site in SITES)

FAULTS = (Fault(FaultKind("switch of the model", _GALLERIES, 0.9, (4.0, 6.0), "gallery"), switched),)

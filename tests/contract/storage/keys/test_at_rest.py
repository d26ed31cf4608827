"""Who has the files of the database, and not its master key, learns neither a name nor a face."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy

from cekalwatch.contract.values.subjects import TravelDocument
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.resealing import Resealer
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.contract.conftest import opened
from tests.support.builders.alerts import NOON, capture, match
from tests.support.builders.audit import deleted
from tests.support.builders.keys import TESTS_KEY, key_store
from tests.support.builders.portraits import astronaut, encoded
from tests.support.builders.watchlist import order, reference, subject
from tests.support.tools.postgres import own_postgres
from tests.support.tools.raw_files import JFIF, database_bytes, pieces, shown

pytestmark = pytest.mark.both_databases


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An upgraded, empty database of each kind, beside whose files there are none of others."""
    if request.param == "sqlite":
        yield from opened(f"sqlite:///{tmp_path / 'data' / 'test.sqlite3'}")
    else:
        with own_postgres() as address:
            yield from opened(address)


PERSON = subject(
    name="Ratna Widuri Contoh",
    aliases=("Wulan Kencana",),
    sex="F",
    place_of_birth="Tanjungpinang",
    date_of_birth="1979-11-23",
    nationality="IDN",
    nik="2171016311790001",
    travel_documents=(TravelDocument("paspor dinas", "X7654321", "SGP"),),
    address="Jalan Melati Nomor 17, Batam",
    occupation="nakhoda kapal",
)
BAN = order(requesting_agency="Kejaksaan Negeri Contoh", reason="perkara penyelundupan", decree_number="KEP-4711/2026")
TEXTS = (
    *(PERSON.name, *PERSON.name.split(), *PERSON.aliases, PERSON.place_of_birth, PERSON.date_of_birth, PERSON.nik),
    *("paspor dinas", "X7654321", PERSON.address, PERSON.occupation),
    *(BAN.requesting_agency, BAN.reason, BAN.decree_number),
)


@pytest.mark.slow
def test_the_files_show_no_name_no_picture_and_no_template(database: Database) -> None:
    keys = key_store(database)
    store, alerts = WatchlistStore(database, keys.keyring), AlertStore(database, keys.keyring)
    photo, face, probe = (encoded(astronaut()[:size, :size]) for size in (512, 256, 200))
    template = np.random.default_rng(1).normal(size=512).astype(np.float32)
    template /= np.linalg.norm(template)
    new = reference(photo, face_jpeg=face, template=template)
    store.put(PERSON, BAN, [new])
    alerts.record(match(capture(jpeg=probe)), timedelta(0), NOON)
    keys.rotate()
    list(Resealer(database, keys).steps())
    files = database_bytes(database)
    assert {secret for _, secret in shown(files, [b"batam-center", b"data_key"])} == {b"batam-center", b"data_key"}
    secrets = [text.encode() for text in TEXTS] + [new.photo_sha256.encode(), JFIF, TESTS_KEY.secret]
    for data in (photo, face, probe, template.tobytes(), template.astype(np.float16).tobytes()):
        secrets += pieces(data)
    assert shown(files, secrets) == []
    assert store.get_subject("S-1").subject == PERSON


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_deleted_subject_leaves_nothing_behind_even_sealed(database: Database) -> None:
    """PostgreSQL's vacuum removes it in its own time."""
    keys = key_store(database).keyring
    store, alerts = WatchlistStore(database, keys), AlertStore(database, keys)
    store.put(PERSON, BAN, [reference(encoded(astronaut()))])
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [reference(b"another")])
    alerts.record(match(capture(jpeg=encoded(astronaut()[:200, :200]))), timedelta(0), NOON)
    columns = {"subject": "facts", "ban_order": "facts", "reference_picture": "photo", "template": "vector"}
    columns["probe"] = "jpeg"
    with database.engine.connect() as connection:
        sealed = [
            connection.execute(sqlalchemy.text(f"SELECT {column} FROM {table} ORDER BY rowid")).scalars().first()  # noqa: S608
            for table, column in columns.items()
        ]
    secrets = [piece for value in sealed if value for piece in pieces(value)]
    before = shown(database_bytes(database), secrets)
    assert len({secret for _, secret in before}) == len(set(secrets))
    store.delete_subject("S-1", deleted)
    files = database_bytes(database)
    assert shown(files, secrets) == []

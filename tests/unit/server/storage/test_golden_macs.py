"""The MACs of rows stay what they were: databases of earlier versions hold them. These bytes are those of 0.2.0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import JSON, Boolean, Float, Integer, LargeBinary
from sqlalchemy.engine import Engine
from sqlmodel import SQLModel, select

import cekalwatch.server.app  # noqa: F401  # has all tables
from cekalwatch.server.encryption.keyring import DataKey, KeyPurpose, Keyring
from cekalwatch.server.storage.columns import UtcDateTime
from cekalwatch.server.storage.integrity import guard as guarding
from cekalwatch.server.storage.integrity.guard import RowGuard
from cekalwatch.server.storage.integrity.guarded_session import GuardedSession, checked
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError, SignedRow, form_of, signed_models
from cekalwatch.server.storage.integrity.versions import SeenVersions

JAKARTA = timezone(timedelta(hours=7))
VERSION = 3_545_871_234_567_890
KEYS = (
    DataKey(1, KeyPurpose.SEALING, bytes(range(32))),
    DataKey(2, KeyPurpose.MATCHING, bytes(range(32, 64))),
)

GOLDEN = {
    "agency": (
        "aacc33b93a09196b670e28da8bba66eebf8913530cdccc1a1195d4df9a0fd737",
        "aacc33b93a09196b670e28da8bba66eebf8913530cdccc1a1195d4df9a0fd737",
    ),
    "alert": (
        "e16db37a3e02c05978ee68a675d0113c72ec97ff033356c95c372d9a37db605d",
        "1447fa2fda2a9df882c5e83d1365ef72f91653ede0ed6f22136e406a46827007",
    ),
    "alert_finding": (
        "f9f4140d793e8a1b770125628c1b4c5dec77d7e5489e66d369fc382a48250dd9",
        "f9f4140d793e8a1b770125628c1b4c5dec77d7e5489e66d369fc382a48250dd9",
    ),
    "alert_follow_up": (
        "e27e7995d543ab12517228e2a14fbd7b3541f4b21afb8e909b88f990a1cae58e",
        "e27e7995d543ab12517228e2a14fbd7b3541f4b21afb8e909b88f990a1cae58e",
    ),
    "alert_look": (
        "4e7de3080a949570428f7ce14001fad9bec9a2980ca464e2ff6b2c86db5f4418",
        "4e7de3080a949570428f7ce14001fad9bec9a2980ca464e2ff6b2c86db5f4418",
    ),
    "alert_passage": (
        "5e7f0755da9b899344dc6852fa04ed4d9f374e63de35d6c0c50743a9f79a3513",
        "5e7f0755da9b899344dc6852fa04ed4d9f374e63de35d6c0c50743a9f79a3513",
    ),
    "alert_told": (
        "6a79b00d7ab742a12fb644bd0c99f1c93c7c30521dcab21c8f63ac5b9697fc67",
        "6a79b00d7ab742a12fb644bd0c99f1c93c7c30521dcab21c8f63ac5b9697fc67",
    ),
    "approval": (
        "726e9976d6ea5dc8614d2bd11613a83cf5618a7675fdaf2b4a05bbcf59ff64f4",
        "680add6fe70a6e0bd22473d02e8d413fa2ff22977793bc02ba27bb1f09714d66",
    ),
    "ban_order": (
        "ec8a2a46ea6e3ff81a958703945945423ed0e46173fc1d74c437f9fa69f5c4e0",
        "ec8a2a46ea6e3ff81a958703945945423ed0e46173fc1d74c437f9fa69f5c4e0",
    ),
    "camera_news": (
        "ae68961285fe30abb06dca1fc2ac64dee59a97d19042e867da6309d5f401ad1c",
        "205d12439c9d1bb65f0773a638113d273285ebd58665c00030c615b84ed28928",
    ),
    "camera_policy": (
        "58564ae37c01b26448b2d1b36961f238f71661f16a1b51514fd0bf9c8e017f97",
        "58564ae37c01b26448b2d1b36961f238f71661f16a1b51514fd0bf9c8e017f97",
    ),
    "camera_survey": (
        "52c797f67f9556fcf7e149623f114a2ac7fba207e27ce57eb7261086bcc1266c",
        "52c797f67f9556fcf7e149623f114a2ac7fba207e27ce57eb7261086bcc1266c",
    ),
    "decision_threshold": (
        "7963c8e2a81c3f37142dd6e1ca8bbca063e87db1a0ccb8ac39071fb57ff4d741",
        "9e472459a25e359ab8bf06fdb98982aeb7b7ea61085cc57eda8f142883dbd6a1",
    ),
    "directory": (
        "f9619aad977ba8eb9e10c51e665b24cafee6acfbcd577693caa0d8f749344f7f",
        "f9619aad977ba8eb9e10c51e665b24cafee6acfbcd577693caa0d8f749344f7f",
    ),
    "exercise": (
        "b0ed17fe9f3a8b43774db8850d687adca7a9dcccad1c1c3dc15cf9da29e846c6",
        "a4bb05ada23310213fb983d2d66731c26965f836a87750f5d72494c8ae5b999f",
    ),
    "exercise_picture": (
        "90105499ed0c547f7efdafcb712de915780ab9dd701a1b1cacf5df3788257759",
        "90105499ed0c547f7efdafcb712de915780ab9dd701a1b1cacf5df3788257759",
    ),
    "exercise_subject": (
        "fc3653df17fa4e342bb0d2eca738307da969fb3453315022d45976efa97b7f41",
        "fc3653df17fa4e342bb0d2eca738307da969fb3453315022d45976efa97b7f41",
    ),
    "gallery_state": (
        "de2017c7d928fcc8e95f28de5672a4102a066dfbd97c09e84027f5cbc024a079",
        "de2017c7d928fcc8e95f28de5672a4102a066dfbd97c09e84027f5cbc024a079",
    ),
    "hand_over": (
        "eeaa8ee4207c30de06fc6619f0c13fae0efeca95397b55d36f11a2e2d118a2ff",
        "a29db3873cb3bbec86e632f18318167f254ae1744ca6a17685631118829e1708",
    ),
    "law_row": (
        "a6bed371b39a2b68e935c126a5c10f2533ea106059dc5f51ac8f8651ae14db23",
        "a6bed371b39a2b68e935c126a5c10f2533ea106059dc5f51ac8f8651ae14db23",
    ),
    "learned_threshold": (
        "8ca2a8f1135a2a71de6b2d75e4dcfcb9207b2f1d97ff6bf3bf69d53a79047026",
        "8ca2a8f1135a2a71de6b2d75e4dcfcb9207b2f1d97ff6bf3bf69d53a79047026",
    ),
    "list_inventory": (
        "1e3fcdd8181434571bc4d3245edea4a0599591671c7d29123f366d46889302dd",
        "1e3fcdd8181434571bc4d3245edea4a0599591671c7d29123f366d46889302dd",
    ),
    "lookalike_judgement": (
        "2c8bee0fc88ed9f05e1ed6aa921661ffede98722bcd4d04c0862f036ef1eaa4a",
        "2c8bee0fc88ed9f05e1ed6aa921661ffede98722bcd4d04c0862f036ef1eaa4a",
    ),
    "notice": (
        "27af42f7130d5ca1ed385e68e25d532d5a7bfe7240c7b8f8f365db153a808eb6",
        "e8628e1dd8df26200776c7251642692ff0745827d854a28863374a6548390f2a",
    ),
    "person": (
        "411071522636f47704f2528a0167a840d4fcde2334c5f1c81bb79b8509dbca5d",
        "ca75d87c89e0820b0cad7a8d8516ddb429b44d7e35132f6fc9fade4022366f38",
    ),
    "person_session": (
        "d9e6a8830f40618e4a6deeb1015aa4a09959f79090c92152d22bec51c9053941",
        "b7ff5661fedb8d16395db219847212aebc5ce798137faf698ff57e0c5e9cf5ed",
    ),
    "port_alert": (
        "1465391daf10ca0a61d6ba38a594a50a8457a7c42dc971b9f1374a924d7ea900",
        "1465391daf10ca0a61d6ba38a594a50a8457a7c42dc971b9f1374a924d7ea900",
    ),
    "port_event": (
        "43ca779b200629d75e94940c9a61e1c0e69397243096fecec73cc9dbb2cbec2b",
        "43ca779b200629d75e94940c9a61e1c0e69397243096fecec73cc9dbb2cbec2b",
    ),
    "port_position": (
        "4500875e854abb380bea7121dc9fb32854b88d2aa422911202fe4a7ba813e657",
        "a080bb22f06e5198dc1877765f8f445b44758f335e6e784e06418db1de9da7f3",
    ),
    "probe": (
        "9877663d4405c22f2bc505208ede114422cf967aeb019c009b688970086d4ca9",
        "9877663d4405c22f2bc505208ede114422cf967aeb019c009b688970086d4ca9",
    ),
    "reference_face": (
        "29c787e9c94e090566e211e31e98d69d82ca0f9c30fd6de47ddd0446e9c9a23e",
        "29c787e9c94e090566e211e31e98d69d82ca0f9c30fd6de47ddd0446e9c9a23e",
    ),
    "score_count": (
        "80f0b0fd9b404c02cce91afdfc16639e32d22f9bca8a34b818c8eaa6910d9770",
        "80f0b0fd9b404c02cce91afdfc16639e32d22f9bca8a34b818c8eaa6910d9770",
    ),
    "setting": (
        "bf085ac22ebfca2300344c537c3f2a4977abbd393b81e9d41b5cd2bd4baf40d4",
        "bf085ac22ebfca2300344c537c3f2a4977abbd393b81e9d41b5cd2bd4baf40d4",
    ),
    "sighting": (
        "400a517868d321541d980c41103307b54774127e3777915887864e56890260b5",
        "400a517868d321541d980c41103307b54774127e3777915887864e56890260b5",
    ),
    "subject": (
        "d30a7086ce943ed4e76c41d3f0ebde4b2ffe7244f550ad559fc365a8e9faf7a7",
        "d30a7086ce943ed4e76c41d3f0ebde4b2ffe7244f550ad559fc365a8e9faf7a7",
    ),
    "sync_order": (
        "c2fd892b19b398767325f3be9b07ced1c9678730ea4a576d18a59412e7246685",
        "c2fd892b19b398767325f3be9b07ced1c9678730ea4a576d18a59412e7246685",
    ),
    "sync_run": (
        "3a2cdb63331dc5066d73935ef61e7ecff02bf3a930b9550d8ff14677510b5f5c",
        "f067f11672d8eda553fca09a44bf5960020d964bda20c77867fc93587ca73e20",
    ),
    "sync_state": (
        "84e0edd022be6c6528dc5bc9faa4c0a49c2bd2deeb2c403760cbcb419e1531b7",
        "84e0edd022be6c6528dc5bc9faa4c0a49c2bd2deeb2c403760cbcb419e1531b7",
    ),
    "watchlist_success": (
        "3d65e7c07af6321b23d94c1a01e169572cd383be537b6f97b12501a1789dd44e",
        "229d196fd6146ce83be0473dbbc865b9c19606952bbc401fd59c55ee0dfbd36b",
    ),
}
"""By table: of a row with all columns, and of one in which those are absent that may be."""


class Word(StrEnum):
    """Rows are given members of enumerations, and are read with plain texts."""

    ODD = "ödd 'word'\n\\"


def value(column: sqlalchemy.Column[Any], place: int) -> object:
    """Return a value of a column of the kind that the stores give it."""
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return datetime(2026, 3, 1, 23, 59, place, place * 1000, tzinfo=JAKARTA if place % 2 else UTC)
    if isinstance(kind, JSON):
        return {"zone": ["ü", 1.5, None, True], "a": {"b": place}}
    if isinstance(kind, Boolean):
        return bool(place % 2)
    if isinstance(kind, Integer):
        return place * 10**3
    if isinstance(kind, Float):
        return 0.1 * place
    if isinstance(kind, LargeBinary):
        return bytes(range(place, place + 90))
    return Word.ODD if place % 2 else f"key {place} of a row"


def filled(model: type[SignedRow], *, wholly: bool) -> SignedRow:
    """Return a row of 0.2.0, with values in all columns, or in those only that must have one."""
    form = form_of(model)
    columns = [one for one in form.table.columns if one.name not in {"mac", "row_version", *form.later}]
    row = model()
    for place, one in enumerate(columns):
        setattr(row, one.name, None if one.nullable and not wholly else value(one, place))
    return row


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A database with all tables, which enforces no foreign keys."""
    made = sqlalchemy.create_engine("sqlite://")
    SQLModel.metadata.create_all(made)
    with made.begin() as connection:
        connection.execute(sqlalchemy.insert(SQLModel.metadata.tables["watchlist_state"]).values(id=1, version=0))
    yield made
    made.dispose()


@pytest.fixture
def guard(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> RowGuard:
    """A guard with known keys, at a known moment."""
    monkeypatch.setattr(guarding, "next_version", lambda _: VERSION)
    keyring = Keyring(lambda known: [one for one in KEYS if one.key_id not in known])
    return RowGuard(engine, keyring, SeenVersions(None, keyring))


def test_every_signed_table_has_its_bytes() -> None:
    assert set(GOLDEN) == {str(model.__tablename__) for model in signed_models()}


@pytest.mark.parametrize("wholly", [True, False])
@pytest.mark.parametrize("model", signed_models(), ids=lambda model: str(model.__tablename__))
def test_a_row_gets_the_mac_that_it_always_got(engine: Engine, guard: RowGuard, model: type[SignedRow], wholly: bool):
    table = form_of(model).table
    with GuardedSession(engine, guard) as session:
        session.add(filled(model, wholly=wholly))
        session.commit()
    with engine.connect() as connection:
        plain = connection.execute(sqlalchemy.select(*table.columns)).one()
    assert plain.mac.hex() == GOLDEN[table.name][not wholly]
    guard.check_plain(model, plain)
    with GuardedSession(engine, guard) as session:
        assert checked(session, session.exec(select(model)).one()).mac == plain.mac


@pytest.mark.parametrize("model", signed_models(), ids=lambda model: str(model.__tablename__))
def test_each_column_counts_however_the_row_is_read(engine: Engine, guard: RowGuard, model: type[SignedRow]):
    table = form_of(model).table
    with GuardedSession(engine, guard) as session:
        session.add(filled(model, wholly=True))
        session.commit()
    for column in table.columns:
        read, written = f"SELECT {column.name} FROM {table.name}", f"UPDATE {table.name} SET {column.name} = ?"  # noqa: S608
        with closing(engine.raw_connection()) as connection:
            (held,) = connection.execute(read).fetchone()
            connection.execute(written, (another(column, held),))
            connection.commit()
            with engine.connect() as reading, pytest.raises(ChangedRowError):
                guard.check_plain(model, reading.execute(sqlalchemy.select(*table.columns)).one())
            with GuardedSession(engine, guard) as session, pytest.raises(ChangedRowError):
                checked(session, session.exec(select(model)).one())
            connection.execute(written, (held,))
            connection.commit()


def another(column: sqlalchemy.Column[Any], held: Any) -> object:  # whatever the driver gives
    """Return another value than the database holds in a column."""
    if isinstance(column.type, JSON):
        return "[]"
    if held is None:  # what came later
        return 1
    return 1 - held if isinstance(held, int | float) else held[1:]

"""Keys for databases of tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.encryption.master_key import MasterKey, SecretMasterKey
from cekalwatch.server.encryption.master_key_source import KeyFile, MasterKeySource
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import KeyStore

KEEPER = Actor(ActorKind.COMMAND, "keeper")
TESTS_KEY = SecretMasterKey(bytes(range(32)))


@dataclass(frozen=True)
class KnownKey:
    """A master key that a test holds in its hand."""

    key: MasterKey = TESTS_KEY
    name: str = "the test"

    def read(self) -> MasterKey:
        return self.key

    def read_or_make(self) -> MasterKey:
        return self.key


def key_store(database: Database, source: MasterKeySource | None = None) -> KeyStore:
    """Open the keys of an upgraded database, under the tests' master key if none is given."""
    return KeyStore.open(database, source or KnownKey(), SystemClock(), KEEPER)


def keyring(database: Database, source: MasterKeySource | None = None) -> Keyring:
    """The keyring of an upgraded database."""
    return key_store(database, source).keyring


def open_keys(database: Database) -> None:
    """Open the keys of a database unless they are: those of its folder where a program keeps it there."""
    if database.guard is None:
        database.upgrade()
        file = Path(database.name)
        key_store(database, KeyFile(file.with_name("master.key")) if file.name == "cekalwatch.sqlite3" else None)

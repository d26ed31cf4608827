"""Sealed values open in their own place, with their own key, and nowhere else."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from cekalwatch.server.encryption.keyring import (
    BODY,
    HEADER,
    AssociatedData,
    DamagedValueError,
    DataKey,
    KeyPurpose,
    Keyring,
)

FACTS = AssociatedData("subject", "facts")
HERE = FACTS.at("S-1")
KEYS = [DataKey(1, KeyPurpose.SEALING, b"\1" * 32), DataKey(2, KeyPurpose.MATCHING, b"\2" * 32)]


class Chest:
    """Where data keys come from; it counts how often it is asked."""

    def __init__(self, *more: DataKey) -> None:
        self.keys = [*KEYS, *more]
        self.asked = 0

    def load(self, known: Collection[int]) -> list[DataKey]:
        self.asked += 1
        return [key for key in self.keys if key.key_id not in known]


def test_a_sealed_value_opens_in_its_place():
    keyring = Keyring(Chest().load)
    sealed = keyring.seal(HERE, b"Contoh Satu")
    assert keyring.open(HERE, sealed) == b"Contoh Satu"
    assert b"Contoh" not in sealed


def test_the_same_value_is_never_sealed_alike():
    keyring = Keyring(Chest().load)
    assert keyring.seal(HERE, b"Contoh Satu") != keyring.seal(HERE, b"Contoh Satu")


@pytest.mark.parametrize(
    "elsewhere",
    [
        FACTS.at("S-2"),
        AssociatedData("subject", "other").at("S-1"),
        AssociatedData("other", "facts").at("S-1"),
        FACTS.at("S-1", ""),
        FACTS.at("S", "-1"),
        AssociatedData("subjectfacts", "").at("S-1"),
    ],
)
def test_a_value_does_not_open_in_another_place(elsewhere: bytes):
    keyring = Keyring(Chest().load)
    sealed = keyring.seal(HERE, b"Contoh Satu")
    with pytest.raises(DamagedValueError):
        keyring.open(elsewhere, sealed)


@pytest.mark.parametrize("position", [0, HEADER.size - 1, HEADER.size, BODY, -1])
def test_a_changed_byte_is_noticed_wherever_it_is(position: int):
    keyring = Keyring(Chest(DataKey(3, KeyPurpose.SEALING, b"\3" * 32)).load)
    sealed = bytearray(keyring.seal(HERE, b"Contoh Satu"))
    sealed[position] ^= 1
    with pytest.raises(DamagedValueError):
        keyring.open(HERE, bytes(sealed))


@pytest.mark.parametrize("value", [None, "a text", 7, b"", b"\1", b"\1\0\0\0\1" + bytes(27)])
def test_what_is_no_sealed_value_is_damaged(value: object):
    with pytest.raises(DamagedValueError):
        Keyring(Chest().load).open(HERE, value)


def test_the_newest_key_seals_and_older_ones_still_open():
    chest = Chest()
    keyring = Keyring(chest.load)
    old = keyring.seal(HERE, b"old")
    chest.keys.append(DataKey(3, KeyPurpose.SEALING, b"\3" * 32))
    assert keyring.follow()
    assert not keyring.follow()
    assert HEADER.unpack_from(keyring.seal(HERE, b"new"))[1] == keyring.current_id == 3
    assert keyring.open(HERE, old) == b"old"


def test_a_key_that_another_program_made_is_fetched_when_its_first_value_is_read():
    chest = Chest(DataKey(3, KeyPurpose.SEALING, b"\3" * 32))
    sealed = Keyring(chest.load).seal(HERE, b"new")
    late = chest.keys.pop()
    keyring = Keyring(chest.load)
    with pytest.raises(DamagedValueError):
        keyring.open(HERE, sealed)
    chest.keys.append(late)
    keyring.follow()
    assert keyring.open(HERE, sealed) == b"new"


def test_a_damaged_key_number_does_not_ask_for_the_keys_again_and_again():
    chest = Chest()
    keyring = Keyring(chest.load)
    asked = chest.asked
    sealed = b"\1\0\0\0\x63" + keyring.seal(HERE, b"x")[HEADER.size :]
    for _ in range(5):
        with pytest.raises(DamagedValueError):
            keyring.open(HERE, sealed)
    assert chest.asked == asked + 1


def test_a_digest_is_the_same_for_the_same_and_differs_by_key_and_place():
    keyring = Keyring(Chest().load)
    other = Keyring(
        lambda known: [key for key in (KEYS[0], DataKey(2, KeyPurpose.MATCHING, b"9" * 32)) if key.key_id not in known]
    )
    digests = [
        keyring.digest(HERE, b"Contoh Satu"),
        keyring.digest(FACTS.at("S-2"), b"Contoh Satu"),
        other.digest(HERE, b"Contoh Satu"),
    ]
    assert keyring.digest(HERE, b"Contoh Satu") == digests[0]
    assert len(set(digests)) == 3


def test_keys_are_not_shown():
    assert "\\x01" not in repr(KEYS[0])

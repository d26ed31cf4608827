"""Inputs that are changed by their structure are read to the end, and to each of the steps before it."""

from __future__ import annotations

import re

import pytest

from cekalwatch.server.audit.checkpoints import KeptCheckpoint
from tests.fuzz.der_changes import DerChanges, elements
from tests.fuzz.seeds import CORPUS
from tests.fuzz.time_stamp_targets import CHECKPOINT, NONCE, stamped, verifier

INPUTS = 400
SEEDS = [file.read_bytes() for file in sorted((CORPUS / "time_stamp").iterdir())]
STEPS = ("Malformed", "not GRANTED", "verifying certificates", "Nonce", "between messages", "verified")
"""Of reading a stamp, in their order."""


def test_what_is_read_is_written_as_it_was() -> None:
    for name in ("time_stamp", "certificate", "revocations", "enrolment"):
        for file in sorted((CORPUS / name).iterdir()):
            if (content := file.read_bytes()[1:])[:1] == b"0" and content[1] > 0:
                assert b"".join(one.dump() for one in elements(content)) == content, (name, file.name)


def changed(count: int) -> list[bytes]:
    changes = DerChanges(SEEDS)
    return [changes.changed(b"\0", 4096, number, lambda data, _: data) for number in range(count)]


def how_far(data: bytes) -> str:
    try:
        verifier().moment(KeptCheckpoint(CHECKPOINT, data[1:] if data[0] % 2 == 0 else stamped(data[1:])), NONCE)
    except ValueError as error:
        return str(error)
    return "verified"


def test_changed_stamps_come_to_every_step_of_reading_one() -> None:
    made = changed(INPUTS)
    ends = [how_far(data) for data in made if data]
    assert [step for step in STEPS if not any(re.search(step, end) for end in ends)] == []
    assert changed(20) == made[:20], "the same ones each time"


def test_an_input_that_became_too_long_or_is_no_der_is_left_to_the_fuzzer() -> None:
    changes = DerChanges(SEEDS)
    made = {changes.changed(b"\0abc", 5, number, lambda *_: b"other") for number in range(20)}
    assert b"other" in made
    assert max(map(len, made)) == 5
    with pytest.raises(ValueError, match=r"."):
        elements(b"0\x05abc")

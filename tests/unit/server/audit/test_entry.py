"""An entry's texts and its hash."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

import pytest

from cekalwatch.server.audit.entry import GENESIS, MAX_OBJECTS, MAX_TEXT, link
from tests.support.builders.audit import chain, entry


def test_the_hash_can_be_computed_by_anybody_from_what_the_module_says():
    one = link(entry(objects=("subject:S-1", "order:ä"), details={"b": 2, "a": "x"}), 1, GENESIS)
    texts = [one.at, one.actor, one.action, one.objects, one.outcome, one.details]
    canonical = json.dumps(texts, separators=(",", ":"))
    assert one.hash == hashlib.sha256(("0" * 64 + canonical).encode()).hexdigest()
    assert one.details == '{"a":"x","b":2}'
    assert one.at == "2026-03-01T05:00:01.000000Z"
    assert one.holds


def test_each_entry_holds_the_hash_before_it():
    first, second = chain(2)
    assert (first.previous_hash, second.previous_hash) == (GENESIS, first.hash)


def test_a_value_of_another_type_does_not_hold_and_does_not_raise():
    one = chain(1)[0]
    assert not one._replace(actor=b"client:127.0.0.1").holds  # type: ignore[arg-type]
    assert not one._replace(previous_hash=None).holds  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "facts",
    [
        {"at": datetime(2026, 3, 1)},  # noqa: DTZ001  # naive on purpose
        {"objects": tuple(map(str, range(MAX_OBJECTS + 1)))},
        {"objects": ("x" * (MAX_TEXT + 1),)},
        {"outcome": "x" * (MAX_TEXT + 1)},
        {"details": {"Full Name": 1}},
        {"details": {"text": "x" * (MAX_TEXT + 1)}},
    ],
)
def test_an_entry_out_of_its_bounds_is_refused(facts: dict[str, Any]):
    with pytest.raises(ValueError, match=r"audit entry|time zone"):
        entry(**facts)

"""The wire stays as it was released: every released message is read with all its fields, and written as it was."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from google.protobuf import text_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import cekalwatch.v1
from deploy.release.history import release_commit
from deploy.release.wheel import ReleaseError
from tests.support.repository import ROOT
from tests.support.tools.golden_messages import RELEASE, Golden, of_commit, stored, to_hexadecimal, to_words

GOLDEN = stored()


def messages_of_today() -> Iterator[type[Message]]:
    """Yield the message classes of the contract; none is nested in another."""
    for module in pkgutil.iter_modules(cekalwatch.v1.__path__):
        if module.name.endswith("_pb2"):
            contract = importlib.import_module(f"cekalwatch.v1.{module.name}").DESCRIPTOR
            yield from map(GetMessageClass, contract.message_types_by_name.values())


TODAY = {message.DESCRIPTOR.full_name: message for message in messages_of_today()}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name.removeprefix("cekalwatch.v1."))
def test_a_released_message_is_read_with_every_field_known_and_written_as_it_was(golden: Golden) -> None:
    message = TODAY[golden.name]
    read = message.FromString(bytes.fromhex(golden.hexadecimal))
    assert to_words(read) == golden.words
    assert to_hexadecimal(read) == golden.hexadecimal
    assert to_hexadecimal(text_format.Parse(golden.words, message())) == golden.hexadecimal


def test_a_field_that_the_contract_does_not_know_is_seen() -> None:
    """An empty message has no field, so that all that it is given is unknown."""
    read = TODAY["cekalwatch.v1.ListDevicesRequest"].FromString(bytes.fromhex(GOLDEN[0].hexadecimal))
    assert to_words(read) not in {"", GOLDEN[0].words}


def test_the_golden_messages_are_those_of_the_release() -> None:
    """Whoever edits them is found by the history."""
    try:
        commit = release_commit(ROOT, RELEASE)
    except ReleaseError as error:
        pytest.skip(str(error))
    assert of_commit(commit) == GOLDEN

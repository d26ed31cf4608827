"""What fuzzing has found worth keeping, once more: each input comes to what is allowed, and quickly."""

from __future__ import annotations

import time

import pytest

from tests.fuzz.seeds import CORPUS
from tests.fuzz.targets import TARGETS

SLOW_S = 5.0


@pytest.mark.parametrize("target", TARGETS)
def test_every_input_of_the_corpus_comes_to_what_is_allowed(target: str) -> None:
    inputs = sorted((CORPUS / target).iterdir())
    assert len(inputs) >= 4
    for file in inputs:
        begun = time.monotonic()
        TARGETS[target](file.read_bytes())
        assert time.monotonic() - begun < SLOW_S, file.name

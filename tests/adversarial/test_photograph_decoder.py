"""A decoder of photographs that is taken over or starved: its photograph is refused, and the next one is decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cekalwatch.program.confined.pool import ConfinedPool
from cekalwatch.server.concurrency.byte_budget import ByteBudget
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition import photographs
from cekalwatch.server.recognition.photographs import (
    DECODE_BYTES,
    DECODER_LIMITS,
    PhotographDecoder,
    decode_photograph,
    decoding_memory,
)
from tests.support.builders.face_records import new_chip, old_chip, old_record
from tests.support.builders.portraits import encoded

EVAL = "builtins:eval"
PHOTOGRAPH = encoded(np.full((120, 100, 3), (10, 120, 200), dtype=np.uint8))


@pytest.fixture
def decoder() -> Iterator[PhotographDecoder]:
    with closing(PhotographDecoder(1)) as opened:
        yield opened


def saved(shown: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    shown.save(out, kind)
    return out.getvalue()


def refusal(decoder: PhotographDecoder, data: bytes) -> Code:
    with pytest.raises(CekalwatchError) as refused:
        decoder.decode(data)
    assert decoding_memory.free == decoding_memory.total
    return refused.value.code


def test_a_photograph_is_the_same_from_a_confined_process(decoder: PhotographDecoder) -> None:
    assert (decoder.decode(PHOTOGRAPH) == decode_photograph(PHOTOGRAPH)).all()
    assert refusal(decoder, b"hello") is Code.PHOTO_UNREADABLE
    assert refusal(decoder, b"\0\0\0\x18ftypheic") is Code.PHOTO_HEIC
    assert refusal(decoder, b"GIF89a") is Code.PHOTO_GIF
    assert refusal(decoder, b"1.001:00145") is Code.PHOTO_NIST_PACKAGE
    assert (decoder.decode(PHOTOGRAPH) == decode_photograph(PHOTOGRAPH)).all()


def test_the_portrait_of_a_chip_is_decoded_in_a_confined_process(decoder: PhotographDecoder) -> None:
    shown = Image.linear_gradient("L").convert("RGB")
    portrait = np.asarray(shown)[:, :, ::-1]
    assert (decoder.decode(old_chip(old_record(shown))) == portrait).all()
    assert (decoder.decode(new_chip(saved(shown, "JPEG2000"))) == portrait).all()
    assert refusal(decoder, old_chip(b"FAC")) is Code.PHOTO_UNREADABLE


@pytest.mark.slow
def test_a_photograph_that_takes_too_much_memory_is_refused_and_the_next_one_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An enormous picture, and a decoder without the memory for it."""
    monkeypatch.setattr(photographs, "DECODER_LIMITS", replace(DECODER_LIMITS, memory_bytes=550_000_000))
    with closing(PhotographDecoder(1)) as poor:
        assert refusal(poor, encoded(np.zeros((6_000, 6_000, 3), dtype=np.uint8), ".png")) is Code.PHOTO_TOO_LARGE
        assert (poor.decode(PHOTOGRAPH) == decode_photograph(PHOTOGRAPH)).all()


def test_a_photograph_waits_for_the_memory_that_others_have(
    decoder: PhotographDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photographs, "decoding_memory", ByteBudget(DECODE_BYTES, wait_s=0.1))
    with photographs.decoding_memory.taken(DECODE_BYTES):
        assert refusal(decoder, PHOTOGRAPH) is Code.SERVER_BUSY
    assert (decoder.decode(PHOTOGRAPH) == decode_photograph(PHOTOGRAPH)).all()


FORGED = {
    "no memory": "(a for a in [b'', b''])",
    "more memory than there is": "(a for a in [(10**9).to_bytes(8, 'big'), b''])",
    "nothing": "(a for a in [])",
    "no picture": "(a for a in [(9).to_bytes(8, 'big')])",
    "a picture without its pixels": "(a for a in [(9).to_bytes(8, 'big'), b'\\0\\0\\0\\x07\\0\\0\\0\\x07'])",
    "a picture of no pixels": "(a for a in [(9).to_bytes(8, 'big'), bytes(8)])",
    "a picture that is too long": "(a for a in [bytes(8), (5000).to_bytes(4, 'big') * 2 + bytes(75_000_000)])",
}


@pytest.mark.parametrize("answers", FORGED.values(), ids=FORGED)
def test_a_decoder_that_was_taken_over_can_only_lose_its_photograph(
    monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    """It answers what the photograph says, which is code."""
    monkeypatch.setattr(photographs, "ConfinedPool", lambda _, *limits, **more: ConfinedPool(EVAL, *limits, **more))
    with closing(PhotographDecoder(1)) as taken_over:
        assert refusal(taken_over, answers.encode()) is Code.PHOTO_UNREADABLE


def test_when_no_process_can_be_started_no_photograph_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "DECODER_LIMITS", replace(DECODER_LIMITS, memory_bytes=30_000_000))
    with closing(PhotographDecoder(1)) as starved:
        assert refusal(starved, PHOTOGRAPH) is Code.SERVER_BUSY

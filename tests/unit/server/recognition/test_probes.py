from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Event

import numpy as np

from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crop_decoder import CropDecoder
from cekalwatch.server.recognition.engines.recogniser import AlignedFaces, Templates, normalised
from cekalwatch.server.recognition.probes import CaptureEmbedder
from cekalwatch.vision.faces import Picture
from tests.support.builders.alerts import capture
from tests.support.scenarios.server import jpeg

LANDMARKS = ((40.0, 50.0), (80.0, 50.0), (60.0, 70.0), (45.0, 90.0), (75.0, 90.0))


class BlackGivesNothing:
    """A recogniser whose features of a black face are all zero, as a broken network's may be."""

    model_version = "test-1"
    size = 2

    def embed(self, faces: AlignedFaces) -> Templates:
        brightness = faces.reshape(len(faces), -1).mean(axis=1)
        return normalised(np.stack([brightness, brightness], axis=1).astype(np.float32))


class Slow(BlackGivesNothing):
    """A recogniser that computes until it is let."""

    def __init__(self) -> None:
        self.begun, self.let = Event(), Event()
        self.computing = self.most = 0

    def embed(self, faces: AlignedFaces) -> Templates:
        self.computing += 1
        self.most = max(self.most, self.computing)
        self.begun.set()
        self.let.wait(30)
        self.computing -= 1
        return super().embed(faces)


class NotedCrops(CropDecoder):
    """Tells when this capture is decoded."""

    def __init__(self, awaited: Capture) -> None:
        super().__init__(2)
        self.awaited, self.decoded = awaited, Event()

    def faces(self, captures: Sequence[Capture]) -> Sequence[Picture | CekalwatchError]:
        found = super().faces(captures)
        if self.awaited in captures:
            self.decoded.set()
        return found


def crop(brightness: int) -> Capture:
    return replace(capture(jpeg=jpeg(np.full((120, 120, 3), brightness, np.uint8))), landmarks=LANDMARKS)


def test_a_crop_without_a_template_does_not_cost_its_batch_theirs():
    with closing(CropDecoder(1)) as crops:
        results = CaptureEmbedder(BlackGivesNothing, crops, 1).embed([crop(200), crop(0), crop(100)])
    refused = results[1]
    assert isinstance(refused, CekalwatchError)
    assert refused.code is Code.CROP_WITHOUT_TEMPLATE
    assert [getattr(results[number], "model_version", "") for number in (0, 2)] == ["test-1", "test-1"]


def test_the_next_crops_are_decoded_while_as_many_as_may_compute():
    first, second, recogniser = crop(200), crop(100), Slow()
    with closing(NotedCrops(second)) as crops, ThreadPoolExecutor(2) as threads:
        embedder = CaptureEmbedder(lambda: recogniser, crops, 1)
        try:
            results = [threads.submit(embedder.embed, [first])]
            assert recogniser.begun.wait(30)
            results.append(threads.submit(embedder.embed, [second]))
            assert crops.decoded.wait(30)
        finally:
            recogniser.let.set()
        assert [len(one.result()) for one in results] == [1, 1]
    assert recogniser.most == 1

from contextlib import closing
from dataclasses import replace

import numpy as np

from cekalwatch.server.domain.captures import Capture
from cekalwatch.server.domain.errors import CekalwatchError, Code
from cekalwatch.server.recognition.crop_decoder import CropDecoder
from cekalwatch.server.recognition.engines.recogniser import AlignedFaces, Templates, normalised
from cekalwatch.server.recognition.probes import CaptureEmbedder
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


def crop(brightness: int) -> Capture:
    return replace(capture(jpeg=jpeg(np.full((120, 120, 3), brightness, np.uint8))), landmarks=LANDMARKS)


def test_a_crop_without_a_template_does_not_cost_its_batch_theirs():
    with closing(CropDecoder(1)) as crops:
        results = CaptureEmbedder(BlackGivesNothing, crops, 1).embed([crop(200), crop(0), crop(100)])
    refused = results[1]
    assert isinstance(refused, CekalwatchError)
    assert refused.code is Code.CROP_WITHOUT_TEMPLATE
    assert [getattr(results[number], "model_version", "") for number in (0, 2)] == ["test-1", "test-1"]

"""What enrolment makes of photographs that lie on their side or stand on their head without saying so.

    python -m benchmarks recognition.turned_pictures

500 photographs of LFW as they are, and turned by one, two and three quarters. A template is right if it is nearly that
of the photograph as it is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from rich.progress import track

from benchmarks.recognition.faces import PACK, collection
from cekalwatch.contract.values.watchlist import EnrolmentWarning
from cekalwatch.server.foundation.errors import CekalwatchError
from cekalwatch.server.recognition.enrolment import Enroller, Enrolment, find_faces
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.vision.faces import Picture
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.portraits import encoded

PHOTOGRAPHS: Final = 500
SAME: Final = 0.9
"""The least comparison score of two templates of one photograph, which was encoded twice."""


def measure() -> dict[str, float]:
    """Return the figures `enrolment.…turned…`; raises FileNotFoundError where the data set is not there."""
    engine = open_engine(load_pack(PACK), threads=1)
    enroller = Enroller(engine.detector, engine.recogniser)
    photographs = collection("lfw").photographs
    asked_again = 0
    right: dict[int, list[bool]] = {quarters: [] for quarters in range(4)}
    for photograph in track(photographs[:: len(photographs) // PHOTOGRAPHS][:PHOTOGRAPHS], description="turning"):
        picture = decode_photograph(photograph.path.read_bytes())
        plain = _enrolled(enroller, picture)
        if plain is None:
            continue
        found = find_faces(engine.detector, picture)[1]
        asked_again += max(face.score for face in found) < engine.detector.upright_score
        for quarters, told in right.items():
            turned = _enrolled(enroller, np.ascontiguousarray(np.rot90(picture, quarters)))
            told.append(
                turned is not None
                and float(turned.template @ plain.template) > SAME
                and (EnrolmentWarning.PICTURE_TURNED in turned.warnings) == bool(quarters)
            )
    taken = len(right[0])
    figures = {"turned_photographs": taken, "upright_asked_again": asked_again / taken}
    figures |= {f"right_turned_{90 * quarters}": float(np.mean(told)) for quarters, told in right.items()}
    return {f"enrolment.{name}": round(value, 3) for name, value in figures.items()}


def _enrolled(enroller: Enroller, picture: Picture) -> Enrolment | None:
    try:
        return enroller.enrol(encoded(picture, ".png"))
    except CekalwatchError:
        return None


if __name__ == "__main__":
    print(measure())

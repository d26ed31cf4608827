"""A look-alike: a face made of a listed person's photograph and somebody else's, just alike enough to alert.

Two real people of the demonstration are never so alike, and a search alerts on one innocent passage in ten thousand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.vision.alignment import align
from deploy.demo.people import Person, Photo, Role

WANTED_SCORE: Final = 0.65
"""Comparison score with the listed photograph. The threshold for a list of a few people is 0.47, a passage scores up to
0.1 less than its photograph, and two passages that score 0.75 or more count as those of one person."""
STEPS: Final = 8


def look_alike(listed: Person, other: Person, recogniser: Recogniser) -> Person:
    """Return somebody who is not listed, and resembles the photograph of `listed` by WANTED_SCORE.

    Raises ProgramError when `other` is no stranger to `listed`.
    """
    wanted = _template(listed.list_photo, recogniser)
    low, high = 0.0, 1.0
    if float(_template(_blend(listed, other, low), recogniser) @ wanted) >= WANTED_SCORE:
        raise ProgramError(f"{other.name} and {listed.name} look the same; no look-alike can be made", Exit.CONFIG)
    for _ in range(STEPS):
        middle = (low + high) / 2
        score = float(_template(_blend(listed, other, middle), recogniser) @ wanted)
        low, high = (middle, high) if score < WANTED_SCORE else (low, middle)
    photo = _blend(listed, other, high)
    return replace(
        other,
        subject_id=f"X-{listed.subject_id}",
        name=f"Somebody like {listed.name}",
        role=Role.UNLISTED,
        list_photo=photo,
        passage_photos=(photo,),
        resembles=listed.subject_id,
    )


def _blend(listed: Person, other: Person, share: float) -> Photo:
    """Return the listed photograph by `share`, and the other person, laid over it, for the rest."""
    base, over = listed.list_photo, other.passage_photos[0]
    height, width = base.picture.shape[:2]
    matrix, _ = cv2.estimateAffinePartial2D(over.landmarks, base.landmarks, method=cv2.LMEDS)
    laid = cv2.warpAffine(over.picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    picture = base.picture * share + laid.astype(np.float32) * (1 - share)
    return Photo(np.clip(picture, 0, 255).astype(np.uint8), base.landmarks)


def _template(photo: Photo, recogniser: Recogniser) -> np.ndarray:
    return np.asarray(recogniser.embed(align(photo.picture, photo.landmarks)[np.newaxis])[0], np.float32)

"""Words for how far a comparison score lies above its threshold. They order alerts, and say nothing about a chance."""

from __future__ import annotations

from cekalwatch.notifier.locale.phrases import Phrase

CLEARLY_ABOVE = 0.05
FAR_ABOVE = 0.15
"""Comparison score above the threshold from which the band's next word is used. Bands order alerts by how much they
stand out; they say nothing about the chance that it is the same person."""

SCORE_LEVELS = (Phrase.BAND_JUST, Phrase.BAND_CLEARLY, Phrase.BAND_FAR)


def score_level(score: float, threshold: float) -> Phrase:
    """Return the word for how far a comparison score lies above its threshold."""
    above = score - threshold
    if above >= FAR_ABOVE:
        return Phrase.BAND_FAR
    return Phrase.BAND_CLEARLY if above >= CLEARLY_ABOVE else Phrase.BAND_JUST

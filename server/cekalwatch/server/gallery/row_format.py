"""Formats of a gallery's rows. Separate from FAISS, so that reading the settings does not load it."""

from __future__ import annotations

from enum import StrEnum


class GalleryStorage(StrEnum):
    """Format of the numbers of a row."""

    FP16 = "fp16"
    """Half the memory and half the time; scores differ by less than 0.001."""
    FLOAT32 = "float32"

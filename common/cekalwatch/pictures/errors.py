"""Why a picture file is not decoded."""

from __future__ import annotations

from enum import StrEnum


class PictureFault(StrEnum):
    """What is wrong with the file."""

    OTHER_FORMAT = "OTHER_FORMAT"
    """It is none of the formats that are read, or a kind of one that is not; three of them are named."""
    HEIC = "HEIC"
    GIF = "GIF"
    NIST_PACKAGE = "NIST_PACKAGE"
    DAMAGED = "DAMAGED"
    """Its structure is broken, or it ends early."""
    TOO_LARGE = "TOO_LARGE"
    """It has more bytes or pixels than were asked for."""
    TOO_COSTLY = "TOO_COSTLY"
    """It has more scans or parts than a picture of use, and reading them would take its time."""


class PictureError(Exception):
    """The file must not be decoded; the text says why, and nothing about the picture's content."""

    def __init__(self, fault: PictureFault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault

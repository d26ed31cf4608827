"""Settings of a camera that can be turned: how it is reached, at which preset a camera key watches, and its tour."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
Hours = Annotated[str, Field(pattern=rf"^{_CLOCK}-({_CLOCK}|24:00)$")]
"""A part of the day, HH:MM-HH:MM; one that ends before it begins goes over midnight."""
MIN_STAY_S: Final = 15.0
"""Shorter than this a view is not judged, and nobody is seen well."""

OF_THE_DEVICE: Final = (
    *("user", "password_file", "fingerprint", "authority"),
    "trust_preset_without_feedback",
)
"""Settings that all keys of one camera share."""


def _digits(fingerprint: str) -> str:
    return fingerprint.replace(":", "").lower()


class Turnable(BaseModel):
    """A camera that can be turned, through ONVIF, and the preset at which this camera key watches."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    address: Annotated[str, Field(pattern=r"^https?://[^/@\s]+$")]
    """https://HOST or https://HOST:PORT, without a password; http:// for a camera that offers nothing else: who is on
    the network between can then say where it looks."""
    fingerprint: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}:?){32}$"), AfterValidator(_digits)] | None = None
    """SHA-256 of the camera's own certificate, 64 hexadecimal digits; for https, and certificates that no authority
    has signed."""
    authority: Path | None = None
    """PEM file of the authority that signs the office's cameras, for https; when neither this nor `fingerprint` is set,
    those that this machine knows."""
    user: Annotated[str, Field(min_length=1)]
    """The ONVIF user."""
    password_file: Path | None = None
    """File that holds the ONVIF user's password and nothing else; when not set, `ptz_password` counts."""
    preset: Annotated[str, Field(min_length=1)]
    """Name or token of the preset in the camera."""
    trust_preset_without_feedback: bool = False
    """For a camera that answers but does not tell its position: send under the key of the preset to which this program
    sent it last, from `turn_seconds` later on. If somebody turns it in another way, captures go under a wrong key."""
    settle_seconds: Annotated[float, Field(ge=0, le=30)] = 1.5
    """Seconds after the camera came to rest at the preset before anything is sent: its pictures come late."""
    turn_seconds: Annotated[float, Field(ge=1, le=120)] = 20.0
    """Seconds that a turn takes at most. When it takes longer, the camera is reported, and the tour goes on."""
    stay_seconds: Annotated[float, Field(ge=MIN_STAY_S, le=86_400)] | None = None
    """Makes this preset part of the camera's tour: seconds for which it stays here. The tour has the camera's presets
    in the order of their keys in this file. When not set, the camera comes here only when a person turns it."""
    hours: tuple[Hours, ...] = ()
    """When the counter below this preset is open, as "05:30-11:00", by the host's clock and `time_zone`: the tour
    leaves it out at other times. Empty: always."""
    wait_seconds: Annotated[float, Field(ge=0, le=600)] = 20.0
    """Seconds for which the tour waits at most for passages under way before it leaves this preset."""

    @model_validator(mode="after")
    def _hours_have_a_length(self) -> Self:
        for hours in self.hours:
            begin, end = _times(hours)
            if begin == end:
                raise ValueError(f"{hours} begins when it ends; leave `hours` out for the whole day")
        if self.hours and self.stay_seconds is None:
            raise ValueError("`hours` is for a tour: set `stay_seconds` too")
        return self

    @property
    def mount(self) -> str:
        """HOST:PORT, which is the same for all keys of one camera."""
        address = urlsplit(self.address)
        return f"{address.hostname}:{address.port or (443 if address.scheme == 'https' else 80)}"

    def open_at(self, at: time) -> bool:
        """Whether the counter below this preset is open at this time of day."""
        return not self.hours or any(_holds(*_times(hours), at) for hours in self.hours)


def _times(hours: str) -> tuple[time, time]:
    begin, end = hours.replace("24:00", "00:00").split("-")
    return time.fromisoformat(begin), time.fromisoformat(end)


def _holds(begin: time, end: time, at: time) -> bool:
    return begin <= at < end if begin < end else at >= begin or at < end

"""What the simulated application can do wrongly, and when."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SimulatedFault(StrEnum):
    """One thing that is wrong."""

    OUTAGE = "outage"
    """Nothing answers: each connection is closed without a word."""
    UNAVAILABLE = "unavailable"
    """Every answer is 503."""
    ERROR = "error"
    """Every answer is 500."""
    RESET = "reset"
    """Connections are reset in the middle of an answer."""
    HALF_PAGE = "half-page"
    """Only the first half of a page comes, then the connection is closed."""
    HALF_JSON = "half-json"
    """A page ends in the middle, and its length says that this is all."""
    NO_JSON = "no-json"
    """A page in HTML, as a proxy would answer."""
    WRONG_TYPES = "wrong-types"
    """The first order of a page has numbers and objects where texts belong."""
    NO_OBJECT = "no-object"
    """The first order of a page is no object."""
    DUPLICATE_KEYS = "duplicate-keys"
    """The first order of a page comes twice, with another reason the second time."""
    DUPLICATE_NAMES = "duplicate-names"
    """The first order of a page states its kind twice."""
    WINDOWS_1252 = "windows-1252"
    """The name in the first order of a page is not UTF-8."""
    REPLACED_LETTERS = "replaced-letters"
    """The name in the first order of a page has lost letters on its way."""
    UTF_16 = "utf-16"
    """A page in UTF-16."""
    HUGE_PHOTOGRAPH = "huge-photograph"
    """Each photograph has 40 MB."""
    HUGE_PHOTOGRAPH_UNTOLD = "huge-photograph-untold"
    """Each photograph has 40 MB, and its length is not told."""
    HALF_PHOTOGRAPH = "half-photograph"
    """Only the first half of each photograph comes."""
    LOST_PHOTOGRAPH = "lost-photograph"
    """There are no photographs where they should be."""
    ELSEWHERE = "elsewhere"
    """Every answer sends the client to another host."""
    EXPIRED_CURSOR = "expired-cursor"
    """No cursor is known any more."""
    EXPIRED_CERTIFICATE = "expired-certificate"
    """The server's certificate has run out; with TLS only."""


class ActiveFault(BaseModel):
    """What is wrong at the moment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    faults: frozenset[SimulatedFault] = frozenset()
    delay_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """How long each answer waits."""
    times: Annotated[int, Field(ge=1)] | None = None
    """After how many answers all is well again; None: never by itself."""


class ActiveFaults:
    """The faults in force; any thread may change them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fault = ActiveFault()

    def set(self, faults: Iterable[SimulatedFault] = (), *, delay_s: float = 0.0, times: int | None = None) -> None:
        """Set what is wrong from now on; earlier faults end."""
        with self._lock:
            self._fault = ActiveFault(faults=frozenset(faults), delay_s=delay_s, times=times)

    @property
    def now(self) -> ActiveFault:
        """What is wrong now; this does not count as an answer."""
        with self._lock:
            return self._fault

    def next(self) -> ActiveFault:
        """Return what is wrong with the next answer."""
        with self._lock:
            fault = self._fault
            if fault.times is not None:
                left = fault.times - 1
                self._fault = fault.model_copy(update={"times": left}) if left else ActiveFault()
            return fault

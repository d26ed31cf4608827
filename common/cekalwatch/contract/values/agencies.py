"""Agencies that ask for bans, as people see and keep them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MaxLen

MAX_AGENCIES = 300
MAX_AGENCY_CODE = 32
MAX_AGENCY_NAME = 200
"""As long as the name of an agency in an order."""
MAX_OTHER_NAMES = 30
MAX_AGENCY_MARK = 16
MAX_AGENCIES_BYTES = 64_000
"""Codes and names of all agencies together, in UTF-8."""


@dataclass(frozen=True)
class NamedAgency:
    """The names of an agency."""

    code: Annotated[str, MaxLen(MAX_AGENCY_CODE)]
    """Capitals, digits and hyphens."""
    name: Annotated[str, MaxLen(MAX_AGENCY_NAME)]
    other_names: Annotated[tuple[Annotated[str, MaxLen(MAX_AGENCY_NAME)], ...], MaxLen(MAX_OTHER_NAMES)] = ()
    """Names and spellings that stand for it in lists."""


@dataclass(frozen=True)
class ListedAgency(NamedAgency):
    """An agency of the list by which orders are compared."""

    shipped: bool = False
    """Whether it is in the list as this version ships it, unchanged."""
    mark: Annotated[str, MaxLen(MAX_AGENCY_MARK)] = ""
    """Stands for its names: another one as soon as somebody has changed them."""


@dataclass(frozen=True)
class AgencyList:
    """The agencies by which orders are compared."""

    agencies: Annotated[tuple[ListedAgency, ...], MaxLen(MAX_AGENCIES)] = ()
    """By code."""


@dataclass(frozen=True)
class KeptAgencies:
    """The agencies of a server, and whether a centre keeps them."""

    list: AgencyList
    of_centre: bool


@dataclass(frozen=True)
class AgencyChange:
    """An agency to add, or to put in the place of the one with its code."""

    agency: ListedAgency
    seen_mark: str
    """The mark of the agency that it replaces, as it was seen; empty: no agency had its code."""

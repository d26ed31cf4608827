"""A row of the law: what it says about orders of one kind that are decided on or after a day."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Annotated, Final

from annotated_types import Interval, MaxLen

from cekalwatch.contract.values.keys import Key
from cekalwatch.contract.values.orders import OrderKind, OrderStatus

MAX_ARTICLE = 200
MAX_COUNSEL = 100
MAX_FIGURE = 1200
"""A hundred years in months, and more than any term in days."""
Article = Annotated[str, MaxLen(MAX_ARTICLE)]
Figure = Annotated[int, Interval(ge=0, le=MAX_FIGURE)]

ART_9_FACTS: Final = ("sex", "nationality", "birth", "photograph", "reason")
"""What art. 9 of Permenimipas 13/2025 wants an urgent order to name."""


@dataclass(frozen=True, kw_only=True)
class LawRow:
    """What the law says about orders of one kind that are decided on or after a day. Raises ValueError."""

    kind: OrderKind
    holds_from: date
    """First day of decision to which it applies."""
    article: Article
    """Law and article of the terms."""
    term_months: Figure
    """Longest term of an order, in calendar months."""
    extension_months: Figure
    """Longest term of an extension, in calendar months."""
    extensions: Figure | None = None
    """How often an order can be extended; None: any number of times."""
    life_needs_ground: bool = False
    """Whether an order without end is allowed, where its ground is the safety of the public."""
    notice_days: Figure | None = None
    """Days before the end of an order by which its extension is decided and received; None: any day."""
    notice_article: Article = ""
    urgent_days: Figure | None = None
    """Days after its first receipt within which an urgent order needs a written decision; None: no limit."""
    urgent_article: Article = ""
    urgent_facts: Annotated[tuple[str, ...], MaxLen(len(ART_9_FACTS))] = ()
    """What an urgent order names, of ART_9_FACTS."""
    total_months: Figure | None = None
    """Months for which orders of one agency may follow one another before a person looks; None: any number."""
    lead_days: Figure = 184
    """Days before its first day by which an order can be decided or received: what lies further apart is mistyped."""
    urgent_lead_days: Figure = 7
    """The same of the receipt of an urgent order."""
    decision_days: Figure = 30
    """Days after its first day by which an order that is not urgent can be decided."""
    receipt_days: Figure = 1095
    """Days after its decree by which an order can be received."""
    suspects_only: bool = False
    """Whether an order for an investigation is about a suspect or a defendant, not about a witness."""
    suspects_article: Article = ""
    unconfirmed: Annotated[frozenset[str], MaxLen(20)] = frozenset()
    """Names of the figures that were read in secondary sources only, marked (c)."""
    confirmed_by: Annotated[str, MaxLen(MAX_COUNSEL)] = ""
    """Counsel who confirmed the unconfirmed figures; empty: nobody."""

    def __post_init__(self) -> None:
        if not self.article:
            raise ValueError("a row of the law names its article")
        if min(self.term_months, self.extension_months) < 1:
            raise ValueError("a term is at least one month")
        if any(one is not None and one < 0 for one in (self.extensions, self.notice_days, self.urgent_days)):
            raise ValueError("a figure of the law is not negative")
        if not self.unconfirmed <= {one.name for one in fields(self)}:
            raise ValueError("an unconfirmed figure is one of the row")
        if not set(self.urgent_facts) <= set(ART_9_FACTS):
            raise ValueError("an urgent order names a fact of art. 9")

    def binds(self, figure: str) -> bool:
        """Whether orders beyond the figure of that name end or are void, and are not flagged only."""
        return bool(self.confirmed_by) or figure not in self.unconfirmed

    def confirmed(self, by: str) -> LawRow:
        """Return the row as counsel named `by` has confirmed it."""
        return replace(self, confirmed_by=by)


@dataclass(frozen=True)
class KeptLaw:
    """The law of a server, and whether a centre keeps it."""

    rows: tuple[LawRow, ...]
    """By kind and day."""
    of_centre: bool


@dataclass(frozen=True)
class LawChange:
    """What another row of the law does to an order, by the clock of the first site."""

    order_id: Key
    subject_id: Key
    before: OrderStatus | None
    """Its status from `at` on by the present law."""
    after: OrderStatus | None
    """The same by the law with the new row."""
    at: datetime | None
    """Since when, or from when on, the two differ; None: its status never does, but its flags or reasons."""
    last_day_before: str
    """The last day on which it can be in force, ISO 8601."""
    last_day_after: str
    remarks: Annotated[tuple[str, ...], MaxLen(20)] = ()
    """Members of OrderRule and OrderFlag that the row brings or takes away."""


MAX_CHANGES = 500


@dataclass(frozen=True)
class LawPreview:
    """Which orders change when a row is added."""

    orders: int
    """Number of orders that were looked at."""
    changed: int
    """How many of them change."""
    begin: int
    """How many are in force by the new row now, and not by the present law."""
    end: int
    """How many are in force by the present law now, and not by the new row."""
    changes: Annotated[tuple[LawChange, ...], MaxLen(MAX_CHANGES)] = ()
    """The first of them: what changes earliest."""

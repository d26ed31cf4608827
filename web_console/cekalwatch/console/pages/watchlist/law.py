"""*List*, law: the table by which orders are judged, what another row would do, and adding it by two people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any, Final

import grpc
from starlette.responses import Response

from cekalwatch.console.locale.law_words import rules_anywhere, rules_of
from cekalwatch.console.pages.signing_in.provider import with_second_person
from cekalwatch.console.request_context import RequestContext
from cekalwatch.contract.calls import watchlist
from cekalwatch.contract.values.law import ART_9_FACTS, MAX_ARTICLE, MAX_COUNSEL, MAX_FIGURE, LawRow
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.office.client.refusals import explain

NEEDED: Final = ("term_months", "extension_months")
OPEN: Final = ("extensions", "notice_days", "urgent_days", "total_months")
"""Figures that may be left out: without a limit."""
ARTICLES: Final = ("article", "notice_article", "urgent_article", "suspects_article")
DISTANCES: Final = ("lead_days", "urgent_lead_days", "decision_days", "receipt_days")
"""Limits of dates that can be true; where they are left out, those of this version."""
SWITCHES: Final = ("life_needs_ground", "suspects_only")
FIGURES: Final = (*NEEDED, *OPEN, *DISTANCES, *SWITCHES)


def show(visit: RequestContext) -> Response:
    """Show the law in words, with a place for counsel's signature."""
    found = visit.ask(watchlist.GET_LAW())
    return visit.page(
        "law.html",
        parts=[(row, rules_of(row, visit.texts)) for row in found.rows],
        anywhere=rules_anywhere(visit.texts),
        of_centre=found.of_centre,
        done=bool(visit.query("done")),
    )


def show_row(visit: RequestContext, problem: str = "") -> Response:
    """Show the figures of a row in a form, or those that were entered."""
    if problem:
        return _form(visit, visit.form, problem)
    found = _row_at(visit)
    if found is None:
        return visit.problem(visit.texts.say("PAGE_MISSING"), HTTPStatus.NOT_FOUND)
    return _form(visit, _fields_of(found))


def preview(visit: RequestContext, problem: str = "") -> Response:
    """Show which orders change, and let two people put the row into force."""
    try:
        row = _entered(visit)
        found = visit.ask(watchlist.PREVIEW_LAW_ROW(row))
    except ValueError as error:
        return show_row(visit, visit.texts.say("LAW_ROW_WRONG", reason=error))
    except grpc.RpcError as error:
        return show_row(visit, explain(error, visit.texts))
    return visit.page(
        "law_preview.html",
        row=row,
        rules=rules_of(row, visit.texts),
        found=found,
        problem=problem,
        form={name: value for name, value in visit.form.items() if name in _NAMES},
        second_name=visit.form.get("second_name", ""),
    )


def add(visit: RequestContext) -> Response:
    """Put the row into force, as two people."""
    try:
        wanted = watchlist.ADD_LAW_ROW(_entered(visit))
    except ValueError as error:
        return show_row(visit, visit.texts.say("LAW_ROW_WRONG", reason=error))

    def added(word: str) -> Response:
        visit.ask(wanted, word)
        return visit.to("/list/law?done=1")

    return with_second_person(visit, wanted, added, lambda problem: preview(visit, problem))


def _row_at(visit: RequestContext) -> LawRow | None:
    wanted = (visit.part("kind"), visit.part("day"))
    rows = visit.ask(watchlist.GET_LAW()).rows
    return next((row for row in rows if (row.kind.value, row.holds_from.isoformat()) == wanted), None)


def _form(visit: RequestContext, fields: Mapping[str, str], problem: str = "") -> Response:
    return visit.page(
        "law_row.html",
        form=fields,
        problem=problem,
        needed=(*NEEDED, *DISTANCES),
        open_figures=OPEN,
        switches=SWITCHES,
        articles=ARTICLES,
        facts=ART_9_FACTS,
        max_figure=MAX_FIGURE,
        max_article=MAX_ARTICLE,
        max_counsel=MAX_COUNSEL,
    )


_NAMES: Final = frozenset(
    {
        *("kind", "holds_from", "confirmed_by"),
        *NEEDED,
        *OPEN,
        *DISTANCES,
        *ARTICLES,
        *SWITCHES,
        *(f"fact_{fact}" for fact in ART_9_FACTS),
        *(f"open_{figure}" for figure in FIGURES),
    }
)
"""The fields of the form; `open_…`: the figure is not confirmed."""


def _fields_of(row: LawRow) -> dict[str, str]:
    plain: dict[str, str] = {"kind": row.kind, "holds_from": row.holds_from.isoformat()}
    plain |= {name: getattr(row, name) for name in (*ARTICLES, "confirmed_by")}
    plain |= {name: str(value) for name in (*NEEDED, *OPEN, *DISTANCES) if (value := getattr(row, name)) is not None}
    plain |= {name: "1" for name in SWITCHES if getattr(row, name)}
    plain |= {f"fact_{fact}": "1" for fact in row.urgent_facts}
    return plain | {f"open_{figure}": "1" for figure in row.unconfirmed}


def _entered(visit: RequestContext) -> LawRow:
    """Return the row of the form; raises ValueError for one that cannot be."""
    form = visit.form
    figures: dict[str, Any] = {name: form.get(name, "").strip() for name in (*ARTICLES, "confirmed_by")}
    figures |= {name: int(form.get(name, "")) for name in NEEDED}
    figures |= {name: int(form[name]) if form.get(name, "").strip() else None for name in OPEN}
    figures |= {name: int(form[name]) for name in DISTANCES if form.get(name, "").strip()}
    figures |= {name: bool(form.get(name)) for name in SWITCHES}
    return LawRow(
        kind=OrderKind(form.get("kind", "")),
        holds_from=date.fromisoformat(form.get("holds_from", "").strip()),
        urgent_facts=tuple(fact for fact in ART_9_FACTS if form.get(f"fact_{fact}")),
        unconfirmed=frozenset(figure for figure in FIGURES if form.get(f"open_{figure}")),
        **figures,
    )

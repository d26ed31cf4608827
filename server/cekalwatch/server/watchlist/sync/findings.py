"""What needs attention after a synchronisation: refusals, and remarks on other records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from cekalwatch.contract.values.imports import RecordReport, SyncRefusal, SyncRemark, SyncRun
from cekalwatch.contract.values.orders import OrderFlag, OrderRule
from cekalwatch.server.domain.orders.ban_order import OrderJudgement
from cekalwatch.server.domain.syncs import MAX_REFUSALS, MAX_REMARKS, PHOTOGRAPHS
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.import_run import is_like_a_key


class SyncFindings:
    """The findings of one run. All are counted; only the first ones are stored."""

    def __init__(self) -> None:
        self._records: list[SyncRefusal] = []
        self._records_refused = 0
        self._photographs: list[SyncRefusal] = []
        self._photographs_refused = 0
        self._judged: dict[str, tuple[str, OrderJudgement]] = {}
        """Subject and judgement of orders that break a rule or are flagged, by key."""
        self._doubtful: dict[str, tuple[str, ...]] = {}
        """Other subjects with such a face, by the order's key."""

    def refused(self, report: RecordReport, *, keyed: bool = True) -> None:
        """Add a record that was refused; one that is not `keyed` has the place of its row instead of a key."""
        self._records_refused += 1
        if len(self._records) < MAX_REFUSALS:
            shown = report.order_id if not keyed or is_like_a_key(report.order_id) else ""
            self._records.append(SyncRefusal(shown, report.reason or Code.RECORD_INVALID, report.field))

    def imported(self, report: RecordReport) -> None:
        """Add a record that was not refused; the findings of an earlier one of the same order are forgotten."""
        key = report.order_id
        for photo in report.photos:
            if photo.reason:
                self._photographs_refused += 1
                if len(self._photographs) < MAX_REFUSALS:
                    self._photographs.append(SyncRefusal(key, photo.reason, PHOTOGRAPHS))
        self._judged.pop(key, None)
        if report.status and (report.broken_rules or report.flags):
            self._judged[key] = (
                report.subject_id,
                OrderJudgement(
                    report.status, tuple(map(OrderRule, report.broken_rules)), tuple(map(OrderFlag, report.flags))
                ),
            )
        self._doubtful.pop(key, None)
        if others := dict.fromkeys(other for photo in report.photos for other in photo.also_under):
            self._doubtful[key] = tuple(others)

    def judge_again(self, judge: Callable[[Collection[str]], Mapping[str, OrderJudgement]]) -> None:
        """Judge the flagged orders again after all records: an extension may have been read before its order.

        `judge` returns the orders of subjects that break a rule or are flagged.
        """
        if self._judged:
            now = judge({subject_id for subject_id, _ in self._judged.values()})
            self._judged = {key: (who, now[key]) for key, (who, _) in self._judged.items() if key in now}

    def added_to(self, run: SyncRun) -> SyncRun:
        """Return the run with these findings."""
        judged = {key: judgement for key, (_, judgement) in self._judged.items()}
        broken = [key for key, judgement in judged.items() if judgement.broken_rules]
        keys = list(dict.fromkeys((*broken, *judged, *self._doubtful)))[:MAX_REMARKS]
        return replace(
            run,
            counts=replace(
                run.counts,
                refused=self._records_refused,
                photographs_refused=self._photographs_refused,
                flagged=len(broken),
                doubtful=len(self._doubtful),
                renewed=len(judged) - len(broken),
            ),
            refusals=(*self._records, *self._photographs)[:MAX_REFUSALS],
            remarks=tuple(
                SyncRemark(
                    key,
                    judged[key].broken_rules if key in judged else (),
                    self._doubtful.get(key, ()),
                    judged[key].flags if key in judged else (),
                )
                for key in keys
            ),
        )

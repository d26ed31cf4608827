"""The console's texts, with an order's legal facts and a photograph's measurements in words. Pure."""

from __future__ import annotations

import re
from dataclasses import astuple
from datetime import timedelta, tzinfo
from typing import Final

from cekalwatch.console.locale.audit_words import AuditWords
from cekalwatch.contract.values.imports import LIST_COLUMNS, DayOrder, FieldFault
from cekalwatch.contract.values.iso_quality import iso_quality
from cekalwatch.contract.values.orders import (
    DateDoubt,
    DateOddity,
    OrderEnd,
    OrderFlag,
    OrderRule,
    OrderStatus,
    ShownOrder,
)
from cekalwatch.contract.values.reports import Rate, Waits
from cekalwatch.contract.values.subjects import ReferenceFace, Subject
from cekalwatch.contract.values.watchlist import (
    EnrolmentWarning,
    ListedSubject,
    Lookalike,
    LookalikeJudgement,
    OrderStatusChange,
    WatchlistProblem,
)
from cekalwatch.office.client.refusals import meaning
from cekalwatch.office.locale.alarm_formatting import AlarmFormatter
from cekalwatch.office.locale.order_formatting import Fact
from cekalwatch.program.translations import Language

LFW: Final = "Labeled Faces in the Wild: 3930 photographs of 1469 people, without two whose labels are wrong"
"""What the packs that this project builds say of the data that their thresholds were measured on."""
_PLACE = re.compile(r"(line|row) (?P<row>[0-9]{1,9})")


class ConsoleTexts(AlarmFormatter):
    """All that the console says in one language; times are those of `zone`, the site's."""

    def __init__(self, language: Language, zone: tzinfo | None = None) -> None:
        super().__init__("cekalwatch.console", language, zone)
        self.audit = AuditWords(self)
        """Entries of the audit trail in words."""

    def share(self, value: float) -> str:
        """Return a share of passages, 0 to 1; a small one as "one in N"."""
        if not 0 < value < 0.1:
            return self.number(value, ".2f")
        return self.say("ONE_IN", count=round(1 / value))

    def measured_on(self, data: str) -> str:
        """Return on which data a pack's thresholds were measured; texts of other packs are returned unchanged."""
        return self.say("MEASURED_ON_LFW", photographs=3930, people=1469) if data == LFW else data

    def rate(self, rate: Rate) -> str:
        """Return a measured share; one of nothing as 0."""
        if not rate.measured:
            return self.say("NOT_MEASURED")
        return self.share(rate.value) if rate.value else "0"

    def interval(self, rate: Rate) -> str:
        """Return the 95 % interval of a measured share."""
        if not rate.measured:
            return "–"
        return " – ".join(self.share(one) if one else "0" for one in (rate.low, rate.high))

    def waits(self, waits: Waits) -> str:
        """Return how long alerts waited for something."""
        if not waits.count:
            return self.say("NOT_MEASURED")
        middle, most = (self.duration(timedelta(seconds=one)) for one in (waits.p50_s, waits.p95_s))
        if waits.count == 1:
            return self.say("WAITS_ONE", wait=middle)
        return self.say("WAITS", middle=middle, most=most, count=waits.count)

    def reason(self, code: str) -> str:
        """Return the text for a code of the server's error catalogue about a record, a photograph or a source."""
        return meaning(code, self)

    def rule(self, rule: str) -> str:
        """Return the rule that an order breaks in words; the code of a rule that only a newer server knows."""
        return self.say(f"RULE_{rule}") if rule in set(OrderRule) else rule

    def remarks(self, order: ShownOrder | OrderStatusChange) -> tuple[str, ...]:
        """Return what needs attention: the rules that it breaks, or why it is flagged."""
        return (*map(self.rule, order.broken_rules), *map(self.flag, order.flags))

    def remark(self, code: str) -> str:
        """Return a broken rule or a flag in words."""
        return self.rule(code) if code in set(OrderRule) else self.flag(code)

    def fault(self, fault: FieldFault) -> str:
        """Return what would be right in a field of a list file."""
        if len(fault.readings) == len(DayOrder):
            one, other = (self.written(reading) for reading in fault.readings)
            return self.say("FAULT_READINGS", one=one, other=other)
        return self.column(fault.field)

    def doubt(self, doubt: DateDoubt) -> str:
        """Return what is odd about a date, and what was probably meant; the code of what only a newer server knows."""
        known = doubt.oddity in set(DateOddity)
        odd = self.say(f"DOUBT_{doubt.oddity}", other=doubt.other) if known else doubt.oddity
        return f"{odd} {self.say('DOUBT_MEANT', day=self.written(doubt.meant))}" if doubt.meant else odd

    def column(self, field: str) -> str:
        """Return what a column of a list file holds; nothing of one that only a newer server knows."""
        return self.say(f"COLUMN_{field.upper()}") if field in LIST_COLUMNS or field == "row" else ""

    def day_order(self, order: DayOrder, fault: FieldFault) -> str:
        """Return an order of days in words, with a day that it makes of a fault's value."""
        reading = fault.readings[list(DayOrder).index(order)]
        return self.say(f"DAY_ORDER_{order}", value=fault.value, day=self.written(reading))

    def row_place(self, place: str) -> str:
        """Return the place of an order in its file, which the server states in English; anything else unchanged."""
        found = _PLACE.fullmatch(place)
        return self.say("ROW_AT", row=found["row"]) if found else place

    def order_status(self, status: OrderStatus | None) -> str:
        """Return a status in a word or two."""
        return self.say(f"ORDER_STATUS_{status or 'UNKNOWN'}")

    def list_problem(self, problem: WatchlistProblem) -> str:
        """Return a problem that people look for on the list."""
        return self.say(f"LIST_PROBLEM_{problem}")

    def judgement(self, judgement: LookalikeJudgement) -> str:
        return self.say(f"JUDGEMENT_{judgement}")

    def judging_means(self, judgement: LookalikeJudgement) -> str:
        """Return the effect of a judgement of two look-alikes."""
        return self.say(f"JUDGE_MEANS_{judgement}")

    def judged(self, one: Lookalike) -> str:
        """Return the judgement of two look-alikes with its author, or the one of other photographs."""
        if one.judgement is not LookalikeJudgement.NOT_JUDGED and one.judged_at:
            return self.say(
                "JUDGED_BY",
                judgement=self.judgement(one.judgement),
                name=one.judged_by or self.say("UNKNOWN"),
                time=self.minute(one.judged_at),
            )
        if one.last_judgement:
            return self.say("JUDGED_BEFORE", judgement=self.judgement(one.last_judgement))
        return self.judgement(one.judgement)

    def validity(self, order: ShownOrder) -> str:
        """Return why an order has its status, by law, with the article that ends it or makes it void."""
        validity = self._validity(order)
        return self.say("VALIDITY_BY", validity=validity, article=order.article) if order.article else validity

    def _validity(self, order: ShownOrder) -> str:
        last = self.written(order.last_day)
        match order.status, order.ended_by:
            case OrderStatus.NOT_YET_VALID, _:
                return self.say("VALIDITY_NOT_YET", day=self.written(order.valid_from))
            case OrderStatus.ACTIVE, _ if not order.last_day or order.last_day >= order.valid_until:
                return self.say("VALIDITY_ACTIVE", day=last)
            case OrderStatus.ACTIVE, _ if OrderFlag.TERM_CAPPED in order.flags and order.decree_date:
                return self.say("VALIDITY_ACTIVE_CAPPED", day=last)
            case OrderStatus.ACTIVE, _:
                return self.say("VALIDITY_ACTIVE_URGENT", day=last)
            case OrderStatus.LAPSED, OrderEnd.TERM_CAPPED:
                return self.say("VALIDITY_LAPSED_CAPPED", day=last)
            case OrderStatus.LAPSED, OrderEnd.UNDECIDED:
                return self.say("VALIDITY_LAPSED_URGENT", day=last)
            case OrderStatus.LAPSED, _:
                return self.say("VALIDITY_LAPSED", day=last)
            case OrderStatus.REVOKED, _:
                return self.revocation(order)
            case OrderStatus.INVALID, _:
                return self.say("VALIDITY_INVALID")
        return self.say("UNKNOWN")

    def listed_subject(self, one: Subject) -> tuple[Fact, ...]:
        facts = list(self.subject_facts(one))
        if one.address:
            facts.append(Fact(self.say("FACT_ADDRESS"), one.address))
        if one.occupation:
            facts.append(Fact(self.say("FACT_OCCUPATION"), one.occupation))
        return tuple(facts)

    def listed_order(self, order: ShownOrder) -> tuple[Fact, ...]:
        """Return the facts of an order, and its legal state."""
        kind = self.order_kind(order.kind)
        words = f"{kind}, {self.say('URGENT')}" if order.urgent else kind
        law = f"{self.order_status(order.status)}. {self.validity(order)}"
        facts = [
            Fact(self.say("FACT_STATE"), law, warning=order.status is OrderStatus.INVALID),
            *(Fact(self.say("FACT_REMARK"), remark, warning=True) for remark in self.remarks(order)),
            Fact(self.say("FACT_KIND"), words),
            Fact(self.say("FACT_VALIDITY"), self.term(order)),
            Fact(self.say("FACT_DECREE"), self.decree(order)),
            Fact(self.say("FACT_AGENCY"), order.requesting_agency),
            Fact(self.say("FACT_RECEIVED"), self.written(order.received_on)),
        ]
        facts += self.proceedings(order)
        if order.reason:
            facts.append(Fact(self.say("FACT_REASON"), order.reason))
        if order.extends_order_id:
            facts.append(Fact(self.say("FACT_EXTENDS"), order.extends_order_id))
        return tuple(facts)

    def photograph(self, one: ReferenceFace, *, searched: bool) -> tuple[Fact, ...]:
        """Return the measurements of a reference face, and its defects."""
        found = one.figures
        iso = astuple(iso_quality(found))
        return (
            Fact(self.say("FACT_EYES"), self.say("PIXELS", count=self.number(found.eye_distance_px, ".0f"))),
            Fact(
                self.say("FACT_HEAD"),
                f"{self.number(found.yaw_degrees, '+.0f')}° / {self.number(found.pitch_degrees, '+.0f')}°",
            ),
            Fact(self.say("FACT_SHARPNESS"), self.number(found.sharpness, ".2f")),
            Fact(self.say("FACT_BRIGHTNESS"), self.number(found.brightness, ".2f")),
            Fact(self.say("FACT_DETECTOR"), self.number(found.detector_score, ".2f")),
            Fact(self.say("FACT_ISO_QUALITY"), " / ".join(self.number(part, "d") for part in iso)),
            *(Fact(self.say("FACT_REMARK"), self.warning(code), warning=True) for code in one.warnings),
            *(() if searched else (Fact(self.say("FACT_REMARK"), self.say("NOT_SEARCHED"), warning=True),)),
        )

    def unrecognisable(self, one: ListedSubject) -> str:
        """Return why a subject without photographs cannot be recognised."""
        if not one.photograph_refusals:
            return self.say("UNRECOGNISABLE_NO_PHOTOGRAPH")
        return self.say("UNRECOGNISABLE_WHY", why=" ".join(map(self.reason, one.photograph_refusals)))

    def warning(self, code: str) -> str:
        """Return the defect of a photograph in words; the code of one that only a newer server knows."""
        return self.say(f"WARNING_{code}") if code in set(EnrolmentWarning) else code

    def status_change(self, change: OrderStatusChange) -> str:
        """Return an order's status from a moment on, with what needs attention."""
        return "; ".join((self.order_status(change.status), *self.remarks(change)))

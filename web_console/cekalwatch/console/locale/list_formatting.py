"""The list in words: what the law says of an order, and what was measured of a photograph. Pure."""

from __future__ import annotations

import re

from cekalwatch.contract.values.listed_subjects import Lookalike, OrderStatusChange
from cekalwatch.contract.values.orders import OrderFlag, OrderRule, OrderStatus, ShownOrder
from cekalwatch.contract.values.subjects import ReferenceFace, Subject
from cekalwatch.contract.values.watchlist import EnrolmentWarning, LookalikeJudgement, WatchlistProblem
from cekalwatch.office.locale.alert_formatting import Fact
from cekalwatch.office.locale.trouble_formatting import TroubleFormatter

_PLACE = re.compile(r"(line|row) (?P<row>[0-9]{1,9})")


class ListFormatter(TroubleFormatter):
    """The list in one language; times are those of the site."""

    def rule(self, rule: str) -> str:
        """Return which rule an order breaks; one that only a newer server knows by its code."""
        return self.say(f"RULE_{rule}") if rule in set(OrderRule) else rule

    def flag(self, flag: str) -> str:
        """Return why an order is flagged; a flag that only a newer server knows by its code."""
        return self.say(f"FLAG_{flag}") if flag in set(OrderFlag) else flag

    def remarks(self, order: ShownOrder | OrderStatusChange) -> tuple[str, ...]:
        """Return what a person must look at: the rules that it breaks, or why it is flagged."""
        return (*map(self.rule, order.broken_rules), *map(self.flag, order.flags))

    def row_place(self, place: str) -> str:
        """Return where in its file an order stands, which the server says in English; anything else as it is."""
        found = _PLACE.fullmatch(place)
        return self.say("ROW_AT", row=found["row"]) if found else place

    def order_status(self, status: OrderStatus | None) -> str:
        """Return a status in a word or two."""
        return self.say(f"ORDER_STATUS_{status or 'UNKNOWN'}")

    def list_problem(self, problem: WatchlistProblem) -> str:
        """Return a problem that people look for on the list."""
        return self.say(f"LIST_PROBLEM_{problem}")

    def judgement(self, judgement: LookalikeJudgement) -> str:
        """Return what two look-alikes were judged to be."""
        return self.say(f"JUDGEMENT_{judgement}")

    def judging_means(self, judgement: LookalikeJudgement) -> str:
        """Return what it does to judge two look-alikes so."""
        return self.say(f"JUDGE_MEANS_{judgement}")

    def judged(self, one: Lookalike) -> str:
        """Return what holds of two look-alikes, with who found it, or what was found of other photographs."""
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
        """Return why an order has its status, by law."""
        last = self.written(order.last_day)
        shortened = bool(order.last_day) and order.last_day < order.valid_until
        match order.status:
            case OrderStatus.NOT_YET_VALID:
                return self.say("VALIDITY_NOT_YET", day=self.written(order.valid_from))
            case OrderStatus.ACTIVE:
                return self.say("VALIDITY_ACTIVE_URGENT" if shortened else "VALIDITY_ACTIVE", day=last)
            case OrderStatus.LAPSED:
                return self.say("VALIDITY_LAPSED_URGENT" if shortened else "VALIDITY_LAPSED", day=last)
            case OrderStatus.REVOKED if order.revoked_at:
                return self.say("VALIDITY_REVOKED", time=self.minute(order.revoked_at))
            case OrderStatus.REVOKED if order.withdrawn_at:
                return self.say("VALIDITY_WITHDRAWN", time=self.minute(order.withdrawn_at))
            case OrderStatus.REVOKED:
                return self.say("VALIDITY_BASE_REVOKED", order=order.extends_order_id)
            case OrderStatus.INVALID:
                return self.say("VALIDITY_INVALID")
        return self.say("UNKNOWN")

    def listed_subject(self, one: Subject) -> tuple[Fact, ...]:
        """Return who somebody on the list is."""
        facts = list(self.subject_facts(one))
        if one.address:
            facts.append(Fact(self.say("FACT_ADDRESS"), one.address))
        if one.occupation:
            facts.append(Fact(self.say("FACT_OCCUPATION"), one.occupation))
        return tuple(facts)

    def listed_order(self, order: ShownOrder) -> tuple[Fact, ...]:
        """Return what an order states, and how it stands by law."""
        kind = self.order_kind(order.kind)
        words = f"{kind}, {self.say('URGENT')}" if order.urgent else kind
        law = f"{self.order_status(order.status)}. {self.validity(order)}"
        facts = [
            Fact(self.say("FACT_STATE"), law, warning=order.status is OrderStatus.INVALID),
            *(Fact(self.say("FACT_REMARK"), remark, warning=True) for remark in self.remarks(order)),
            Fact(self.say("FACT_KIND"), words),
            Fact(self.say("FACT_VALIDITY"), f"{self.written(order.valid_from)} – {self.written(order.valid_until)}"),
            Fact(self.say("FACT_DECREE"), self.decree(order)),
            Fact(self.say("FACT_AGENCY"), order.requesting_agency),
            Fact(self.say("FACT_RECEIVED"), self.written(order.received_on)),
        ]
        if order.reason:
            facts.append(Fact(self.say("FACT_REASON"), order.reason))
        if order.extends_order_id:
            facts.append(Fact(self.say("FACT_EXTENDS"), order.extends_order_id))
        return tuple(facts)

    def photograph(self, one: ReferenceFace, *, searched: bool) -> tuple[Fact, ...]:
        """Return what was measured of a reference face, and what is not as it should be."""
        found = one.figures
        return (
            Fact(self.say("FACT_EYES"), self.say("PIXELS", count=self.number(found.eye_distance_px, ".0f"))),
            Fact(
                self.say("FACT_HEAD"),
                f"{self.number(found.yaw_degrees, '+.0f')}° / {self.number(found.pitch_degrees, '+.0f')}°",
            ),
            Fact(self.say("FACT_SHARPNESS"), self.number(found.sharpness, ".2f")),
            Fact(self.say("FACT_BRIGHTNESS"), self.number(found.brightness, ".2f")),
            Fact(self.say("FACT_DETECTOR"), self.number(found.detector_score, ".2f")),
            *(Fact(self.say("FACT_REMARK"), self.warning(code), warning=True) for code in one.warnings),
            *(() if searched else (Fact(self.say("FACT_REMARK"), self.say("NOT_SEARCHED"), warning=True),)),
        )

    def warning(self, code: str) -> str:
        """Return what is not as it should be with a photograph; a code that only a newer server knows as it is."""
        return self.say(f"WARNING_{code}") if code in set(EnrolmentWarning) else code

    def status_change(self, change: OrderStatusChange) -> str:
        """Return an order's status from a moment on, with what is to be looked at."""
        return "; ".join((self.order_status(change.status), *self.remarks(change)))

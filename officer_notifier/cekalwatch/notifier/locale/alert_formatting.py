"""An alert in words: what the desktop's windows and the console's commands say about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial

from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.locale.translations import Language, translate
from cekalwatch.notifier.model.alert import Alert, Document, Order
from cekalwatch.notifier.model.handling import Finding, FollowUp
from cekalwatch.notifier.model.person import Session
from cekalwatch.notifier.model.score_levels import score_level
from cekalwatch.notifier.model.steps import Hindrance, standing
from cekalwatch.notifier.model.updates import Freshness
from cekalwatch.wire.vocabulary.adjudication import AlertState, Escalation
from cekalwatch.wire.vocabulary.orders import Direction, OrderKind, OrderStatus

_MINUTE_S, _HOUR_S = 60, 3600


@dataclass(frozen=True)
class Fact:
    """A label and what is known; `warning`: the officer must not overlook it."""

    label: str
    value: str
    warning: bool = False


class AlertFormatter:
    """Says things in one language and by one clock."""

    def __init__(self, language: Language, zone: tzinfo | None = None) -> None:
        """Times are those of `zone`, or of this PC."""
        self.language = language
        self.say = partial(translate, language=language)
        self._zone = zone

    def subject(self, notice: Alert) -> tuple[Fact, ...]:
        """Return who the traveller may be. What is not held is left out, but for what every officer asks for."""
        subject, unknown = notice.subject, self.say(Phrase.UNKNOWN)
        sex = f"SEX_{subject.sex}"
        born = ", ".join(part for part in (subject.place_of_birth, subject.date_of_birth) if part)
        facts = [
            Fact(self.say(Phrase.FACT_SEX), self.say(Phrase(sex)) if sex in Phrase.__members__ else unknown),
            Fact(self.say(Phrase.FACT_BORN), born or unknown),
            Fact(self.say(Phrase.FACT_NATIONALITY), subject.nationality or unknown),
        ]
        if subject.documents:
            facts.append(Fact(self.say(Phrase.FACT_DOCUMENTS), "\n".join(map(_document, subject.documents))))
        if subject.nik:
            facts.append(Fact(self.say(Phrase.FACT_NIK), subject.nik))
        if subject.aliases:
            facts.append(Fact(self.say(Phrase.FACT_ALIASES), ", ".join(subject.aliases)))
        return tuple(facts)

    def order(self, order: Order) -> tuple[Fact, ...]:
        """Return what an officer needs of one order."""
        kind = {OrderKind.CEGAH: Phrase.CEGAH, OrderKind.TANGKAL: Phrase.TANGKAL, None: Phrase.UNKNOWN}[order.kind]
        words = [self.say(kind)]
        if order.urgent:
            words.append(self.say(Phrase.URGENT))
        ended = order.status not in {OrderStatus.ACTIVE, None}
        if ended:
            words.append(self.say(Phrase.ORDER_NOT_ACTIVE))
        decree = (
            self.say(Phrase.DECREE, number=order.decree_number, date=order.decree_date)
            if order.decree_number
            else self.say(Phrase.NO_DECREE)
        )
        return (
            Fact(self.say(Phrase.FACT_KIND), ", ".join(words), warning=ended or order.urgent),
            Fact(self.say(Phrase.FACT_DECREE), decree),
            Fact(self.say(Phrase.FACT_AGENCY), order.requesting_agency),
            Fact(self.say(Phrase.FACT_VALIDITY), f"{order.valid_from} – {order.valid_until}"),
        )

    def passage(self, notice: Alert) -> tuple[Fact, ...]:
        """Return where and when the traveller was seen."""
        facts = [
            Fact(self.say(Phrase.FACT_PLACE), f"{self.place(notice)}, {notice.site}"),
            Fact(self.say(Phrase.FACT_TIME), self.time(notice.captured_at)),
            Fact(self.say(Phrase.FACT_RAISED), self.time(notice.raised_at)),
        ]
        if notice.late:
            facts.append(Fact("", self.say(Phrase.LATE), warning=True))
        return tuple(facts)

    def history(self, notice: Alert) -> tuple[Fact, ...]:
        """Return what people have done so far."""
        handling = notice.handling
        facts = [Fact(self.say(Phrase.FACT_FINDING), self.finding(one)) for one in handling.findings]
        if handling.reference:
            facts.append(Fact(self.say(Phrase.FACT_REFERENCE), handling.reference))
        facts += [Fact(self.say(Phrase.FACT_FOLLOW_UP), self._follow_up(one)) for one in handling.follow_ups]
        return tuple(facts)

    def finding(self, finding: Finding) -> str:
        """Return a finding on a line."""
        outcome = self.say(Phrase(f"OUTCOME_{finding.outcome or 'UNKNOWN'}"))
        reason = self.say(Phrase(f"REASON_{finding.reason or 'UNKNOWN'}"))
        note = f" “{finding.note}”" if finding.note else ""
        who = finding.person.display_name or self.say(Phrase.UNKNOWN)
        return f"{outcome}: {reason}{note} — {who}, {self.time(finding.found_at)}"

    def state(self, notice: Alert, now: datetime) -> str:
        """Return where the alert stands, with who holds it and how far it has gone up."""
        state = standing(notice, now)
        parts = [self.say(Phrase(f"STATE_{state or 'UNKNOWN'}"))]
        if state is AlertState.CLAIMED:
            parts.append(self.say(Phrase.EVENT_HELD_BY, holder=self.holder(notice)))
        if state is AlertState.NEW and notice.escalated:
            parts.append(self.escalation(notice))
        return ", ".join(parts)

    def escalation(self, notice: Alert) -> str:
        """Return how far the alert has gone up; empty while it is the counter's own."""
        level = notice.handling.escalation
        return "" if level is Escalation.COUNTER else self.say(Phrase(f"ESCALATION_{level.name}"))

    def holder(self, notice: Alert, session: Session | None = None) -> str:
        """Return who holds the alert, and where; empty when nobody does."""
        claim = notice.handling.claim
        if notice.state is not AlertState.CLAIMED or claim is None:
            return ""
        if session and claim.holder.person_id == session.person_id:
            name = self.say(Phrase.HOLDER_YOU)
        else:
            name = claim.holder.display_name or self.say(Phrase.UNKNOWN)
        return f"{name} ({claim.agent_id})"

    def hindrance(self, hindrance: Hindrance, notice: Alert) -> str:
        """Return why a step cannot be taken."""
        phrase = Phrase(f"HINDRANCE_{hindrance}")
        return self.say(phrase, holder=self.holder(notice)) if hindrance is Hindrance.HELD else self.say(phrase)

    def similarity(self, notice: Alert) -> str:
        """Return the band's words with score and threshold: never a percentage, for it is none."""
        words = self.say(score_level(notice.score, notice.threshold))
        return f"{words} ({self.say(Phrase.SCORE, score=f'{notice.score:.2f}', threshold=f'{notice.threshold:.2f}')})"

    def watchlist_warning(self, freshness: Freshness) -> str:
        """Return what is wrong with the watchlist's age; empty when nothing is."""
        if freshness.last_success is None:
            return self.say(Phrase.WATCHLIST_NEVER)
        if not freshness.stale:
            return ""
        time = freshness.last_success.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")
        return self.say(Phrase.WATCHLIST_STALE, time=time, subjects=freshness.active_subjects)

    def list_name(self, key: str) -> str:
        """Return the words for a list; a camera's key stays as it is."""
        return self.say(Phrase(key)) if key in set(OrderKind) else key

    def place(self, notice: Alert) -> str:
        """Return counter and direction."""
        return f"{self.say(Phrase.COUNTER, counter=notice.counter)}, {self.direction(notice.direction)}"

    def direction(self, direction: Direction | None) -> str:
        """Return a direction in words."""
        return self.say(Phrase(direction) if direction else Phrase.UNKNOWN)

    def time(self, moment: datetime) -> str:
        """Return a moment by this PC's clock: the day, and the second."""
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def moment(self, moment: datetime, now: datetime) -> str:
        """Return a moment, without the day where that is today."""
        today = moment.astimezone(self._zone).date() == now.astimezone(self._zone).date()
        return self.clock(moment) if today else self.time(moment)

    def clock(self, moment: datetime) -> str:
        """Return a moment of today."""
        return moment.astimezone(self._zone).strftime("%H:%M:%S")

    def duration(self, length: timedelta) -> str:
        """Return a length of time in its largest whole unit; one below zero, of a clock that was set back, as zero."""
        seconds = max(0, round(length.total_seconds()))
        if seconds < 2 * _MINUTE_S:
            return self.say(Phrase.SECONDS, count=seconds)
        if seconds < 2 * _HOUR_S:
            return self.say(Phrase.MINUTES, count=seconds // _MINUTE_S)
        return self.say(Phrase.HOURS, count=seconds // _HOUR_S)

    def _follow_up(self, follow_up: FollowUp) -> str:
        who = follow_up.person.display_name or self.say(Phrase.UNKNOWN)
        when = self.time(follow_up.contacted_at)
        return f"{when} {follow_up.agency}, {follow_up.contact}: {follow_up.result} — {who}"


def _document(document: Document) -> str:
    country = f" ({document.country})" if document.country else ""
    return f"{document.type} {document.number}{country}".strip()

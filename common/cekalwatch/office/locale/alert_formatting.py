"""An alert in words: what windows, pages and commands say about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cekalwatch.contract.values.adjudication import (
    UNDECIDED,
    AlertState,
    Clearing,
    Escalation,
    Finding,
    FollowUp,
    Outcome,
    Reason,
    clearing_of,
)
from cekalwatch.contract.values.alerts import Alert, Candidate, Sighting
from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.orders import Direction, OrderEnd, OrderFlag, OrderKind, OrderStatus, ShownOrder
from cekalwatch.contract.values.people import PersonReference, PersonSession
from cekalwatch.contract.values.reports import ShiftReport, Tally
from cekalwatch.contract.values.subjects import Subject, TravelDocument
from cekalwatch.contract.values.watchlist import Freshness, LookalikeJudgement
from cekalwatch.office.alerts import Hindrance, Options, SeenVersion, score_level
from cekalwatch.office.connection import Cause, Connection
from cekalwatch.office.locale.moments import MomentFormatter

SHIFT_FIGURES = 9
"""How many figures `AlertFormatter.shift_figures` returns."""
_SEXES = frozenset({"M", "F", "X"})
_PASSPORTS = frozenset({"passport", "paspor"})
"""What lists call a passport, in small letters."""
_NEVER = "9999-12-31"
"""The last day of an order without an end."""
_NO_FIGURE = "–"
_OF_ALL_STEPS = frozenset({Hindrance.SIGN_IN, Hindrance.ROLE, Hindrance.HELD})
GONE_AFTER = timedelta(seconds=60)
"""A traveller whom no camera has seen for this long may have gone on."""


@dataclass(frozen=True)
class Fact:
    """A label and its value; `warning` means that the officer must not overlook it."""

    label: str
    value: str
    warning: bool = False


class AlertFormatter(MomentFormatter):
    """A program's texts in one language, and alerts in these words."""

    # Who, why, where and when.

    def subject_name(self, alert: Alert) -> str:
        """Return the name of the person that the traveller may be."""
        return alert.subject.name or self.say("UNKNOWN")

    def subject(self, alert: Alert) -> tuple[Fact, ...]:
        """Return who the traveller may be, with whom on the list they were judged alike; see `subject_facts`."""
        return (*self._lookalikes(alert), *self.subject_facts(alert.subject))

    def subject_facts(self, subject: Subject) -> tuple[Fact, ...]:
        """Return a person's identity. Unknown facts are left out, except those that every officer needs."""
        unknown = self.say("UNKNOWN")
        born = ", ".join(part for part in (subject.place_of_birth, self.written(subject.date_of_birth)) if part)
        facts = [
            Fact(self.say("FACT_SEX"), self.say(f"SEX_{subject.sex}") if subject.sex in _SEXES else unknown),
            Fact(self.say("FACT_BORN"), born or unknown),
            Fact(self.say("FACT_NATIONALITY"), subject.nationality or unknown),
        ]
        if subject.travel_documents:
            facts.append(Fact(self.say("FACT_DOCUMENTS"), "\n".join(map(self._document, subject.travel_documents))))
        if subject.nik:
            facts.append(Fact(self.say("FACT_NIK"), subject.nik))
        if subject.aliases:
            facts.append(Fact(self.say("FACT_ALIASES"), ", ".join(subject.aliases)))
        return tuple(facts)

    def _lookalikes(self, alert: Alert) -> list[Fact]:
        names = {one.subject_id: one.name for one in alert.candidates}
        asked = [one for one in alert.candidates if one.subject_id == alert.subject.subject_id]
        return [
            Fact(
                self.say("FACT_LOOKALIKE"),
                self.say(f"LOOKALIKE_{other.judgement}", name=names.get(other.subject_id) or other.subject_id),
                warning=True,
            )
            for one in asked
            for other in one.lookalikes
            if other.judgement not in {LookalikeJudgement.NOT_JUDGED, None}
        ]

    def subject_line(self, alert: Alert) -> str:
        """Return nationality and date of birth, for a table."""
        return self.born_line(alert.subject)

    def born_line(self, subject: Subject) -> str:
        """Return a person's nationality and date of birth, for a table."""
        unknown = self.say("UNKNOWN")
        birth = self.written(subject.date_of_birth)
        born = self.say("BORN", date=birth) if birth else self.say("BORN_UNKNOWN")
        return f"{subject.nationality or unknown}, {born}"

    def order(self, order: ShownOrder) -> tuple[Fact, ...]:
        """Return what an officer needs of one order: kind, decree, agency, validity, and what else is known of it."""
        words = [self.order_kind(order.kind)]
        if order.urgent:
            words.append(self.say("URGENT"))
        ended = order.status not in {OrderStatus.ACTIVE, None}
        if ended:
            words.append(self.say("ORDER_NOT_ACTIVE"))
        return (
            Fact(self.say("FACT_KIND"), ", ".join(words), warning=ended or order.urgent),
            Fact(self.say("FACT_DECREE"), self.decree(order)),
            Fact(self.say("FACT_AGENCY"), order.requesting_agency),
            Fact(self.say("FACT_VALIDITY"), self.term(order)),
            *self.revoked(order),
            *self.proceedings(order),
            *(
                [Fact(self.say("FACT_TO_CHECK"), " ".join(map(self.flag, order.flags)), warning=True)]
                if order.flags
                else []
            ),
        )

    def term(self, order: ShownOrder) -> str:
        """Return the days that an order states and, if the law ends it before the last of them, on which day."""
        end = self.say("FOR_LIFE") if order.valid_until == _NEVER else self.written(order.valid_until)
        words = f"{self.written(order.valid_from)} – {end}"
        if not order.last_day or order.last_day >= order.valid_until:
            return words
        return self.say("TERM_BY_LAW", term=words, day=self.written(order.last_day))

    def flag(self, flag: str) -> str:
        """Return why an order is flagged; a flag that only a newer server knows by its code."""
        return self.say(f"FLAG_{flag}") if flag in set(OrderFlag) else flag

    def decree(self, order: ShownOrder) -> str:
        """Return an order's decree, or that there is none."""
        if not order.decree_number:
            return self.say("NO_DECREE")
        return self.say("DECREE", number=order.decree_number, date=self.written(order.decree_date))

    def order_kind(self, kind: OrderKind | None) -> str:
        """Return a ban order's kind."""
        return self.say(f"ORDER_KIND_{kind}") if kind else self.say("UNKNOWN")

    def proceedings(self, order: ShownOrder) -> tuple[Fact, ...]:
        """Return the order's ground and the person's status in the proceedings, as far as they are stated."""
        facts = []
        if order.ground:
            label = self.say("FACT_GROUND_TANGKAL" if order.kind is OrderKind.TANGKAL else "FACT_GROUND")
            facts.append(Fact(label, self.say(f"ORDER_GROUND_{order.ground}")))
        if order.person_status:
            facts.append(Fact(self.say("FACT_PERSON_STATUS"), self.say(f"PERSON_STATUS_{order.person_status}")))
        return tuple(facts)

    def revoked(self, order: ShownOrder) -> tuple[Fact, ...]:
        """Return when, by what and with which reference the order was taken back; nothing while it stands."""
        words = self.revocation(order)
        return (Fact(self.say("FACT_REVOKED"), words, warning=True),) if words else ()

    def revocation(self, order: ShownOrder) -> str:
        """Return when, by what and with which reference the order was taken back; empty while it stands."""
        if order.status is not OrderStatus.REVOKED:
            return ""
        if order.revoked_at:
            words = self.say("REVOKED", time=self.minute(order.revoked_at), ground=self.revoked_by(order))
            of_base = order.ended_by == OrderEnd.BASE_REVOKED
            return self.say("REVOKED_BASE_BY", order=order.extends_order_id, words=words) if of_base else words
        if order.withdrawn_at:
            return self.say("REVOKED_WITHDRAWN", time=self.minute(order.withdrawn_at))
        return self.say("REVOKED_BASE", order=order.extends_order_id)

    def revoked_by(self, one: ShownOrder | RecordReport) -> str:
        """Return by what, and with which reference, a revoked order was taken back."""
        ground = self.say(f"REVOCATION_GROUND_{one.revocation_ground or 'UNKNOWN'}")
        if not one.revocation_reference:
            return ground
        return self.say("REVOKED_REFERENCE", words=ground, reference=one.revocation_reference)

    def passage(self, alert: Alert) -> tuple[Fact, ...]:
        """Return where and when the traveller was seen."""
        return (
            Fact(self.say("FACT_PLACE"), f"{self.place(alert)}, {alert.place.site}"),
            Fact(self.say("FACT_TIME"), self.time(alert.last_seen_at)),
            Fact(self.say("FACT_RAISED"), self.time(alert.raised_at)),
        )

    def warnings(self, alert: Alert) -> tuple[str, ...]:
        """Return what an officer must know of the alert before anything else."""
        late = (self.say("LATE"),) if alert.late else ()
        return (*late, *((owed,) if (owed := self.agencies_owed(alert)) else ()))

    def agencies_owed(self, alert: Alert) -> str:
        """Return which agencies must still be told of a hit, or of its end; empty when none."""
        agencies = ", ".join(alert.agencies_owed)
        if alert.ground_gone:
            return self.say("RELEASE_OWED", agencies=agencies) if agencies else ""
        return self.say("AGENCIES_OWED", agencies=agencies) if agencies else ""

    def place(self, alert: Alert) -> str:
        """Return counter and direction of the newest live sighting."""
        return f"{self.say('COUNTER', counter=alert.place.counter)}, {self.direction(alert.place.direction)}"

    def counter(self, alert: Alert) -> str:
        """Return the same for a column of counters."""
        return f"{alert.place.counter}, {self.direction(alert.place.direction)}"

    def probe(self, alert: Alert, now: datetime) -> str:
        """Return the title of the traveller's picture, with the age of the newest live sighting."""
        return self.say("PROBE", age=self.duration(now - alert.last_seen_at))

    def whereabouts(self, alert: Alert, now: datetime) -> str:
        """Return where the traveller is now and since when or, once nobody has seen them for a while, since when."""
        age, counter = now - alert.last_seen_at, alert.place.counter
        here = alert.seen_live and age < GONE_AFTER
        return self.say("HERE_NOW" if here else "NOT_SEEN", counter=counter, age=self.duration(age))

    def direction(self, direction: Direction | None) -> str:
        """Return a direction."""
        return self.say(f"DIRECTION_{direction}") if direction else self.say("UNKNOWN")

    # How similar.

    def similarity(self, alert: Alert) -> str:
        """Return the score's level with score and threshold: never a percentage, for it is none."""
        return f"{self.score_level(alert)}: {self.score_in_model(alert)}"

    def score_level(self, alert: Alert) -> str:
        """Return the distance of the score above the threshold."""
        return self.say(f"SCORE_LEVEL_{score_level(alert)}")

    def score(self, alert: Alert) -> str:
        """Return score and threshold."""
        return self.say("SCORE", score=self.number(alert.score, ".2f"), threshold=self.number(alert.threshold, ".2f"))

    def score_in_model(self, alert: Alert) -> str:
        """Return score and threshold, with the model version in which the two can be compared."""
        return self.say("SCORE_OF_MODEL", score=self.score(alert), model=alert.model_version)

    def score_of(self, one: Candidate | Sighting) -> str:
        """Return a score of an alert, with its model version if that is another than the alert's."""
        score = self.number(one.score, ".2f")
        return self.say("SCORE_OF_MODEL", score=score, model=one.model_version) if one.model_version else score

    # Actions of people.

    def history(self, alert: Alert) -> tuple[Fact, ...]:
        """Return the steps of people so far."""
        handling = alert.handling
        facts = [
            Fact(
                self.say("FACT_TAKEN_OVER" if one.outcome is Outcome.TAKEN_OVER else "FACT_FINDING"),
                self._finding(one, alert),
            )
            for one in handling.findings
        ]
        if handling.reference:
            facts.append(Fact(self.say("FACT_REFERENCE"), handling.reference))
        facts += [
            Fact(self.say("FACT_RELEASE") if one.release else self.say("FACT_FOLLOW_UP"), self._follow_up(one))
            for one in handling.follow_ups
        ]
        return tuple(facts)

    def candidate(self, alert: Alert) -> str:
        """Return which of several candidates the alert asks about; empty if there is only one."""
        count = len(alert.candidates)
        return self.say("CANDIDATE_OF", place=alert.candidate_place, count=count) if count > 1 else ""

    def candidates(self, alert: Alert) -> tuple[Fact, ...]:
        """Return all candidates, best first, with those that are ruled out marked."""
        facts = []
        for rank, one in enumerate(alert.candidates, start=1):
            name = one.name or self.say("UNKNOWN")
            words = f"{name} ({self._ruled_out(one, alert)})" if one.ruled_out else name
            facts.append(Fact(f"{rank}. {self.score_of(one)}", words))
        return tuple(facts)

    def _ruled_out(self, candidate: Candidate, alert: Alert) -> str:
        """Return why a candidate is not asked about any more."""
        found = alert.handling.findings
        why = clearing_of(
            [(one.subject_id, one.outcome, one.reason) for one in found if one.subject_id == candidate.subject_id]
        )
        return self.cleared(why or Clearing.OTHER)

    def next_candidate(self, before: Alert, alert: Alert) -> str:
        """Return the next question after a person ruled out the candidate of `before`; empty if there is none."""
        subject_id = before.subject.subject_id
        if alert.subject.subject_id == subject_id or alert.state not in UNDECIDED:
            return ""
        return self.say(
            "NEXT_CANDIDATE",
            before=self.subject_name(before),
            name=self.subject_name(alert),
            place=alert.candidate_place,
            count=len(alert.candidates),
        )

    def came_since(self, before: SeenVersion, alert: Alert) -> str:
        """Return the changes of the alert since its state `before`; empty without changes."""
        came = [
            self.say("CAME_SIGHTED", counter=one.camera.counter, time=self.clock(one.captured_at))
            for one in alert.sightings
            if one.capture_id not in before.captures
        ]
        came += [
            self.say("CAME_CANDIDATE", name=one.name or self.say("UNKNOWN"))
            for one in alert.candidates
            if one.subject_id not in before.candidates
        ]
        came += [self._finding(one, alert) for one in alert.handling.findings[before.findings :]]
        if alert.state is not before.state:
            came.append(self._state(alert.state, alert))
        return self.say("CAME_SINCE", what="; ".join(came)) if came else ""

    def state(self, alert: Alert) -> str:
        """Return the alert's state, with its holder and its escalation."""
        parts = [self.standing(alert)]
        if taken := alert.handling.taken_over:
            why = self.say(f"REASON_{taken.reason or 'UNKNOWN'}")
            parts.append(self.say("TAKEN_OVER_BY", holder=self.holder(alert), reason=why))
        elif alert.state is AlertState.CLAIMED:
            parts.append(self.say("HELD_BY", holder=self.holder(alert)))
        if since := alert.handling.reference_owed_since:
            parts.append(self.say("REFERENCE_OWED", time=self.time(since)))
        if alert.state is AlertState.NEW and alert.escalated and not alert.only_to_be_cleared:
            parts.append(self.escalation(alert))
        return ", ".join(parts)

    def standing(self, alert: Alert) -> str:
        """Return where the alert stands, in a few words; above all that its orders have ended."""
        words = self._state(alert.state, alert)
        if alert.ground_gone:
            return self.say("GROUND_GONE", state=words)
        return self.say("ORDERS_ENDED", state=words) if alert.only_to_be_cleared else words

    def cleared(self, why: Clearing) -> str:
        """Return why an alert was cleared."""
        return self.say(f"CLEARED_{why}")

    def _state(self, state: AlertState | None, alert: Alert) -> str:
        """Return a state in words; of what is over, why it is."""
        why = alert.clearing
        if state is AlertState.CLEARED and why:
            return self.cleared(why)
        words = self.say(f"STATE_{state or 'UNKNOWN'}")
        if state is not AlertState.CLOSED:
            return words
        return self.say("CLOSED_AS", state=words, end=self.cleared(why) if why else self.say("STATE_CONFIRMED"))

    def orders_ended(self, alert: Alert) -> str:
        """Return what it means that the orders have ended; empty while one is in force, or once it is done with."""
        if not alert.open or alert.orders_ended_at is None:
            return ""
        since = self.time(alert.orders_ended_at)
        if alert.ground_gone:
            return self.say("GROUND_GONE_MEANS" if alert.agencies_owed else "GROUND_GONE_UNTOLD", time=since)
        return self.say("ORDERS_ENDED_MEANS", time=since)

    def references_owed(self, alerts: Iterable[Alert], now: datetime) -> tuple[str, ...]:
        """Return a line for each hit whose reference number is owed, oldest first: whose, where, and for how long."""
        owed = [(since, one) for one in alerts if (since := one.handling.reference_owed_since)]
        return tuple(
            self.say(
                "REFERENCE_OWED_FOR",
                name=self.subject_name(one),
                place=self.place(one),
                duration=self.duration(now - since),
            )
            for since, one in sorted(owed, key=lambda pair: pair[0])
        )

    def escalation(self, alert: Alert) -> str:
        """Return how far the alert has escalated; empty while it is the counter's own."""
        level = alert.handling.escalation
        return "" if level is Escalation.COUNTER else self.say(f"ESCALATION_{level.name}")

    def holder(self, alert: Alert, session: PersonSession | None = None) -> str:
        """Return the holder of the alert and their PC; empty when nobody holds it."""
        claim = alert.handling.claim
        if alert.state is not AlertState.CLAIMED or claim is None:
            return ""
        own = session is not None and claim.holder.person_id == session.person_id
        return f"{self.say('HOLDER_YOU') if own else self._name(claim.holder)} ({claim.agent_id})"

    def hindrance(self, hindrance: Hindrance, alert: Alert) -> str:
        """Return why a step cannot be taken."""
        return self.say(f"HINDRANCE_{hindrance}", holder=self.holder(alert), agencies=", ".join(alert.agencies))

    def hindrances(self, options: Options, alert: Alert) -> tuple[str, ...]:
        """Return why steps cannot be taken, or not alone. What is not about all steps names those that it is about."""
        told: dict[str, list[str]] = {}
        for step, hindrance in options.steps.items():
            if hindrance is None:
                continue
            words = self.say("BESIDE") if options.beside(step) else self.hindrance(hindrance, alert)
            steps = told.setdefault(words, [])
            if hindrance not in _OF_ALL_STEPS:
                steps.append(self.say(f"STEP_{step}"))
        return tuple(f"{', '.join(steps)}: {words}" if steps else words for words, steps in told.items())

    # The connection, the watchlist and the shift.

    def connection(self, connection: Connection) -> str:
        """Return whether alerts can come, and since when or why not."""
        since = self.clock(connection.since)
        if connection.ready:
            return self.say("CONNECTED", time=since)
        if connection.cause is None:
            return self.say("CONNECTING", time=since)
        return self.say("DISCONNECTED", time=since, cause=self.say(f"CAUSE_{connection.cause}"))

    def refusal(self, connection: Connection) -> str:
        """Return why this PC or its certificate is refused, and what to do; empty when it is not."""
        if connection.cause is Cause.CERTIFICATE:
            return self.say("CERTIFICATE_ADVICE")
        if (refusal := connection.refusal) is None:
            return ""
        if f"REFUSED_{refusal.code}" in self:
            return self.say(f"REFUSED_{refusal.code}", **refusal.details)
        return self.say("REFUSED_PC", code=refusal.code)

    def waiting(self, count: int | None) -> str:
        """Return the number of waiting alerts in words, for a PC without a signed-in person; None means unknown."""
        if count is None:
            return self.say("LOCKED_UNKNOWN")
        return self.say("LOCKED_WAITING", count=count) if count else self.say("LOCKED_NOTHING")

    def watchlist(self, freshness: Freshness | None) -> str:
        """Return how old the watchlist is, and which of its sources have been away for too long."""
        if freshness is None:
            return self.say("WATCHLIST_UNKNOWN")
        if freshness.last_success_at is None:
            words = self.say("WATCHLIST_NEVER")
        else:
            time = self.minute(freshness.last_success_at)
            words = self.say(
                "WATCHLIST_STALE" if freshness.stale else "WATCHLIST_FRESH",
                time=time,
                subjects=freshness.active_subjects,
            )
        sources = ", ".join(freshness.stale_sources)
        return self.say("WATCHLIST_SOURCES", words=words, sources=sources) if sources else words

    def shift_figures(self, report: ShiftReport | None) -> tuple[Fact, ...]:
        """Return the figures of a shift; dashes while there is no report."""
        return (
            Fact(self.say("SHIFT_RAISED"), self.number(report.raised) if report else _NO_FIGURE),
            Fact(self.say("SHIFT_OPEN"), self.number(report.open) if report else _NO_FIGURE),
            Fact(self.say("SHIFT_CLEARED"), self.number(report.cleared) if report else _NO_FIGURE),
            Fact(self.say("SHIFT_FALSE"), self.number(report.false_alerts) if report else _NO_FIGURE),
            Fact(self.say("SHIFT_CONFIRMED"), self.number(report.confirmed) if report else _NO_FIGURE),
            Fact(self.say("SHIFT_PROVISIONAL"), self.number(report.provisional) if report else _NO_FIGURE),
            Fact(self.say("SHIFT_ESCALATED"), self.number(report.escalated) if report else _NO_FIGURE),
            Fact(self.say("SHIFT_MEDIAN_CLAIM"), self._median(report.median_claim_s if report else 0)),
            Fact(self.say("SHIFT_MEDIAN_DECISION"), self._median(report.median_decision_s if report else 0)),
        )

    def false_alerts(self, tally: Tally) -> str:
        """Return how many alerts of a camera or a list were false."""
        return self.say("SHIFT_FALSE_OF", cleared=tally.cleared, decided=tally.decided)

    def list_name(self, key: str) -> str:
        """Return the name of a list; a camera's key is returned unchanged."""
        return self.order_kind(OrderKind(key)) if key in set(OrderKind) else key

    def _median(self, seconds: float) -> str:
        return self.duration(timedelta(seconds=seconds)) if seconds else _NO_FIGURE

    def _finding(self, finding: Finding, alert: Alert) -> str:
        outcome = self.say(f"OUTCOME_{finding.outcome or 'UNKNOWN'}")
        if len(alert.candidates) > 1:
            judged = next((one for one in alert.candidates if one.subject_id == finding.subject_id), None)
            outcome = f"{judged.name if judged and judged.name else self.say('UNKNOWN')}: {outcome}"
        reason = self.say(f"REASON_{finding.reason or 'UNKNOWN'}")
        note = f" “{finding.note}”" if finding.note else ""
        return f"{outcome}: {reason}{note} — {self._name(finding.person)}, {self.time(finding.found_at)}"

    def reason_to_choose(self, reason: Reason) -> str:
        """Return a reason for a person who chooses one: it says where a note is required."""
        words = self.say(f"REASON_{reason}")
        return self.say("NOTE_REQUIRED", reason=words) if reason is Reason.OTHER else words

    def _follow_up(self, follow_up: FollowUp) -> str:
        contact = f"{self.time(follow_up.contacted_at)} {follow_up.agency}, {follow_up.contact}"
        return f"{contact}: {follow_up.result} — {self._name(follow_up.person)}"

    def _name(self, person: PersonReference | None) -> str:
        return person.display_name if person and person.display_name else self.say("UNKNOWN")

    def _document(self, document: TravelDocument) -> str:
        kind = self.say("DOCUMENT_PASSPORT") if document.type.casefold() in _PASSPORTS else document.type
        country = f" ({document.issuing_country})" if document.issuing_country else ""
        return f"{kind} {document.number}{country}".strip()

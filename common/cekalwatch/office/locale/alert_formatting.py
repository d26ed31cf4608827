"""An alert in words: what windows, pages and commands say about it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from cekalwatch.contract.values.adjudication import (
    JUDGEMENTS,
    STEP_OUTCOMES,
    UNDECIDED,
    AlertState,
    Clearing,
    Escalation,
    Finding,
    FollowUp,
    Look,
    Outcome,
    Reason,
    Step,
    clearing_of,
)
from cekalwatch.contract.values.alerts import Alert, Candidate, Sighting
from cekalwatch.contract.values.orders import Direction, OrderKind
from cekalwatch.contract.values.people import PersonReference, PersonSession
from cekalwatch.contract.values.readiness import ReadinessFault
from cekalwatch.contract.values.reports import ShiftReport, Tally
from cekalwatch.contract.values.subjects import Subject, TravelDocument
from cekalwatch.contract.values.watchlist import Freshness, LookalikeJudgement
from cekalwatch.office.alerts import Hindrance, Options, SeenVersion, score_level
from cekalwatch.office.connection import Cause, Connection
from cekalwatch.office.locale.order_formatting import Fact, OrderFormatter

SHIFT_FIGURES = 11
"""How many figures `AlertFormatter.shift_figures` returns."""
_SEXES = frozenset({"M", "F", "X"})
_PASSPORTS = frozenset({"passport", "paspor"})
"""What lists call a passport, in small letters."""
_NO_FIGURE = "–"
_OF_ALL_STEPS = frozenset({Hindrance.SIGN_IN, Hindrance.ROLE, Hindrance.HELD})
MAX_COUNTERS = 8
"""Counters that the line of readiness names."""
GONE_AFTER = timedelta(seconds=60)
"""A traveller whom no camera has seen for this long may have gone on."""


class AlertFormatter(OrderFormatter):
    """A program's texts in one language, and alerts in these words."""

    # Who, why, where and when.

    def subject_name(self, alert: Alert) -> str:
        """Return the name of the person that the traveller may be.

        A PC without a person does not know it, and before the first look it comes after that.
        """
        if alert.exercise:
            return self.say("EXERCISE_NAME")
        if alert.named and alert.look_needed:
            return self.say("LOOK_FIRST")
        return alert.subject.name or self.say("UNKNOWN" if alert.named else "SIGN_IN_TO_SEE")

    def subject(self, alert: Alert) -> tuple[Fact, ...]:
        """Return who the traveller may be, with whom on the list they were judged alike; see `subject_facts`."""
        if alert.nameless:
            return ()
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
        names = {one.subject_id: one.name for one in alert.candidates if one.subject_id}
        asked = [one for one in alert.candidates if one.subject_id == alert.subject.subject_id]
        return [
            Fact(
                self.say("FACT_LOOKALIKE"),
                self.say(f"LOOKALIKE_{other.judgement}", name=self._lookalike(other.subject_id, names)),
                warning=True,
            )
            for one in asked
            for other in one.lookalikes
            if other.judgement not in {LookalikeJudgement.NOT_JUDGED, None}
        ]

    def _lookalike(self, subject_id: str, names: Mapping[str, str]) -> str:
        return names.get(subject_id) or subject_id or self.say("SOMEBODY_LISTED")

    def subject_line(self, alert: Alert) -> str:
        """Return nationality and date of birth, for a table."""
        return "" if alert.nameless else self.born_line(alert.subject)

    def born_line(self, subject: Subject) -> str:
        """Return a person's nationality and date of birth, for a table."""
        unknown = self.say("UNKNOWN")
        birth = self.written(subject.date_of_birth)
        born = self.say("BORN", date=birth) if birth else self.say("BORN_UNKNOWN")
        return f"{subject.nationality or unknown}, {born}"

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

    def whereabouts(self, alert: Alert, now: datetime) -> str:
        """Return where the traveller is now and since when or, once nobody has seen them for a while, since when."""
        age, counter = now - alert.last_seen_at, alert.place.counter
        here = alert.seen_live and age < GONE_AFTER
        return self.say("HERE_NOW" if here else "NOT_SEEN", counter=counter, age=self.duration(age))

    def where(self, alert: Alert, now: datetime) -> str:
        """Return the same with the direction, in one line; once it is done with, only the place."""
        place = self.place(alert)
        if not alert.open:
            return place
        age = now - alert.last_seen_at
        here = alert.seen_live and age < GONE_AFTER
        return self.say("WHERE_NOW" if here else "WHERE_BEFORE", place=place, age=self.duration(age))

    def age(self, alert: Alert, now: datetime) -> str:
        """Return for how long an alert has waited to be settled, or had."""
        return self.duration((alert.settled_at or now) - alert.raised_at)

    def direction(self, direction: Direction | None) -> str:
        return self.say(f"DIRECTION_{direction}") if direction else self.say("UNKNOWN")

    # How similar.

    def similarity(self, alert: Alert) -> str:
        """Return in words how far the score is above the threshold; nothing before the first look."""
        return "" if alert.nameless else self.say(f"SCORE_LEVEL_{score_level(alert)}")

    def scores(self, alert: Alert) -> tuple[Fact, ...]:
        """Return the numbers, for who asks for them: score and threshold, then the scores of candidates and sightings.

        They are no percentages. With each goes the model version in which it can be compared.
        """
        if alert.nameless or not alert.named:
            return ()
        both = self.say("SCORE", score=self.number(alert.score, ".2f"), threshold=self.number(alert.threshold, ".2f"))
        facts = [Fact(self.say("FACT_SCORE"), self.say("SCORE_OF_MODEL", score=both, model=alert.model_version))]
        if len(alert.candidates) > 1:
            facts += [
                Fact(f"{rank}. {one.name or self.say('UNKNOWN')}", self._score_of(one))
                for rank, one in enumerate(alert.candidates, start=1)
                if one.subject_id
            ]
        return (
            *facts,
            *(
                Fact(f"{self.clock(one.captured_at)}, {one.camera.counter}", self._score_of(one))
                for one in alert.sightings
            ),
        )

    def _score_of(self, one: Candidate | Sighting) -> str:
        score = self.number(one.score, ".2f")
        return self.say("SCORE_OF_MODEL", score=score, model=one.model_version) if one.model_version else score

    # Actions of people.

    def history(self, alert: Alert) -> tuple[Fact, ...]:
        """Return the steps of people so far."""
        handling = alert.handling
        facts = [Fact(self.say("FACT_FIRST_LOOK"), self._look(one, alert)) for one in handling.looks]
        facts += [
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
            if not one.subject_id:
                facts.append(Fact(f"{rank}.", self.say("LOOK_FIRST")))
                continue
            name = one.name or self.say("UNKNOWN")
            words = f"{name} ({self._ruled_out(one, alert)})" if one.ruled_out else name
            facts.append(Fact(f"{rank}.", words))
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
        if alert.asked == before.asked or alert.state not in UNDECIDED:
            return ""
        if alert.look_needed:
            return self.say("NEXT_FACE")
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
            if one.subject_id and one.subject_id not in before.candidates
        ]
        if sum(not one.subject_id for one in alert.candidates) > before.candidates.count(""):
            came.append(self.say("CAME_FACE"))
        came += [self._finding(one, alert) for one in alert.handling.findings[before.findings :]]
        if alert.state is not before.state:
            came.append(self._state(alert.state, alert))
        return self.say("CAME_SINCE", what="; ".join(came)) if came else ""

    def state(self, alert: Alert) -> str:
        """Return the alert's state, with its holder and its escalation."""
        parts = [self.standing(alert)]
        if taken := alert.handling.taking_over:
            why = self.say(f"REASON_{taken.reason or 'UNKNOWN'}")
            parts.append(self.say("TAKEN_OVER_BY", holder=self.holder(alert), reason=why))
        elif alert.state is AlertState.CLAIMED:
            parts.append(self.say("HELD_BY", holder=self.holder(alert)))
        if since := alert.handling.reference_owed_since:
            parts.append(self.say("REFERENCE_OWED", time=self.time(since)))
        if alert.state is AlertState.NEW and alert.escalated and not alert.only_to_be_cleared:
            level = self.escalation(alert)
            parts.append(level[:1].lower() + level[1:])
        return ", ".join(parts)

    def standing(self, alert: Alert) -> str:
        """Return where the alert stands, in a few words; above all that its orders have ended."""
        words = self._state(alert.state, alert)
        if alert.ground_gone:
            return self.say("GROUND_GONE", state=words)
        return self.say("ORDERS_ENDED", state=words) if alert.only_to_be_cleared else words

    def cleared(self, why: Clearing) -> str:
        return self.say(f"CLEARED_{why}")

    def _state(self, state: AlertState | None, alert: Alert) -> str:
        """Return a state in words; of what is over, why it is."""
        if alert.exercise:
            return self.say("EXERCISE_OVER")
        why = alert.clearing
        if state is AlertState.CLEARED and why:
            return self.cleared(why)
        if state is None and alert.look_needed:
            return self.say("STATE_JUDGED")
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
        """Return whether the server is connected, and since when or why not."""
        since = self.clock(connection.since)
        if connection.ready:
            return self.say("CONNECTED", time=since)
        if connection.cause is None:
            return self.say("CONNECTING", time=since)
        return self.say("DISCONNECTED", time=since, cause=self.say(f"CAUSE_{connection.cause}"))

    def watching(self, connection: Connection, own: Collection[ReadinessFault] = ()) -> str:
        """Return whether a listed traveller who passes now would ring here, and if not why: the line of all screens.

        `own` are the faults of this PC.
        """
        readiness = connection.readiness(own)
        if readiness is None:
            return self.say("WATCHING_UNKNOWN")
        if readiness.fault is None:
            return self.say("WATCHING_ALL")
        if readiness.fault is ReadinessFault.SERVER:
            why = self.connection(connection)
        else:
            why = self.say(f"WATCH_FAULT_{readiness.fault}", counters=", ".join(readiness.counters[:MAX_COUNTERS]))
        return self.say(f"WATCHING_{readiness.level}", why=why)

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
        if sources := ", ".join(freshness.stale_sources):
            words = self.say("WATCHLIST_SOURCES", words=words, sources=sources)
        count = freshness.unrecognisable_subjects
        return self.say("WATCHLIST_UNRECOGNISABLE", words=words, count=count) if count else words

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
            Fact(self.say("SHIFT_MEDIAN_LOOK"), self._median(report.median_look_s if report else 0)),
            Fact(self.say("SHIFT_LOOKS_KEPT"), self._kept(report)),
        )

    def _kept(self, report: ShiftReport | None) -> str:
        if report is None or not report.looks:
            return _NO_FIGURE
        return self.say("SHIFT_LOOKS_KEPT_OF", kept=report.looks_kept, looks=report.looks)

    def false_alerts(self, tally: Tally) -> str:
        """Return how many alerts of a camera or a list were false."""
        return self.say("SHIFT_FALSE_OF", cleared=tally.cleared, decided=tally.decided)

    def list_name(self, key: str) -> str:
        """Return the name of a list; a camera's key is returned unchanged."""
        return self.order_kind(OrderKind(key)) if key in set(OrderKind) else key

    def _median(self, seconds: float) -> str:
        return self.duration(timedelta(seconds=seconds)) if seconds else _NO_FIGURE

    def step(self, step: Step, alert: Alert) -> str:
        """Return what a step is called; before the first look, a judgement is one."""
        return self.say(f"AT_SIGHT_{step}" if alert.look_needed and step in JUDGEMENTS else f"STEP_{step}")

    def own_look(self, alert: Alert, session: PersonSession | None) -> str:
        """Return what the person found at first sight of the candidate that is asked about; empty if they have not.

        Of an exercise that is over, what it was for them.
        """
        if alert.exercise:
            return self.exercise(alert)
        own = alert.handling.look_of(session.person_id, alert.subject.subject_id) if session else None
        judge = alert.handling.officer if alert.pending else None
        if own is None or not alert.unsettled or (judge and judge.person_id == own.person.person_id):
            return ""
        return self.say("LOOK_TAKEN", finding=self._at_sight(own.finding), time=self.clock(own.looked_at))

    def exercise(self, alert: Alert) -> str:
        """Return that it was an exercise, and how the reader judged it; empty for anything else (domain rule 16)."""
        if not alert.exercise:
            return ""
        told = self.say(f"EXERCISE_{alert.exercise}")
        if not (record := alert.exercise_record):
            return told
        counts = {"recognised": record.recognised, "undecided": record.undecided, "missed": record.missed}
        return f"{told} {self.say('EXERCISE_RECORD', **counts)}"

    def _look(self, look: Look, alert: Alert) -> str:
        found = self._at_sight(look.finding)
        if len(alert.candidates) > 1:
            judged = next((one for one in alert.candidates if one.subject_id == look.subject_id), None)
            found = f"{judged.name if judged and judged.name else self.say('UNKNOWN')}: {found}"
        return f"{found} — {self._name(look.person)}, {self.time(look.looked_at)}"

    def _at_sight(self, finding: Outcome | None) -> str:
        """Return what somebody found of the two faces."""
        step = next((step for step in JUDGEMENTS if STEP_OUTCOMES[step] is finding), None)
        return self.say(f"AT_SIGHT_{step}") if step else self.say("UNKNOWN")

    def _finding(self, finding: Finding, alert: Alert) -> str:
        outcome = self.say(f"OUTCOME_{finding.outcome or 'UNKNOWN'}")
        if len(alert.candidates) > 1:
            judged = next((one for one in alert.candidates if one.subject_id == finding.subject_id), None)
            outcome = f"{judged.name if judged and judged.name else self.say('UNKNOWN')}: {outcome}"
        if finding.outcome is Outcome.UNDONE:
            return f"{outcome} — {self._name(finding.person)}, {self.time(finding.found_at)}"
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

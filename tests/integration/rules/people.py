"""The rules of what people do with alerts, in plain words; see `model.py`.

Each step changes the alert, or returns why it must be refused: any of several reasons will do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from tests.integration.rules.law import Law, agency_of
from tests.integration.rules.values import (
    LEASE,
    PENDING,
    UNDECIDED,
    UNSETTLED,
    Alert,
    Camera,
    Order,
    Person,
    Wait,
    person_of,
)

REASONS = {
    "NOT_LISTED_IN_CEKAL_ONLINE": "NOT_LISTED",
    "TRAVELLER_GONE": "TRAVELLER_GONE",
    "ORDER_ENDED": "ORDER_ENDED",
}
"""What the record says of why somebody was cleared, by the reason that was given."""
DISPROVING = {"OTHER_PERSON", "NOT_LISTED"}
KINDS = {"DEPARTURE": "CEGAH", "ARRIVAL": "TANGKAL"}


class PeoplesRules:
    """The part of the rules that is about people."""

    def __init__(self, now: datetime, cameras: Mapping[str, Camera]) -> None:
        self.now = now
        self.elapsed = timedelta()
        """How much time has passed, whatever the clocks say."""
        self.cameras = cameras
        self.orders: dict[str, Order] = {}
        self.photographs: Counter[str] = Counter()
        """How many there are under each key."""
        self.terms: dict[date, int] = {}
        """Rows of the law that were added; see `Law`."""
        self.disabled: set[str] = set()
        """People whose account is disabled."""
        self.alerts: list[Alert] = []
        self.grew: set[int] = set()
        """Alerts whose version must have grown in this step, by their place in `alerts`."""
        self.retold: set[int] = set()
        """Alerts whose version may have grown, since the list or the law says something else of a candidate."""
        self.changed: set[int] = set()
        """Alerts that came to another state, or whose orders ended or came again, in this step."""

    def look(self, alert: Alert, who: Person, *, seen: bool) -> set[str]:
        """(15) Look at the two faces, before all else is shown; a second look changes nothing."""
        why = self._not_theirs(alert, who)
        if why or (who.name, alert.subject) in alert.looked:
            return why
        if alert.state not in UNSETTLED or alert.orders_ended:
            why |= {"ALERT_STATE_WRONG"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if not why:
            alert.looked.add((who.name, alert.subject))
        return why

    def may_see(self, alert: Alert, name: str) -> bool:
        """(15) Whether somebody may see name, order, score and others' findings, while there is something to judge."""
        return alert.state not in UNSETTLED or alert.orders_ended or (name, alert.subject) in alert.looked

    def claim(self, alert: Alert, who: Person, pc: str) -> set[str]:
        """Take the alert, or renew the own claim."""
        if why := self._not_theirs(alert, who):
            return why
        if alert.state == "CLAIMED" and alert.holder != (who.name, pc):
            return {"ALERT_HELD"}
        if alert.state not in UNDECIDED:
            return {"ALERT_STATE_WRONG", *self._ended(alert)}
        if alert.state == "NEW":
            if alert.orders_ended:
                return self._ended(alert)
            self._grows(alert)
            self._comes_to(alert, "CLAIMED", alert.wait)  # (6) however often it is claimed and released
        alert.holder, alert.until = (who.name, pc), self.elapsed + LEASE
        return set()

    def release(self, alert: Alert, who: Person, pc: str) -> set[str]:
        """Give the alert back."""
        if why := self._not_theirs(alert, who) | self._not_held(alert, who, pc):
            return why
        self._comes_to(alert, "NEW", alert.wait)
        self._grows(alert)
        return set()

    def signs_out(self, who: Person, pc: str) -> None:
        """(6) What somebody holds at a PC is released when they sign out there."""
        for alert in self.alerts:
            if alert.holder == (who.name, pc):
                self._comes_to(alert, "NEW", alert.wait)
                self._grows(alert)

    def take_over(self, alert: Alert, who: Person, pc: str, *, seen: bool) -> set[str]:
        """(6) A supervisor takes the alert from whoever holds it, or has judged it: it is looked at anew."""
        why = self._not_theirs(alert, who)
        if who.role != "SUPERVISOR":
            why |= {"PERSON_ROLE_NEEDED"}
        if alert.state not in {"CLAIMED", *(set() if alert.orders_ended else PENDING)}:
            why |= {"ALERT_STATE_WRONG", *self._ended(alert)}
        if alert.holder == (who.name, pc):
            why |= {"ALERT_STATE_WRONG"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if not why:
            self._grows(alert)
            self._comes_to(alert, "CLAIMED", alert.wait)
            alert.holder, alert.until = (who.name, pc), self.elapsed + LEASE
            if alert.subject not in alert.askable:  # (4) nobody is kept from judging whoever has an order
                alert.subject = alert.askable[0]
        return why

    def judge(self, alert: Alert, who: Person, pc: str, outcome: str, *, seen: bool) -> set[str]:
        """Judge the present candidate at the counter, having `seen` how the alert stands, or not."""
        why = self._not_theirs(alert, who) | self._not_held(alert, who, pc) | self._ended(alert)
        if not seen:  # (4)
            why |= {"ALERT_CHANGED"}
        if outcome == "REFERRED" and not self.has_order(alert, alert.subject):  # (1)
            why |= {"ORDER_NOT_IN_FORCE"}
        if why:
            return why
        self._grows(alert)
        alert.officer = who.name
        alert.looked.add((who.name, alert.subject))
        if outcome != "NOT_SAME_PERSON":
            self._comes_to(alert, outcome, self.new_wait())  # it comes to the supervisors once it cannot be undone
            return why
        if self._rules_out(alert, "OTHER_PERSON"):
            self._comes_to(alert, "CLEARED")
        return why

    def _rules_out(self, alert: Alert, why: str) -> bool:
        """(4) The next candidate is asked about; return whether there is none, since each has been judged."""
        alert.ruled_out.add(alert.subject)
        alert.why[alert.subject] = why
        if why == "NOT_LISTED" and alert.subject not in alert.disproved:
            alert.unlisted.add(alert.subject)
            of = person_of(alert.subject)
            alert.answered[alert.subject] = [replace(one) for one in self.orders.values() if one.person == of]
        elif why != "NOT_LISTED":
            alert.unlisted.discard(alert.subject)
        if why in DISPROVING:
            alert.disproved.add(alert.subject)
        if alert.left:
            alert.subject = alert.askable[0]
        return not alert.left

    def confirm(self, alert: Alert, who: Person, *, provisional: bool, seen: bool) -> set[str]:
        """(6) Confirm it, as the second person, with the number of Cekal Online; without it if that is away."""
        why = self._not_theirs(alert, who) | self._ended(alert)
        if who.role != "SUPERVISOR":
            why |= {"PERSON_ROLE_NEEDED"}
        if alert.state not in PENDING:
            why |= {"ALERT_STATE_WRONG"}
        if alert.officer == who.name:
            why |= {"SAME_PERSON_TWICE"}
        if alert.officer in self.disabled:  # another looks, and takes their place
            why |= {"OFFICER_DISABLED"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if not self.has_order(alert, alert.subject):
            why |= {"ORDER_NOT_IN_FORCE"}
        if not why:
            self._comes_to(alert, "CONFIRMED")
            alert.looked.add((who.name, alert.subject))
            alert.confirmed, alert.owes_reference = True, provisional
            self._grows(alert)
        return why

    def enter_reference(self, alert: Alert, who: Person, *, seen: bool) -> set[str]:
        """(6) Enter the number that is owed."""
        why = self._settles_owed(alert, who, seen=seen)
        if not why:
            alert.looked.add((who.name, alert.subject))
            alert.owes_reference = False
            self._grows(alert)
        return why

    def _settles_owed(self, alert: Alert, who: Person, *, seen: bool) -> set[str]:
        why = self._not_theirs(alert, who)
        if who.role != "SUPERVISOR":
            why |= {"PERSON_ROLE_NEEDED"}
        if not alert.owes_reference:
            why |= {"ALERT_STATE_WRONG"}
        return why if seen else why | {"ALERT_CHANGED"}

    def clear(self, alert: Alert, who: Person, reason: str, *, seen: bool) -> set[str]:
        """Clear it after a referral, or wherever it stands once its orders have ended (1); or take back a hit."""
        if alert.owes_reference:
            why = self._settles_owed(alert, who, seen=seen) | self._not_ended(alert, reason)
            if not why:
                alert.looked.add((who.name, alert.subject))
                self._rules_out(alert, REASONS[reason])
                alert.confirmed = alert.owes_reference = False
                self._comes_to(alert, "CLEARED")
                self._grows(alert)
            return why
        why = self._not_theirs(alert, who)
        if alert.state not in (UNSETTLED if alert.orders_ended else PENDING):
            why |= {"ALERT_STATE_WRONG", *self._ended(alert)}
        if alert.holder and alert.holder[0] != who.name:
            why |= {"ALERT_HELD"}
        if alert.state == "CANNOT_DETERMINE" and who.role != "SUPERVISOR":
            why |= {"PERSON_ROLE_NEEDED"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        why |= self._not_ended(alert, reason)
        if not why:
            alert.looked.add((who.name, alert.subject))
            # Nobody is asked about those without an order.
            if self._rules_out(alert, REASONS[reason]) or alert.orders_ended:
                self._comes_to(alert, "CLEARED")
            else:  # nobody has judged the next one at the counter
                self._comes_to(alert, "NEW")
            self._grows(alert)
        return why

    def _not_ended(self, alert: Alert, reason: str) -> set[str]:
        """Whether an order is said to have ended that has not."""
        return {"ORDER_IN_FORCE"} if reason == "ORDER_ENDED" and self.has_order(alert, alert.subject) else set()

    def follow_up(self, alert: Alert, who: Person, agency: str, *, seen: bool) -> set[str]:
        """Record that an agency was told of a hit, or of the release once its orders have ended."""
        why = self._not_theirs(alert, who)
        if alert.state != "CONFIRMED":
            why |= {"ALERT_STATE_WRONG"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if not why:
            told = agency_of(agency)
            with_order = told in self._with_order(alert)
            ended = told in alert.told_by_order and not with_order
            alert.told[told] = alert.orders_ended or ended
            (alert.told_by_order.add if with_order and not alert.orders_ended else alert.told_by_order.discard)(told)
            self._grows(alert)
        return why

    def close(self, alert: Alert, who: Person, *, seen: bool) -> set[str]:
        """Close it: a hit only after every agency was told."""
        why = self._not_theirs(alert, who)
        if alert.state not in {"CONFIRMED", "CLEARED"}:
            why |= {"ALERT_STATE_WRONG"}
        if not seen:
            why |= {"ALERT_CHANGED"}
        if alert.state == "CONFIRMED" and (self.owed(alert) or not (alert.told or alert.orders_ended)):
            why |= {"FOLLOW_UP_MISSING"}
        if alert.owes_reference:
            why |= {"REFERENCE_OWED"}
        if not why:
            self._comes_to(alert, "CLOSED")
            self._grows(alert)
        return why

    def owed(self, alert: Alert) -> set[str]:
        """(6) The agencies that must be told of a hit, each with an order; or of the release, where they were told."""
        if alert.state != "CONFIRMED":
            return set()
        if alert.orders_ended:
            return {agency for agency, released in alert.told.items() if not released}
        agencies = self._with_order(alert)
        return {agency for agency in agencies if alert.told.get(agency, True)} | (alert.told_by_order - agencies)

    def _with_order(self, alert: Alert) -> set[str]:
        return {agency_of(one.agency) for one in self._orders_of(alert, alert.subject)}

    def has_order(self, alert: Alert, subject: str) -> bool:
        """(1) Whether an order that alerts there is in force for that person."""
        return bool(self._orders_of(alert, subject))

    def _orders_of(self, alert: Alert, subject: str) -> list[Order]:
        """Those orders, under whatever key they live on."""
        law, kinds = Law(self.orders.values(), self.terms), {KINDS[direction] for direction in alert.directions}
        return [
            one
            for one in law.orders
            if one.person == person_of(subject) and one.kind in kinds and law.in_force(one, self.now)
        ]

    def _ended(self, alert: Alert) -> set[str]:
        """(1) An unsettled alert whose orders have ended can only be released and cleared."""
        return {"ORDER_NOT_IN_FORCE", "ALERT_STATE_WRONG"} if alert.orders_ended else set()

    def _not_theirs(self, alert: Alert, who: Person) -> set[str]:
        found = set() if who.site == alert.site else {"ALERT_NOT_FOUND"}
        return found | ({"SIGN_IN_NEEDED"} if who.name in self.disabled else set())

    def _not_held(self, alert: Alert, who: Person, pc: str) -> set[str]:
        if alert.state not in UNDECIDED:
            return {"ALERT_STATE_WRONG"}
        if alert.state == "NEW":
            return {"ALERT_NOT_CLAIMED", "ALERT_STATE_WRONG"}
        return set() if alert.holder == (who.name, pc) else {"ALERT_HELD"}

    def watched(self, subject: str, direction: str) -> set[str]:
        """(2) The orders in force under that key, of the kind that this direction is for."""
        law = Law(self.orders.values(), self.terms)
        return {
            one.key
            for one in law.orders
            if one.subject == subject and one.kind == KINDS[direction] and law.in_force(one, self.now)
        }

    def has_listed(self, subject: str) -> frozenset[object]:
        """What the list has of a person, under all their keys, and whether it is in force."""
        law = Law(self.orders.values(), self.terms)
        photographs = self.photographs_of(person_of(subject))
        return frozenset([photographs]) | frozenset(
            (
                one.key,
                one.subject,
                one.kind,
                one.first,
                one.last,
                one.agency,
                one.revoked_at,
                law.in_force(one, self.now),
            )
            for one in law.orders
            if one.person == person_of(subject)
        )

    def photographs_of(self, person: str) -> int:
        """How many photographs there are of somebody, under all their keys."""
        return sum(number for key, number in self.photographs.items() if person_of(key) == person)

    def searched(self) -> set[str]:
        """(9) The keys of those with an order that is in force, or will be."""
        law = Law(self.orders.values(), self.terms)
        return {one.subject for one in law.orders if law.is_or_will_be(one, self.now)}

    def _comes_to(self, alert: Alert, state: str, wait: Wait | None = None) -> None:
        alert.state, alert.wait = state, wait or self._waits_anew(alert)
        self.changed.add(self.alerts.index(alert))
        if state != "CLAIMED":
            alert.holder = alert.until = None
        alert.turn += 1  # (7) somebody deals with all that came, or leaves it
        live = {passage for passage, face in alert.passages.items() if face.live}
        alert.unheeded = live if state == "NEW" else set()
        alert.called = state == "NEW" and alert.ever_called

    def _waits_anew(self, alert: Alert) -> Wait:
        """Begin another wait; what went up at this very moment has gone up in it."""
        before, wait = alert.wait, self.new_wait()
        if before.up_from == self.elapsed:
            wait.up_at, wait.up_from = before.up_at, before.up_from
        return wait

    def new_wait(self) -> Wait:
        """Return one that begins now."""
        return Wait(self.now, self.elapsed)

    def _grows(self, alert: Alert) -> None:
        self.grew.add(self.alerts.index(alert))

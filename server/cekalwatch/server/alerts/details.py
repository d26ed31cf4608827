"""The details of an alert that officers see: its subject, its orders with their present status, and the pictures.

Also decides whether an alert has an order in force now, for judgements, screens and the watch for ended orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from cekalwatch.contract.values.alerts import Alert as ShownAlert
from cekalwatch.contract.values.alerts import AlertFilter, AlertPictures, AlertSearch, JudgedLookalike
from cekalwatch.contract.values.exercises import ExerciseRecord
from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, Subject
from cekalwatch.server.alerts.shown import shown_alert
from cekalwatch.server.domain.alerts.adjudication import FollowUp
from cekalwatch.server.domain.alerts.agencies_owed import agencies_owed, is_release
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.alerts.match import Told
from cekalwatch.server.domain.lookalikes import JudgedPair
from cekalwatch.server.domain.names import people_in
from cekalwatch.server.domain.orders.ban_order import JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.storage.alerts.store import EVERYTHING, AlertStore
from cekalwatch.server.storage.exercises.store import ExerciseStore
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES

People = Mapping[str, Sequence[SubjectFile]]
"""By a candidate's key, the files of that person: under that key, if it is held, and under others."""


class AlertOrders:
    """Judges the orders of an alert's candidates. Its methods block: call them from a worker thread."""

    def __init__(self, watchlist: WatchlistStore, checkpoints: Checkpoints) -> None:
        self._watchlist = watchlist
        self._checkpoints = checkpoints

    def people(self, alert: Alert) -> People:
        """Return what is held of the people behind the candidates that are not ruled out."""
        return self._watchlist.people({one.subject_id: one.order_ids for one in alert.left})

    def in_force(self, alert: Alert, people: People, now: datetime) -> frozenset[str]:
        """Return the keys of the candidates with an order in force that alerts where the traveller was seen."""
        return frozenset(
            key for key, files in people.items() if any(one.in_force for one in self.orders(alert, key, files, now))
        )

    def told(self, alert: Alert, people: People, now: datetime) -> dict[str, Told]:
        """Return digests of what the list tells of the candidates that are not ruled out."""
        digest, judged = self._watchlist.digest, self._checkpoints.judged

        def facts(file: SubjectFile) -> tuple[object, ...]:
            # All orders: which of them concern the alert changes with where its traveller is seen.
            return file.subject, [one.shown for one in judged(file, now, alert.camera.site)]

        return {
            key: Told(
                digest(list(map(facts, files))),
                digest([one.reference_id for one in photographs(files)]),
                tuple(self._watchlist.content(order) for file in files for order in file.orders),
            )
            for key, files in people.items()
        }

    def files_of_asked(self, alert: Alert) -> Sequence[SubjectFile]:
        """Return what is held of the person whom the alert asks about, or asked about last."""
        return self._watchlist.people({alert.subject_id: alert.order_ids})[alert.subject_id]

    def of_asked(self, alert: Alert, now: datetime) -> tuple[JudgedOrder, ...]:
        """Return the orders that concern the alert of the candidate that it asks about, or asked about last."""
        return self.orders(alert, alert.subject_id, self.files_of_asked(alert), now)

    def agencies_owed(self, alert: Alert, orders: Iterable[JudgedOrder]) -> tuple[str, ...]:
        """Return the agencies that must still be told of a hit; `orders` are those of its subject."""
        with_order = (one.order.requesting_agency for one in orders if one.in_force)
        return agencies_owed(alert.handling, with_order, self._checkpoints.law.agencies)

    def told_agency(self, alert: Alert, follow_up: FollowUp, orders: Iterable[JudgedOrder]) -> FollowUp:
        """Return a contact with an agency with what it tells of; `orders` are those of the alert's subject."""
        agencies = self._checkpoints.law.agencies
        with_order = [one.order.requesting_agency for one in orders if one.in_force]
        release = is_release(alert.handling, follow_up.agency, with_order, agencies)
        by_order = agencies.key_of(follow_up.agency) in map(agencies.key_of, with_order)
        return replace(follow_up, release=release, by_order=by_order)

    def stands(self, alert: Alert, file: SubjectFile, now: datetime) -> bool:
        """Whether the subject has an order that is in force at the alert's site, or will be."""
        judged = self._checkpoints.judged(file, now, alert.camera.site)
        return any(one.judgement.status in {OrderStatus.ACTIVE, OrderStatus.NOT_YET_VALID} for one in judged)

    def orders(
        self, alert: Alert, subject_id: str, files: Iterable[SubjectFile], now: datetime
    ) -> tuple[JudgedOrder, ...]:
        """Return the orders of a candidate that concern the alert, with their status now; `files` are the person's.

        These are the orders with which it was raised, and all orders in force now that alert in that direction: a later
        extension replaces the order that it extends, and an order may live on under another key of the person.
        """
        raised_with = alert.orders_of(subject_id)
        return tuple(
            one
            for file in files
            for one in self._checkpoints.judged(file, now, alert.camera.site)
            if one.order.order_id in raised_with or (one.in_force and alert.watched_for(one.order.kind))
        )


def photographs(files: Iterable[SubjectFile]) -> tuple[ReferenceFace, ...]:
    """Return the reference faces of a person that officers compare, best first, without their pictures."""
    return tuple(face for file in files for face in file.references)[:MAX_REFERENCES]


MAX_REFERENCES = 3
OWN_RECORD = timedelta(days=90)
"""What people are told of their own exercises reaches back so far."""
_ASKED_DIGITS = 16
MAX_JUDGED = 3
"""Most judged look-alikes of a candidate that an officer sees."""
MAX_PICTURE_BYTES = MAX_MESSAGE_BYTES - 16 * 1024
"""Bytes for pictures in one message that also has the facts of the alert."""


@dataclass(frozen=True)
class AlertDetails:
    """An alert with its subject, the subject's orders that alert, and names of candidates and people."""

    alert: Alert
    whole: ShownAlert
    """All of it: `seen_by` has what certain people may see."""

    @cached_property
    def before_look(self) -> ShownAlert:
        """What somebody who may judge it sees before the first look; all, where none is asked for (domain rule 15)."""
        if self.whole.exercise:
            return self.whole.told_to(())
        return self.whole.before_look if self.whole.first_look else self.whole

    @property
    def unnamed(self) -> ShownAlert:
        """What a device without a person gets of it."""
        return self.before_look.unnamed

    def seen_by(self, judges: Collection[UUID]) -> ShownAlert:
        """Return what a screen shows of it where these people look who may judge it; nobody: all of it.

        Of several, each must have looked.
        """
        shown = self.whole
        if shown.exercise:
            return shown.told_to([str(one) for one in judges])
        for one in judges:
            shown = shown.seen_by(str(one))
        return self.before_look if shown.look_needed else shown


class AlertDetailsReader:
    """Reads alerts together with the watchlist. Methods block: call them from a worker thread."""

    def __init__(
        self,
        alerts: AlertStore,
        watchlist: WatchlistStore,
        people: PeopleStore,
        orders: AlertOrders,
        clock: Clock,
        asks_looks: Callable[[], bool] = lambda: True,
        exercises: ExerciseStore | None = None,
    ) -> None:
        """`asks_looks` says whether people must look at the faces first, which two people can turn off.

        A centre has no `exercises`.
        """
        self._exercises = exercises
        self._asks_looks = asks_looks
        self._alerts = alerts
        self._watchlist = watchlist
        self._people = people
        self._orders = orders
        self._clock = clock

    def get(self, alert_id: UUID) -> AlertDetails:
        """Return the details of one alert; raises ALERT_NOT_FOUND."""
        return self.of(self._alerts.get(alert_id))

    def several(self, alert_ids: Sequence[UUID]) -> list[AlertDetails]:
        """Return the details of alerts in the order of the ids, from one reading; removed alerts are left out."""
        return self.of_all(self._alerts.several(alert_ids))

    def page(
        self,
        wanted: AlertFilter,
        before: UUID | None,
        limit: int,
        search: AlertSearch = EVERYTHING,
        judge: UUID | None = None,
    ) -> list[AlertDetails]:
        """Return a page of alerts with their details, newest first; see `AlertStore.list_alerts`.

        A search by what `judge` sees after the first look finds no alert at which they have not looked.
        """
        handled_by = self._people.called(search.handled_by) if search.handled_by else None
        judge = judge if self._asks_looks() else None
        return self.of_all(self._alerts.list_alerts(wanted, before, limit, search, handled_by, judge))

    def pictures(self, alert_id: UUID) -> AlertPictures:
        """Return the pictures of an alert that are still kept; raises ALERT_NOT_FOUND."""
        return self.pictures_of(self._alerts.get(alert_id), self._alerts.probe(alert_id))

    def pictures_of(self, alert: Alert, probe: bytes) -> AlertPictures:
        """Return the probe with the reference faces to compare it with."""
        room = MAX_PICTURE_BYTES - alert.handling.size - len(probe)
        references = []
        for face in self._references(alert):
            if (room := room - len(face.jpeg)) < 0:
                break
            references.append(face)
        return AlertPictures(probe, tuple(references))

    def faces(self, alert: Alert) -> tuple[bytes, bytes]:
        """Return the probe and the best reference face; both are empty when the probe is no longer kept."""
        probe = self._alerts.probe(alert.alert_id)
        best = next(self._references(alert), None) if probe else None
        return probe, best.jpeg if best else b""

    def _references(self, alert: Alert) -> Iterator[ReferenceFace]:
        """Yield the reference faces to compare the probe with, with their pictures, best first."""
        if alert.exercise_id:
            pictures = self._exercises.pictures(alert.subject_id) if self._exercises and alert.open else []
            for jpeg in pictures[:1]:
                yield ReferenceFace("", "", FaceFigures(), jpeg=jpeg)
            return
        for face in photographs(self._orders.files_of_asked(alert)):
            yield replace(face, jpeg=self._watchlist.face_jpeg(face.reference_id))

    def of(self, alert: Alert, people: Mapping[str, str] | None = None) -> AlertDetails:
        """Return the details of an alert that was read; `people` are the names of a port's people."""
        return self.of_all([alert], people)[0]

    def of_all(self, alerts: Sequence[Alert], people: Mapping[str, str] | None = None) -> list[AlertDetails]:
        """Return the details of alerts that were read; the subjects and people of all are read at once."""
        if not alerts:
            return []
        keys = {one.subject_id for one in alerts} | {each.subject_id for one in alerts for each in one.candidates}
        # Somebody who left the watchlist is not found. The alert stays, with the ID of the subject.
        raised_with: dict[str, set[str]] = defaultdict(set)
        for one in alerts:
            raised_with[one.subject_id] |= set(one.order_ids)
        persons = self._watchlist.people({key: raised_with[key] for key in keys})
        files = {key: next(iter(persons[key]), _nobody(key)) for key in keys}
        judged = [one for one in self._watchlist.lookalikes.of(keys) if one.holds]
        others = {key for one in judged for key in (one.pair.first, one.pair.second)}
        held = {file.subject.subject_id: file for file in self._watchlist.orders_of(others - keys)} | files
        asks_looks = people is None and self._asks_looks()  # at the centre, nobody judges a port's alerts
        if people is None:
            people = self._people.display_names(people_in(tuple(one.handling for one in alerts)))
        names = {key: file.subject.name for key, file in files.items()}
        now = self._clock.now()
        orders = {
            one.alert_id: self._orders.orders(one, one.subject_id, persons[one.subject_id], now) for one in alerts
        }
        return [
            AlertDetails(
                one,
                shown_alert(
                    one,
                    files[one.subject_id].subject,
                    orders[one.alert_id],
                    names,
                    {each.subject_id: self._judged(one, each.subject_id, judged, held, now) for each in one.candidates},
                    people,
                    self._orders.agencies_owed(one, orders[one.alert_id]),
                    self._asked_key(one, persons[one.subject_id]),
                    exercise_record=self._record(one, now),
                    asks_looks=(asks_looks or one.exercise_id is not None) and one.asks_looks,
                ),
            )
            for one in alerts
        ]

    def _asked_key(self, alert: Alert, files: Iterable[SubjectFile]) -> str:
        """Return a key of the candidate that an alert asks about and of their photographs, which says nothing of them.

        `files` are the person's. It needs the server's secret: whoever knows the list could try its people otherwise.
        """
        of = [str(alert.alert_id), alert.subject_id, *(one.reference_id for one in photographs(files))]
        return self._watchlist.digest(of)[:_ASKED_DIGITS]

    def _record(self, alert: Alert, now: datetime) -> ExerciseRecord | None:
        """Return the record of the person who has judged an exercise; None of any other alert."""
        if self._exercises is None or alert.exercise is None or not alert.handling.looks:
            return None
        return self._exercises.own(UUID(alert.handling.looks[-1].person.person_id), now - OWN_RECORD)

    def _judged(
        self,
        alert: Alert,
        subject_id: str,
        judged: Sequence[JudgedPair],
        held: Mapping[str, SubjectFile],
        now: datetime,
    ) -> tuple[JudgedLookalike, ...]:
        """Return the judgements about a candidate and others with a similar face who have an order, at most
        MAX_JUDGED."""
        beside = {one.pair.other(subject_id): one.judgement for one in judged if subject_id in one.pair}
        standing = [key for key in sorted(beside) if key in held and self._orders.stands(alert, held[key], now)]
        return tuple(JudgedLookalike(key, beside[key]) for key in standing[:MAX_JUDGED])


def _nobody(subject_id: str) -> SubjectFile:
    return SubjectFile(Subject(subject_id, name=""), (), ())

"""Subjects, orders, reference faces and the list's age are read as they were written, and what is unsafe is cleaned."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from cekalwatch.contract.codec.watchlist import (
    FRESHNESS,
    OFFICERS_ORDER,
    OFFICERS_SUBJECT,
    ORDER,
    REFERENCE_FACE,
    SUBJECT,
)
from cekalwatch.contract.values.orders import OrderFlag, OrderStatus
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, TravelDocument
from cekalwatch.contract.values.watchlist import Freshness, SourceFreshness
from cekalwatch.server.domain.orders.ban_order import JudgedOrder, OrderJudgement
from cekalwatch.v1 import watchlist_pb2 as pb
from tests.support.builders.watchlist import order, subject

NOON = datetime(2026, 3, 1, 5, tzinfo=UTC)
PERSON = subject(
    aliases=("Satu",),
    travel_documents=(TravelDocument("passport", "X1", "IDN"),),
    address="Jalan Contoh nomor satu," * 20,
    occupation="pelaut",
)
JUDGED = JudgedOrder(
    order(reason="penyidikan", revoked_at=NOON),
    OrderJudgement(OrderStatus.REVOKED, (), (OrderFlag.RENEWED_TOO_LONG,)),
    date(2026, 6, 30),
)
FACE = ReferenceFace("R-1", "ab", FaceFigures(64.0, -4.0, 2.0, 0.5, 0.25, 0.75, 2), ("BLURRED",), also_under=("S-2",))


def test_what_is_written_is_read_again() -> None:
    assert SUBJECT.read(SUBJECT.write(PERSON)) == PERSON
    assert ORDER.read(ORDER.write(JUDGED.shown)) == JUDGED.shown
    assert REFERENCE_FACE.read(REFERENCE_FACE.write(FACE)) == FACE
    fresh = Freshness.of([SourceFreshness("http:cekal", NOON, stale=False)], 3)
    assert FRESHNESS.read(FRESHNESS.write(fresh)) == fresh


def test_officers_hold_no_more_of_a_person_than_they_are_shown() -> None:
    assert OFFICERS_SUBJECT.write(PERSON) == SUBJECT.write(PERSON)
    assert OFFICERS_SUBJECT.read(SUBJECT.write(PERSON)) == replace(PERSON, address="", occupation="")
    assert OFFICERS_ORDER.read(ORDER.write(JUDGED.shown)) == replace(JUDGED.shown, reason="", received_on="")


def test_unsafe_texts_are_cleaned_and_a_key_stays_the_key_that_it_is() -> None:
    message = pb.Subject(subject_id="S  1", name="Contoh\x1b[2J  Satu", address="x" * 600, aliases=["\u202eutas"])
    found = SUBJECT.read(message)
    assert (found.subject_id, found.name, found.aliases) == ("S  1", "Contoh[2J Satu", ("utas",))
    assert (len(found.address), found.address[-2:]) == (500, "x…")
    assert SUBJECT.read(pb.Subject(subject_id="S\x07-1")).subject_id == "S-1"


def test_an_order_is_shown_whatever_only_a_newer_server_knows_of_it() -> None:
    message = pb.BanOrder(order_id="O-1", valid_until="when he comes back", flags=["A_NEW_FLAG"])
    message.kind, message.status = 9, 9  # type: ignore[assignment]  # members of tomorrow
    found = ORDER.read(message)
    assert (found.kind, found.status, found.valid_until) == (None, None, "when he comes back")
    assert (found.flags, found.revoked_at) == (("A_NEW_FLAG",), None)


def test_a_reference_face_without_figures_is_one_that_was_not_measured() -> None:
    assert REFERENCE_FACE.read(pb.ReferenceFace(reference_id="R-1", eye_distance_px=61)).figures == FaceFigures(61.0)


def test_the_list_is_as_old_as_the_source_that_was_away_for_longest() -> None:
    known, older = SourceFreshness("a", NOON, stale=False), SourceFreshness("b", NOON - timedelta(1), stale=True)
    assert Freshness.of([known, older], 0).last_success_at == NOON - timedelta(1)
    never = SourceFreshness("", None, stale=True)
    found = Freshness.of([known, older, never], 0)
    assert (found.last_success_at, found.stale, found.outdated, found.stale_sources) == (None, True, True, ("b",))


def test_an_older_server_names_no_sources_and_is_believed_that_its_list_is_stale() -> None:
    found = FRESHNESS.read(pb.WatchlistFreshness(stale=True, active_subjects=3))
    assert (found.stale, found.outdated, found.last_success_at, found.sources) == (True, True, None, ())

"""An alert in words, as officers read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from cekalwatch.contract.values.adjudication import AlertState, Escalation, Finding, FollowUp, Look, Outcome, Reason
from cekalwatch.contract.values.alerts import Sighting
from cekalwatch.contract.values.orders import (
    OrderEnd,
    OrderFlag,
    OrderGround,
    OrderKind,
    OrderStatus,
    PersonStatus,
    RevocationGround,
)
from cekalwatch.contract.values.reports import ShiftReport, Tally
from cekalwatch.contract.values.subjects import TravelDocument
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.actions.shift_csv import figures_csv
from cekalwatch.notifier.desktop.desk import ServerClock
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alerts import Hindrance, options
from cekalwatch.office.locale.order_formatting import Fact
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, SITI, SetClock, held_by, judged_by, make_alert, session_of
from tests.support.fakes.alert_server import EPOCH

WIB = ZoneInfo("Asia/Jakarta")
ENGLISH, INDONESIAN = NotifierTexts(Language.EN, WIB), NotifierTexts(Language.ID, WIB)


def test_the_subjects_facts_are_told_and_what_is_not_held_is_said() -> None:
    alert = make_alert()
    documents = (TravelDocument("passport", "C1234567", "IDN"), TravelDocument("KITAS", "2C11", ""))
    subject = replace(alert.subject, sex="M", place_of_birth="Medan", travel_documents=documents, aliases=("BUDI S.",))
    facts = {fact.label: fact.value for fact in ENGLISH.subject(replace(alert, subject=subject))}
    assert facts == {
        "Sex": "Male",
        "Born": "Medan, 12 April 1979",
        "Nationality": "IDN",
        "Documents": "passport C1234567 (IDN)\nKITAS 2C11",
        "NIK": "2171011204790003",
        "Also known as": "BUDI S.",
    }
    bare = replace(alert.subject, sex="", date_of_birth="", nationality="", nik="")
    facts = {fact.label: fact.value for fact in INDONESIAN.subject(replace(alert, subject=subject))}
    assert facts["Dokumen"].startswith("paspor C1234567")
    facts = {fact.label: fact.value for fact in ENGLISH.subject(replace(alert, subject=bare))}
    assert facts == dict.fromkeys(("Sex", "Born", "Nationality"), "unknown")


def test_an_order_that_is_not_in_force_is_a_warning() -> None:
    (order,) = make_alert().orders
    kind, *_, validity = INDONESIAN.order(order)
    assert (kind, validity.value) == (Fact("Jenis", "Pencegahan"), "10 Februari 2026 – 9 Agustus 2026")
    kind, *_ = INDONESIAN.order(replace(order, status=OrderStatus.REVOKED))
    assert kind == Fact("Jenis", "Pencegahan, tidak berlaku", warning=True)


@pytest.mark.parametrize(
    ("ground", "english", "indonesian"),
    [
        (RevocationGround.AGENCY, "revoked by the agency", "pencabutan oleh instansi"),
        (
            RevocationGround.COURT,
            "annulled by a court (praperadilan)",
            "pembatalan oleh pengadilan (praperadilan)",
        ),
        (RevocationGround.ACQUITTAL, "acquittal", "putusan bebas"),
        (RevocationGround.OTHER, "another ground", "dasar lain"),
        (None, "ground not stated", "dasarnya tidak disebutkan"),
    ],
)
def test_a_revoked_order_says_by_what_and_with_which_reference_it_ended(
    ground: RevocationGround | None, english: str, indonesian: str
) -> None:
    (order,) = make_alert().orders
    revoked = replace(order, status=OrderStatus.REVOKED, revoked_at=EPOCH, revocation_ground=ground)
    named = replace(revoked, revocation_reference="12/Pid.Pra/2026/PN Btm")
    time = ENGLISH.minute(EPOCH)
    assert Fact("Revoked", f"{time}: {english}", warning=True) in ENGLISH.order(revoked)
    words = f"{INDONESIAN.minute(EPOCH)}: {indonesian}, nomor 12/Pid.Pra/2026/PN Btm"
    assert Fact("Dicabut", words, warning=True) in INDONESIAN.order(named)


def test_an_order_that_left_its_source_or_whose_base_was_revoked_says_so() -> None:
    (order,) = make_alert().orders
    gone = replace(order, status=OrderStatus.REVOKED, withdrawn_at=EPOCH)
    assert f"Tidak ada lagi pada sumber sejak {INDONESIAN.minute(EPOCH)}." in texts_of(INDONESIAN.order(gone))
    extension = replace(order, status=OrderStatus.REVOKED, extends_order_id="O-0")
    assert "The order O-0 that it extends was revoked." in texts_of(ENGLISH.order(extension))
    told = replace(
        extension, ended_by=OrderEnd.BASE_REVOKED, revoked_at=EPOCH, revocation_ground=RevocationGround.COURT
    )
    words = f"{ENGLISH.minute(EPOCH)}: annulled by a court (praperadilan)"
    assert f"The order O-0 that it extends was revoked: {words}" in texts_of(ENGLISH.order(told))


def test_an_order_in_force_does_not_speak_of_a_revocation_that_is_still_to_come() -> None:
    (order,) = make_alert().orders
    later = replace(order, revoked_at=EPOCH + timedelta(days=9), revocation_ground=RevocationGround.AGENCY)
    assert len(ENGLISH.order(later)) == 4


def test_a_ground_and_the_persons_status_are_shown_where_they_are_stated() -> None:
    (order,) = make_alert().orders
    tangkal = replace(order, kind=OrderKind.TANGKAL, ground=OrderGround.SECURITY_AND_PUBLIC_ORDER)
    assert Fact("Dasar penangkalan", "keamanan dan ketertiban umum") in INDONESIAN.order(tangkal)
    words = {
        PersonStatus.SUSPECT: "tersangka",
        PersonStatus.DEFENDANT: "terdakwa",
        PersonStatus.CONVICT: "terpidana",
        PersonStatus.WITNESS: "saksi",
        PersonStatus.OTHER: "lainnya",
    }
    for status, word in words.items():
        facts = INDONESIAN.order(replace(order, person_status=status))
        assert Fact("Status dalam perkara", word) in facts


def texts_of(facts: tuple[Fact, ...]) -> list[str]:
    return [fact.value for fact in facts]


def test_why_an_order_is_flagged_is_a_warning_in_both_languages() -> None:
    (order,) = make_alert().orders
    renewed = replace(order, flags=(OrderFlag.RENEWED_TOO_LONG,))
    told = "Orders of this agency follow one another for more than 12 months without naming the order that they extend."
    assert ENGLISH.order(renewed)[-1] == Fact("To check", told, warning=True)
    assert INDONESIAN.order(renewed)[-1].label == "Perlu diperiksa"
    newer = ENGLISH.order(replace(order, flags=(OrderFlag.NO_DECREE, "OF_TOMORROW")))[-1]
    assert newer.value == "It has no decree number and date. OF_TOMORROW"


def test_dates_are_written_as_people_here_write_them_and_what_is_no_date_stays() -> None:
    assert INDONESIAN.written("2026-08-09") == "9 Agustus 2026"
    assert ENGLISH.written("2026-08-09") == "9 August 2026"
    assert [INDONESIAN.written(text) for text in ("1975", "", "??")] == ["1975", "", "??"]


def test_times_are_the_sites_with_its_zone() -> None:
    east = NotifierTexts(Language.ID, ZoneInfo("Asia/Jayapura"))
    assert INDONESIAN.time(EPOCH) == "2 Maret 2026 08:30:00 WIB"
    assert east.time(EPOCH) == "2 Maret 2026 10:30:00 WIT"
    assert east.clock(EPOCH) == "10:30:00 WIT"
    assert east.minute(EPOCH) == "2 Maret 2026 10:30 WIT"


def test_a_late_passage_is_a_warning() -> None:
    facts = ENGLISH.passage(replace(make_alert(), late=True))
    assert [fact.value for fact in facts][:2] == ["Counter 3, Departure, batam-center", "2 March 2026 08:29:59 WIB"]
    (warning,) = ENGLISH.warnings(replace(make_alert(), late=True))
    assert "may have left" in warning
    assert not ENGLISH.warnings(make_alert())


def test_similarity_is_words_and_its_numbers_are_there_for_who_asks() -> None:
    assert ENGLISH.similarity(make_alert(score=0.62)) == "clearly above threshold"
    assert INDONESIAN.similarity(make_alert(score=0.7)) == "jauh di atas ambang"
    assert ENGLISH.scores(make_alert(score=0.62))[0].value == "0.62 / 0.48 (standard-1)"
    assert INDONESIAN.scores(make_alert(score=0.7))[0].value == "0,70 / 0,48 (standard-1)"
    assert not ENGLISH.scores(make_alert().unnamed)


def test_the_age_of_an_alert_stops_when_it_is_settled() -> None:
    later = EPOCH + timedelta(hours=3)
    assert ENGLISH.age(make_alert(), later) == ENGLISH.age(judged_by(BUDI, Outcome.REFERRED, Reason.FACE_AGREES), later)
    cleared = judged_by(BUDI, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    assert ENGLISH.age(cleared, later) == ENGLISH.age(make_alert(), EPOCH)
    hit = replace(cleared, state=AlertState.CONFIRMED)
    assert ENGLISH.age(hit, later) == ENGLISH.age(hit, EPOCH), "what is left is to tell agencies"


def test_the_state_says_who_holds_it_and_how_far_it_went_up() -> None:
    assert ENGLISH.state(make_alert()) == "New"
    assert ENGLISH.state(held_by(BUDI)) == "Being checked, held by Budi (pc-1)"
    assert ENGLISH.holder(held_by(BUDI), session_of(BUDI)) == "You (pc-1)"
    assert ENGLISH.hindrance(Hindrance.HELD, held_by(BUDI)) == "Budi (pc-1) holds this alert."
    waiting = make_alert()
    waiting = replace(waiting, handling=replace(waiting.handling, escalation=Escalation.SITE))
    assert ENGLISH.state(waiting) == "New, escalated to the whole site"


def test_the_history_tells_who_found_what_and_why() -> None:
    alert = judged_by(BUDI, Outcome.REFERRED, Reason.OTHER, "a scar")
    told = FollowUp("Kejaksaan Agung", "Pak Anton, phone", "they come", EPOCH, SITI)
    handling = replace(alert.handling, reference="CO-2026/117", follow_ups=(told,))
    values = [fact.value for fact in ENGLISH.history(replace(alert, state=AlertState.CONFIRMED, handling=handling))]
    assert values == [
        "Referred: Other “a scar” — Budi, 2 March 2026 08:30:00 WIB",
        "CO-2026/117",
        "2 March 2026 08:30:00 WIB Kejaksaan Agung, Pak Anton, phone: they come — Siti",
    ]


def test_one_line_says_place_direction_and_age_and_of_what_is_over_the_place() -> None:
    alert = make_alert()
    now = alert.captured_at + timedelta(seconds=14)
    assert ENGLISH.where(alert, now) == "Counter 3, Departure, 14 s ago"
    assert INDONESIAN.where(alert, now) == "Konter 3, Keberangkatan, 14 detik lalu"
    now += timedelta(minutes=14)
    assert ENGLISH.where(alert, now) == "Counter 3, Departure, not seen for 14 min"
    assert INDONESIAN.where(alert, now) == "Konter 3, Keberangkatan, 14 menit tidak terlihat"
    assert ENGLISH.where(replace(alert, state=AlertState.CLOSED), now) == "Counter 3, Departure"


def test_who_has_judged_is_not_asked_to_confirm_their_first_look() -> None:
    alert = make_alert()
    look = Look(Outcome.REFERRED, BUDI, alert.raised_at, 1, alert.subject.subject_id)
    looked = replace(alert, state=AlertState.CLAIMED, handling=replace(alert.handling, looks=(look,)))
    judged = judged_by(BUDI, Outcome.REFERRED, Reason.FACE_AGREES)
    judged = replace(judged, handling=replace(judged.handling, looks=(look,)))
    assert "Confirm it or change it" in ENGLISH.own_look(looked, session_of(BUDI))
    assert not ENGLISH.own_look(judged, session_of(BUDI))
    second = replace(judged, handling=replace(judged.handling, looks=(look, replace(look, person=SITI))))
    assert ENGLISH.own_look(second, session_of(SITI)), "a supervisor has still to judge"


def test_an_alert_says_where_its_traveller_is_now() -> None:
    alert = make_alert()
    first = alert.captured_at
    there = Sighting("c-2", first + timedelta(seconds=60), replace(alert.camera, counter="D2"), 0.6, 3)
    late = replace(there, capture_id="c-3", camera=alert.camera, captured_at=first + timedelta(seconds=65), late=True)
    alert = replace(alert, sightings=(*alert.sightings, there, late), current=there, late=True)
    assert ENGLISH.place(alert) == "Counter D2, Departure"
    now = first + timedelta(seconds=72)
    assert ENGLISH.whereabouts(alert, now) == "now at counter D2, 12 s ago"
    assert INDONESIAN.whereabouts(alert, now) == "sekarang di konter D2, 12 detik lalu"
    now = first + timedelta(minutes=4)
    assert ENGLISH.whereabouts(alert, now) == "not seen for 3 min, last at counter D2"
    assert INDONESIAN.whereabouts(alert, now) == "sudah 3 menit tidak terlihat, terakhir di konter D2"
    only_late = replace(alert, sightings=(late,), current=None)
    assert ENGLISH.whereabouts(only_late, late.captured_at) == "not seen for 0 s, last at counter 3"
    of_an_older_server = replace(only_late, sightings=(replace(late, late=False),), late=False)
    assert ENGLISH.whereabouts(of_an_older_server, late.captured_at) == "now at counter 3, 0 s ago"


def test_a_date_of_birth_that_is_not_held_is_said_as_such() -> None:
    alert = make_alert()
    bare = replace(alert, subject=replace(alert.subject, date_of_birth=""))
    assert INDONESIAN.subject_line(bare) == "IDN, tanggal lahir tidak diketahui"
    assert INDONESIAN.subject_line(alert) == "IDN, lahir 12 April 1979"


def test_numbers_are_written_as_the_language_writes_them() -> None:
    written = [(texts.number(1234), texts.number(1234.5, ",.1f")) for texts in (ENGLISH, INDONESIAN)]
    assert written == [("1,234", "1,234.5"), ("1.234", "1.234,5")]
    assert (INDONESIAN.number(-0.25, "+.2f"), INDONESIAN.number(0.6, "g")) == ("−0,25", "0,6")
    fresh = Freshness(EPOCH, stale=False, active_subjects=5_000)
    assert "5.000 subjek aktif" in INDONESIAN.watchlist(fresh)
    assert ENGLISH.say("CANDIDATE_OF", place="1000", count=1000) == "Candidate 1000 of 1,000; each is judged separately"


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h")]
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert ENGLISH.duration(timedelta(seconds=seconds)) == words


def test_the_servers_time_goes_on_when_this_pcs_clock_is_set() -> None:
    local, ticks = SetClock(), [100.0]
    clock = ServerClock(local, lambda: ticks[0])
    assert clock() == EPOCH
    clock.heard(EPOCH + timedelta(minutes=3))
    local.pass_time(days=-400)
    ticks[0] += 7
    assert clock() == EPOCH + timedelta(minutes=3, seconds=7)


def test_exported_figures_start_no_formula_in_a_spreadsheet() -> None:
    report = ShiftReport(9, 6, 1, 2, 3, 12.34, 65.0, (Tally("=HYPERLINK(1)", 3, 1), Tally("dep-1", 0, 0)), ())
    lines = figures_csv(report, EPOCH, EPOCH + timedelta(hours=8)).split("\r\n")
    assert lines[0] == "figure,key,cleared,confirmed,value"
    assert "raised,,,,9" in lines
    assert "median_claim_s,,,,12.3" in lines
    assert "camera,'=HYPERLINK(1),3,1,0.7500" in lines
    assert "camera,dep-1,0,0," in lines


@pytest.mark.parametrize(
    ("language", "short", "meaning"),
    [
        (Language.EN, "the ban order has ended", "can only be cleared"),
        (Language.ID, "keputusan cekal tidak berlaku lagi", "hanya dapat diakhiri tanpa dikonfirmasi"),
    ],
)
def test_an_alert_whose_orders_have_ended_says_so_until_it_is_settled(
    language: Language, short: str, meaning: str
) -> None:
    formatter = NotifierTexts(language)
    ended = replace(make_alert(), orders_ended_at=EPOCH)
    assert short in formatter.state(ended)
    assert meaning in formatter.orders_ended(ended)
    for other in (make_alert(), replace(ended, state=AlertState.CLEARED)):
        assert short not in formatter.state(other)
        assert formatter.orders_ended(other) == ""


@pytest.mark.parametrize(
    ("language", "short", "meaning"),
    [
        (Language.EN, "the ground to hold the traveller is gone", "Tell the agency of the release"),
        (Language.ID, "dasar penahanan sudah tidak ada", "Beri tahu instansi bahwa pelintas dilepaskan"),
    ],
)
def test_a_hit_whose_orders_have_ended_says_that_the_ground_is_gone(
    language: Language, short: str, meaning: str
) -> None:
    formatter = NotifierTexts(language)
    hit = replace(make_alert(), state=AlertState.CONFIRMED, orders_ended_at=EPOCH, agencies_owed=("KPK",))
    assert short in formatter.state(hit)
    assert short in formatter.orders_ended(hit)
    assert meaning in formatter.orders_ended(hit)
    assert short not in formatter.state(replace(hit, state=AlertState.CLOSED))


@pytest.mark.parametrize(
    ("outcome", "reason", "indonesian", "english"),
    [
        (Outcome.NOT_SAME_PERSON, Reason.OTHER, "Bukan orang yang sama", "Cleared: another person"),
        (Outcome.CLEARED, Reason.FACE_DIFFERS, "Bukan orang yang sama", "Cleared: another person"),
        (
            *(Outcome.CLEARED, Reason.NOT_LISTED_IN_CEKAL_ONLINE),
            *("Tidak tercantum di Cekal Online", "Cleared: not listed in Cekal Online"),
        ),
        (Outcome.CLEARED, Reason.TRAVELLER_GONE, "Pelintas sudah pergi", "Cleared: the traveller has left"),
        (Outcome.CLEARED, Reason.ORDER_ENDED, "Keputusan sudah berakhir", "Cleared: the order has ended"),
        (Outcome.CLEARED, Reason.OTHER, "Diakhiri tanpa konfirmasi", "Cleared"),
    ],
)
def test_a_cleared_alert_says_why_and_speaks_of_another_person_only_where_somebody_found_so(
    outcome: Outcome, reason: Reason, indonesian: str, english: str
) -> None:
    alert = make_alert()
    found = (Finding(outcome, reason, "", BUDI, EPOCH, "S-001"),)
    cleared = replace(alert, state=AlertState.CLEARED, handling=replace(alert.handling, findings=found))
    for language, words in ((Language.ID, indonesian), (Language.EN, english)):
        formatter = NotifierTexts(language)
        assert formatter.state(cleared) == words
        assert words in formatter.state(replace(cleared, state=AlertState.CLOSED))


def test_a_closed_hit_says_that_it_was_confirmed() -> None:
    alert = make_alert()
    found = (Finding(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, "", BUDI, EPOCH, "S-001"),)
    closed = replace(alert, state=AlertState.CLOSED, handling=replace(alert.handling, findings=found))
    assert NotifierTexts(Language.ID).state(closed) == "Ditutup (Dikonfirmasi)"


def test_of_several_candidates_what_nobody_found_out_is_what_the_record_says() -> None:
    alert = make_alert()
    found = (
        Finding(Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS, "", BUDI, EPOCH, "S-001"),
        Finding(Outcome.CLEARED, Reason.TRAVELLER_GONE, "", BUDI, EPOCH, "S-002"),
    )
    cleared = replace(alert, state=AlertState.CLEARED, handling=replace(alert.handling, findings=found))
    assert NotifierTexts(Language.ID).state(cleared) == "Pelintas sudah pergi"


def test_a_hit_names_the_agencies_that_must_still_be_told_and_a_step_too_early_says_so() -> None:
    hit = replace(make_alert(), state=AlertState.CONFIRMED, agencies_owed=("KPK", "Polri"))
    assert INDONESIAN.warnings(hit) == ("Belum diberi tahu: KPK, Polri",)
    assert ENGLISH.hindrance(Hindrance.FOLLOW_UP, hit) == "First record a contact with KPK, Polri."
    released = replace(hit, orders_ended_at=EPOCH)
    assert INDONESIAN.warnings(released) == ("Belum diberi tahu bahwa pelintas dilepaskan: KPK, Polri",)


def test_a_follow_up_of_the_release_is_told_as_that() -> None:
    told = (FollowUp("KPK", "phone", "they know", EPOCH, BUDI, EPOCH, release=True),)
    alert = make_alert()
    (fact,) = INDONESIAN.history(replace(alert, handling=replace(alert.handling, follow_ups=told)))
    assert fact.label == "Pemberitahuan pelepasan"


def test_a_score_stands_beside_its_model_version() -> None:
    alert = make_alert()
    other = replace(alert.candidates[0], model_version="older-1")
    own, *ranked, _ = ENGLISH.scores(replace(alert, candidates=(alert.candidates[0], other)))
    assert own.value.endswith(f"({alert.model_version})")
    assert [fact.value.endswith("(older-1)") for fact in ranked] == [False, True]


def test_why_a_step_cannot_be_taken_names_the_step_and_who_can() -> None:
    officer, hit = session_of(BUDI), replace(make_alert(), agencies_owed=("KPK",))
    owed = judged_by(SITI, Outcome.CONFIRMED, Reason.CENTRAL_SYSTEM_DOWN)
    provisional = replace(owed, agencies_owed=("KPK",))
    assert ENGLISH.hindrances(options(provisional, officer, "pc-1"), provisional) == (
        "Enter the Cekal Online number, Withdraw the confirmation: Only a supervisor can do this.",
        "Close the alert: First enter the Cekal Online number, or withdraw the confirmation.",
    )
    referred = replace(hit, state=AlertState.REFERRED)
    assert ENGLISH.hindrances(options(referred, officer, "pc-1"), referred) == (
        "Confirm (supervisor): A supervisor who did not judge this alert signs in for this step.",
    )
    held = held_by(SITI)
    assert ENGLISH.hindrances(options(held, officer, "pc-1"), held) == ("Siti (pc-1) holds this alert.",)


def test_the_term_of_an_order_says_where_the_law_ends_it_and_that_it_is_for_life() -> None:
    (order,) = make_alert().orders
    capped = replace(order, valid_from="2026-03-01", valid_until="2027-12-31", last_day="2026-09-01")
    words = "1 March 2026 – 31 December 2027; by law until 1 September 2026 at the latest"
    assert ENGLISH.term(capped) == words
    assert Fact("Valid", words) in ENGLISH.order(capped)
    assert ENGLISH.term(replace(capped, last_day="2027-12-31")) == "1 March 2026 – 31 December 2027"
    assert INDONESIAN.term(replace(order, valid_from="2026-03-01", valid_until="9999-12-31")).endswith("– seumur hidup")


def test_what_a_hit_without_a_ground_asks_for_is_what_is_owed() -> None:
    hit = replace(make_alert(), state=AlertState.CONFIRMED, orders_ended_at=EPOCH)
    assert "Tell the agency" in ENGLISH.orders_ended(replace(hit, agencies_owed=("KPK",)))
    assert "No agency waits" in ENGLISH.orders_ended(hit)


def test_the_passage_says_nothing_of_agencies() -> None:
    hit = replace(make_alert(), state=AlertState.CONFIRMED, agencies_owed=("KPK",))
    assert [fact.label for fact in ENGLISH.passage(hit)] == ["Place", "Picture taken", "Alert raised"]


def test_a_take_over_is_no_finding() -> None:
    alert = judged_by(BUDI, Outcome.REFERRED, Reason.FACE_AGREES)
    (looked,) = alert.handling.findings
    taken_over = replace(looked, outcome=Outcome.TAKEN_OVER, reason=Reason.HOLDER_AWAY, person=SITI)
    found, taken = ENGLISH.history(replace(alert, handling=replace(alert.handling, findings=(looked, taken_over))))
    assert (taken.label, found.label) == ("Take-over", "Finding")

"""The record of a hit for the office's file says everything that was found and who was told, and nothing runs in it."""

from __future__ import annotations

from dataclasses import replace

from cekalwatch.contract.values.adjudication import AlertState, Finding, FollowUp, Outcome, Reason
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.people import PersonReference
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alert_record import alert_record, record_html
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, SITI, make_alert
from tests.support.fakes.alert_server import EPOCH

TEXTS = NotifierTexts(Language.ID)


def hit(**changes: object) -> Alert:
    alert = make_alert()
    handling = replace(
        alert.handling,
        findings=(
            Finding(Outcome.REFERRED, Reason.FACE_AGREES, "parut di dahi", BUDI, EPOCH, "S-001"),
            Finding(Outcome.CONFIRMED, Reason.LISTED_IN_CEKAL_ONLINE, "", SITI, EPOCH, "S-001"),
        ),
        reference="CO-2026/0117",
        follow_ups=(FollowUp("Kejaksaan Agung", "piket, telepon", "dua petugas datang", EPOCH, BUDI, EPOCH),),
    )
    usual = {"state": AlertState.CONFIRMED, "handling": handling}
    return replace(alert, **usual | changes)  # type: ignore[arg-type]


def page(alert: Alert) -> str:
    return record_html(alert_record(alert, TEXTS, EPOCH, "Siti"), Language.ID)


def test_the_record_has_the_subject_the_orders_the_findings_the_follow_ups_and_two_places_to_sign() -> None:
    alert = hit(agencies_owed=("KPK",))
    record = alert_record(alert, TEXTS, EPOCH, "Siti")
    text = page(alert)
    for words in (
        "Berita acara",
        alert.subject.name,
        alert.orders[0].decree_number,
        "parut di dahi",
        "CO-2026/0117",
        "dua petugas datang",
        "Belum diberi tahu: KPK",
        alert.alert_id,
    ):
        assert words in text
    assert [(one.role, one.name) for one in record.signatures] == [("Petugas pemeriksa", "Budi"), ("Penyelia", "Siti")]


def test_the_record_says_that_the_ground_to_hold_the_traveller_is_gone() -> None:
    assert "dasar penahanan sudah tidak ada" in page(hit(orders_ended_at=EPOCH))


def test_no_text_of_a_person_or_a_list_becomes_markup() -> None:
    alert = hit()
    mark = "<script>alert('x')</script>"
    told = (FollowUp(mark, mark, mark, EPOCH, BUDI, EPOCH),)
    hostile = replace(
        alert, subject=replace(alert.subject, name=mark), handling=replace(alert.handling, follow_ups=told)
    )
    assert "<script" not in page(hostile)
    assert "&lt;script&gt;" in page(hostile)


def test_the_record_of_a_provisional_hit_says_that_the_reference_is_owed_and_nothing_of_a_check_that_was_not_made() -> (
    None
):
    alert = hit()
    findings = (alert.handling.findings[0], replace(alert.handling.findings[1], reason=Reason.CENTRAL_SYSTEM_DOWN))
    provisional = replace(alert, handling=replace(alert.handling, reference="", findings=findings))
    record = alert_record(provisional, TEXTS, EPOCH, "Siti")
    assert TEXTS.state(provisional) in page(provisional)
    assert TEXTS.state(provisional) != TEXTS.state(alert)
    assert "Cekal Online" not in record.opening


def test_the_two_who_confirmed_sign_and_not_who_entered_the_reference_later() -> None:
    alert, tuti = hit(), PersonReference("0197a1b2-0000-7000-8000-00000000007c", "Tuti")
    looked, confirmed = alert.handling.findings
    provisional = replace(confirmed, reason=Reason.CENTRAL_SYSTEM_DOWN, person=tuti)
    findings = (replace(looked, person=SITI), provisional, confirmed)  # Siti enters the reference
    record = alert_record(replace(alert, handling=replace(alert.handling, findings=findings)), TEXTS, EPOCH, "Siti")
    assert [one.name for one in record.signatures] == ["Siti", "Tuti"]


def test_a_reason_in_the_record_does_not_ask_for_a_note() -> None:
    alert = hit()
    findings = (replace(alert.handling.findings[0], reason=Reason.OTHER), alert.handling.findings[1])
    text = page(replace(alert, handling=replace(alert.handling, findings=findings)))
    assert "Lainnya “parut di dahi”" in text

"""What the alert window and its dialogs show of an alert: everything that there is, and whom to tell next."""

from __future__ import annotations

from dataclasses import replace

from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.notifier.desktop.dialogs.step_dialogs import FollowUpDialog
from cekalwatch.notifier.desktop.windows.alert_view import AlertView
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alerts import PicturesMissing, options
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, make_alert, make_shown, session_of

FORMATTER = NotifierTexts(Language.ID)


def test_six_orders_are_six_on_the_screen_and_those_of_the_next_alert_are_one(qtbot: QtBot) -> None:
    view = AlertView()
    qtbot.addWidget(view)
    alert = make_alert()
    six = replace(alert, orders=tuple(replace(alert.orders[0], decree_number=f"KEP-{n}") for n in range(6)))
    for shown, decrees in ((six, [f"KEP-{n}" for n in range(6)]), (alert, [alert.orders[0].decree_number])):
        steps = options(shown, session_of(BUDI), "pc-1")
        view.show_alert(make_shown(shown), PicturesMissing.NOT_KEPT, steps, FORMATTER, cekal_online=False)
        view.show()
        seen = ["\n".join(fact.value for fact in one.facts) for one in view.orders if one.isVisible()]
        assert len(seen) == len(decrees)
        assert all(decree in facts for decree, facts in zip(decrees, seen, strict=True))


def test_a_follow_up_offers_the_agencies_that_must_still_be_told_and_takes_any_other(qtbot: QtBot) -> None:
    hit = replace(make_alert(), state=AlertState.CONFIRMED, agencies_owed=("KPK", "Polri"))
    dialog = FollowUpDialog(None, FORMATTER, hit, lambda *_: None)
    qtbot.addWidget(dialog)
    assert [dialog.agencies.itemText(n) for n in range(dialog.agencies.count())] == ["KPK", "Polri"]
    assert dialog.agency.text() == "KPK"
    dialog.agencies.setCurrentIndex(1)
    assert dialog.agency.text() == "Polri"
    dialog.agency.setText("Badan Narkotika Nasional")
    decision = dialog.decision()
    assert decision.follow_up is not None
    assert decision.follow_up.agency == "Badan Narkotika Nasional"

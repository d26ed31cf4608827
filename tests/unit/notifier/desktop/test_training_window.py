"""The window of a practice, by its keys alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cekalwatch.notifier.desktop.widgets.elements import TITLE_PX
from cekalwatch.notifier.desktop.windows.training_window import TrainingWindow
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.training.pairs import draw_pairs
from cekalwatch.program.translations import Language
from tests.support.builders.practice_faces import practice_folder


def words_on(window: TrainingWindow) -> str:
    return "\n".join(label.text() for label in window.findChildren(QLabel) if label.isVisible())


@pytest.mark.parametrize("language", Language)
def test_twenty_pairs_are_answered_with_the_keys_of_work_and_the_result_is_only_on_the_screen(
    qtbot: QtBot, tmp_path: Path, language: Language
) -> None:
    texts = NotifierTexts(language)
    window = TrainingWindow(texts, draw_pairs(practice_folder(tmp_path / "faces")))
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    wrong = 0
    for number in range(1, window.practice.count + 1):
        pair = window.practice.pair
        assert pair
        assert texts.say("TRAINING_PAIR", number=number, count=20) in words_on(window)
        assert not window.next.isVisible()
        answers_wrongly = number % 5 == 0
        wrong += answers_wrongly
        key = Qt.Key.Key_F5 if pair.same is not answers_wrongly else Qt.Key.Key_F6
        QTest.keyClick(window, Qt.Key.Key_F7 if number == 7 else key)
        kind = "SAME" if pair.same else "OTHER"
        right = not answers_wrongly and number != 7
        assert texts.say(f"TRAINING_{'RIGHT' if right else 'WAS'}_{kind}") in words_on(window)
        QTest.keyClick(window, Qt.Key.Key_F5)
        assert window.practice.number == number, "the first answer counts"
        QTest.keyClick(window, Qt.Key.Key_Return)
    assert window.practice.pair is None
    same, others = window.practice.score(same=True), window.practice.score(same=False)
    assert (same.asked + others.asked, same.right + others.right, same.undecided + others.undecided) == (20, 15, 1)
    shown = words_on(window)
    for score, kind in ((same, "OF_SAME"), (others, "OF_OTHERS")):
        said = texts.say(f"TRAINING_{kind}", right=score.right, count=score.asked, undecided=score.undecided)
        assert said in shown
    assert "14" in texts.say("TRAINING_FIELD")
    assert texts.say("TRAINING_FIELD") in shown
    assert texts.say("TRAINING_PRIVATE") in shown
    assert not window.comparison.probe.loaded
    free = window.screen().availableSize()
    assert window.width() <= free.width()
    assert window.height() <= free.height() - TITLE_PX
    with qtbot.waitSignal(window.closed):
        QTest.keyClick(window, Qt.Key.Key_Return)
    assert {one.name for one in tmp_path.iterdir()} == {"faces"}

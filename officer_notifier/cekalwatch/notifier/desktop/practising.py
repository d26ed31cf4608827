"""Practice by itself, without a server and without signing in: `cekalwatch-notifier train`."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtWidgets import QApplication

from cekalwatch.notifier.desktop.widgets.theme import palette, style_sheet, theme_of
from cekalwatch.notifier.desktop.windows.training_window import TrainingWindow
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.notifier.training.pairs import draw_pairs


def run_training(settings: NotifierSettings, folder: Path) -> None:
    """Show one practice with the photographs of a folder until its window is closed; raises ProgramError."""
    pairs = draw_pairs(folder)
    app = QApplication([sys.argv[0]])
    app.setApplicationName("Cekalwatch")
    app.setStyle("Fusion")
    theme = theme_of(settings.theme)
    app.setPalette(palette(theme))
    app.setStyleSheet(style_sheet(theme, settings.text_scale))
    window = TrainingWindow(NotifierTexts(settings.language, settings.zone), pairs)
    window.show()
    app.exec()

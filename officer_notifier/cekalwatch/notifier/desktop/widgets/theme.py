"""The themes of the windows: light, dark, and high contrast. Every pair of text and background has a contrast of 4.5 or
more, and the edge of each control 3 or more."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette

from cekalwatch.notifier.settings import ThemeName

BALLOON_TEXT = "#000000"
"""Of the tray's balloon, whose ground is light yellow (#ffffe1) in every theme: Qt paints it itself."""
TEXT_PX = 17
"""Height of plain text at scale 1, logical pixels; headings are larger. Readable from a metre on a 96 dpi screen."""


@dataclass(frozen=True)
class Theme:
    """Colours, as `#rrggbb`."""

    ground: str
    panel: str
    text: str
    muted: str
    border: str
    """Of panels and tables; the edges of controls are `muted`."""
    accent: str
    accent_text: str
    alarm: str
    alarm_text: str
    warning: str
    warning_text: str
    good: str
    good_text: str
    focus: str


LIGHT = Theme(
    ground="#eef1f4",
    panel="#ffffff",
    text="#14181d",
    muted="#4a5563",
    border="#b6bfca",
    accent="#1456a8",
    accent_text="#ffffff",
    alarm="#b3261e",
    alarm_text="#ffffff",
    warning="#ffd58a",
    warning_text="#3a2500",
    good="#1d6b3a",
    good_text="#ffffff",
    focus="#c75a00",
)
DARK = Theme(
    ground="#12161b",
    panel="#1c2229",
    text="#eef2f6",
    muted="#a9b4c0",
    border="#3c4753",
    accent="#7db7ff",
    accent_text="#06203f",
    alarm="#ff8a80",
    alarm_text="#3b0402",
    warning="#e7b75a",
    warning_text="#2b1b00",
    good="#79d597",
    good_text="#032611",
    focus="#ffd54a",
)
CONTRAST = Theme(
    ground="#000000",
    panel="#000000",
    text="#ffffff",
    muted="#ffffff",
    border="#ffffff",
    accent="#ffff00",
    accent_text="#000000",
    alarm="#ff6e6e",
    alarm_text="#000000",
    warning="#ffff00",
    warning_text="#000000",
    good="#00ff66",
    good_text="#000000",
    focus="#00ffff",
)


def theme_of(name: ThemeName) -> Theme:
    """Return the theme; SYSTEM is light or dark as the desktop is."""
    if name is ThemeName.SYSTEM:
        return DARK if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark else LIGHT
    return {ThemeName.LIGHT: LIGHT, ThemeName.DARK: DARK, ThemeName.CONTRAST: CONTRAST}[name]


def palette(theme: Theme) -> QPalette:
    """Return Qt's colours for the theme: for what the style sheet does not reach."""
    made = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.ground,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.panel,
        QPalette.ColorRole.AlternateBase: theme.ground,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.Button: theme.panel,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.Highlight: theme.accent,
        QPalette.ColorRole.HighlightedText: theme.accent_text,
        QPalette.ColorRole.ToolTipBase: theme.panel,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.muted,
    }
    for role, colour in roles.items():
        made.setColor(role, QColor(colour))
    return made


def style_sheet(theme: Theme, scale: float) -> str:
    """Return the style of all widgets; `scale` multiplies every size of text."""
    text = round(TEXT_PX * scale)
    dot = 2 * round(text * 0.45)
    return f"""
* {{ font-size: {text}px; color: {theme.text}; }}
QMainWindow, QDialog, QWidget#page {{ background: {theme.ground}; }}
QFrame#panel {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 6px; }}
QScrollArea, QScrollArea > QWidget > QWidget#column {{ background: transparent; border: none; }}
QLabel {{ background: transparent; }}
QLabel#notice {{ background: {theme.panel}; border: 3px solid {theme.focus}; }}
QLabel[role="name"] {{ font-size: {round(text * 1.75)}px; font-weight: 700; }}
QLabel[role="title"] {{ font-size: {round(text * 1.1)}px; font-weight: 700; }}
QLabel[role="label"] {{ color: {theme.muted}; }}
QLabel[role="value"] {{ font-weight: 600; }}
QLabel[role="muted"] {{ color: {theme.muted}; }}
QLabel[role="figure"] {{ font-size: {round(text * 2)}px; font-weight: 700; }}
QLabel[role="warning"] {{ background: {theme.warning}; color: {theme.warning_text}; font-weight: 700;
    padding: 4px 8px; border-radius: 4px; }}
QLabel[role="error"] {{ background: {theme.alarm}; color: {theme.alarm_text}; font-weight: 700;
    border-radius: 4px; }}
QLabel[role="notice"] {{ background: {theme.panel}; border: 2px solid {theme.accent}; font-weight: 700;
    border-radius: 4px; }}
QLabel#watch {{ background: {theme.panel}; border-top: 3px solid {theme.border}; font-weight: 600; }}
QLabel#watch[level="ALL"] {{ border-top-color: {theme.good}; }}
QLabel#watch[level="SOME"], QLabel#watch[level="UNKNOWN"] {{ background: {theme.warning}; color: {theme.warning_text};
    border-top-color: {theme.warning_text}; }}
QLabel#watch[level="NONE"] {{ background: {theme.alarm}; color: {theme.alarm_text};
    border-top-color: {theme.alarm_text}; }}
QLabel[role="done"] {{ background: {theme.good}; color: {theme.good_text}; font-weight: 700;
    border-radius: 4px; }}
QFrame#header[tone="alarm"] {{ background: {theme.alarm}; }}
QFrame#header[tone="alarm"] QLabel {{ color: {theme.alarm_text}; }}
QFrame#header[tone="busy"] {{ background: {theme.warning}; }}
QFrame#header[tone="busy"] QLabel {{ color: {theme.warning_text}; }}
QFrame#header[tone="calm"] {{ background: {theme.panel}; border-bottom: 3px solid {theme.border}; }}
QFrame#header QLabel {{ font-size: {round(text * 1.1)}px; font-weight: 700; }}
QFrame#header QLabel#whereabouts {{ font-size: {round(text * 1.5)}px; }}
QPushButton {{ background: {theme.panel}; border: 2px solid {theme.muted}; border-radius: 6px;
    padding: {round(text * 0.3)}px {round(text * 0.5)}px; font-weight: 600; }}
QPushButton:hover {{ border-color: {theme.accent}; }}
QPushButton:focus {{ border: 3px solid {theme.focus}; }}
QPushButton:disabled {{ color: {theme.muted}; border-style: dashed; }}
QPushButton::menu-indicator {{ image: none; width: 0; }}
QPushButton[role="main"] {{ background: {theme.accent}; color: {theme.accent_text}; border-color: {theme.accent}; }}
QPushButton[role="main"]:focus {{ border: 3px solid {theme.focus}; }}
QPushButton[role="main"]:disabled {{ background: {theme.panel}; color: {theme.muted}; border-color: {theme.border}; }}
QLineEdit, QPlainTextEdit, QComboBox, QDateTimeEdit {{ background: {theme.panel}; border: 2px solid {theme.muted};
    border-radius: 4px; padding: {round(text * 0.35)}px; selection-background-color: {theme.accent};
    selection-color: {theme.accent_text}; }}
QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus, QDateTimeEdit:focus {{ border: 3px solid {theme.focus}; }}
QComboBox QLineEdit, QComboBox QLineEdit:focus {{ border: none; padding: 0; }}
QDateTimeEdit::up-button, QDateTimeEdit::down-button {{ width: 0; border: none; }}
QComboBox::drop-down {{ border: none; width: {text + 8}px; }}
QComboBox QAbstractItemView {{ background: {theme.panel}; selection-background-color: {theme.accent};
    selection-color: {theme.accent_text}; }}
QRadioButton, QCheckBox {{ padding: {round(text * 0.3)}px; border: 3px solid transparent; border-radius: 4px; }}
QRadioButton::indicator, QCheckBox::indicator {{ width: {dot}px; height: {dot}px; border: 2px solid {theme.muted};
    background: {theme.panel}; }}
QRadioButton::indicator {{ border-radius: {dot // 2 + 1}px; }}
QCheckBox::indicator {{ border-radius: 3px; }}
QRadioButton::indicator:checked, QCheckBox::indicator:checked {{ background: {theme.accent};
    border-color: {theme.text}; }}
QRadioButton:focus, QCheckBox:focus {{ border: 3px solid {theme.focus}; }}
QTableView {{ background: {theme.panel}; alternate-background-color: {theme.ground}; gridline-color: {theme.border};
    border: 2px solid {theme.border}; selection-background-color: {theme.accent};
    selection-color: {theme.accent_text}; }}
QTableView::item {{ border: none; padding: 2px 10px; }}
QTableView::item:selected {{ background: {theme.accent}; color: {theme.accent_text}; }}
QTableView:focus {{ border: 2px solid {theme.focus}; }}
QHeaderView::section {{ background: {theme.ground}; color: {theme.muted}; border: none;
    border-bottom: 1px solid {theme.border}; padding: 6px 10px; font-weight: 600; }}
QMenu {{ background: {theme.panel}; border: 1px solid {theme.border}; }}
QMenu::item {{ padding: 6px 24px; }}
QMenu::item:selected {{ background: {theme.accent}; color: {theme.accent_text}; }}
QMenu::item:disabled {{ color: {theme.muted}; }}
QBalloonTip QLabel {{ color: {BALLOON_TEXT}; }}
QToolTip {{ background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border}; }}
QScrollBar:vertical {{ background: {theme.ground}; width: 14px; }}
QScrollBar::handle:vertical {{ background: {theme.border}; border-radius: 6px; min-height: 32px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
"""

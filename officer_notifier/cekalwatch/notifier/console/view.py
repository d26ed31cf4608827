"""Renders the console's table: a pure function of the state, for a width and a height in characters.

Text of the watchlist is put in as rich `Text`, never as markup, so brackets in a name are brackets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cekalwatch.contract.values.alarms import Alarms
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.contract.values.orders import ShownOrder
from cekalwatch.contract.values.readiness import WatchLevel
from cekalwatch.contract.values.unusable_faces import UnusableNotice
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.cli.alert_output import short_key
from cekalwatch.notifier.console.picture_folder import ImagePaths
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alerts import ShownAlert
from cekalwatch.office.connection import Connection, LostPosition
from cekalwatch.program.translations import Language

NEW_FOR = timedelta(seconds=60)
"""How long an alert is marked as new."""

_SHARES = (15, 28, 38, 15, 24)
_WRONG = "bold white on red"
_WATCH_STYLES = {
    WatchLevel.ALL: "bold green",
    WatchLevel.SOME: "bold black on yellow",
    WatchLevel.NONE: _WRONG,
    WatchLevel.UNKNOWN: "bold yellow",
}


@dataclass(frozen=True)
class ConsoleView:
    """All that is on screen. `alerts` are newest first."""

    agent_id: str
    server: str
    connection: Connection
    freshness: Freshness | None = None
    lost: LostPosition | None = None
    alerts: tuple[ShownAlert, ...] = ()
    images: Mapping[str, ImagePaths] | None = None
    """Where pictures are now, by the alert's key; None: they are not written here."""
    waiting: int = 0
    """Number of waiting alerts by the server; without a signed-in person, more than are shown."""
    alarms: Alarms = ()
    """The alarms that concern the person at this PC, oldest first."""
    unusable: UnusableNotice | None = None
    """The newest about travellers without a usable face."""


class Painter:
    """Paints views in one language and by one clock."""

    def __init__(self, language: Language, zone: tzinfo | None = None) -> None:
        """Times are shown in `zone`, or in that of this PC."""
        self._zone = zone
        self._formatter = NotifierTexts(language, zone)
        self._say = self._formatter.say

    def paint(self, view: ConsoleView, console: Console, now: datetime) -> RenderableType:
        """Return the whole screen, with as many alerts as fit `console`."""
        quiet = self._formatter.unusable_line(view.unusable, now)
        head: list[RenderableType] = [*self._header(view), *([Text(quiet)] if quiet else ()), Rule(style="dim")]
        foot = Text(self._say("VERIFY"), style="italic", no_wrap=True, overflow="ellipsis")
        if not view.alerts:
            words = self._formatter.waiting(view.waiting) if view.waiting else self._say("NO_ALERTS")
            return Group(*head, Text(words, style="bold" if view.waiting else "dim"), Text(), foot)
        widths = _widths(console.width)
        head.append(self._titles(widths))
        room = console.height - _height(console, Group(*head)) - 2
        blocks: list[RenderableType] = []
        for shown in view.alerts:
            block = self._block(shown, view, widths, now)
            room -= _height(console, block)
            # The newest alert is shown even where the terminal is too low for it.
            if room < 0 and blocks:
                break
            blocks.append(block)
        left = len(view.alerts) - len(blocks)
        more = Text(self._say("MORE_ALERTS", count=left) if left else "", style="dim")
        return Group(*head, *blocks, more, foot)

    def _header(self, view: ConsoleView) -> list[Text]:
        connection, freshness = view.connection, view.freshness
        first = Text.assemble(
            (self._say("APP_NAME"), "bold"),
            f" {view.agent_id} @ {view.server}  ",
            (self._say("ALERT_COUNT", count=len(view.alerts)), "bold"),
        )
        style = "dim" if freshness is None else _WRONG if freshness.outdated else ""
        lines = [
            first,
            Text(self._formatter.watching(connection), style=_WATCH_STYLES[connection.level()]),
            Text(self._formatter.watchlist(freshness), style=style),
        ]
        if advice := self._formatter.refusal(connection):
            lines.append(Text(advice, style="bold red"))
        if view.lost:
            lines.append(Text(self._say(f"LOST_{view.lost.name}"), style="yellow"))
        lines += [Text(line, style="bold red") for line in self._formatter.alarm_lines(view.alarms)]
        return lines

    def _titles(self, widths: tuple[int, ...]) -> Table:
        titles = (
            self._say("COLUMN_TIME"),
            self._say("COLUMN_SUBJECT"),
            self._say("COLUMN_ORDER"),
            self._say("COLUMN_PLACE"),
            self._say("COLUMN_SIMILARITY"),
        )
        return _grid(widths, [Text(title, style="bold underline") for title in titles])

    def _block(self, shown: ShownAlert, view: ConsoleView, widths: tuple[int, ...], now: datetime) -> RenderableType:
        alert = shown.alert
        cells = [self._when(shown, now), self._who(alert), self._orders(alert), self._where(alert)]
        images = [] if view.images is None else [self._images(view.images.get(alert.alert_id, ImagePaths()))]
        return Group(
            _grid(widths, [*cells, self._similarity(alert)]),
            *self._now(alert, now),
            *(images if alert.open else ()),
            Text(),
        )

    def _now(self, alert: Alert, now: datetime) -> list[Text]:
        """Return where the traveller is now, and what an officer must know before anything else."""
        if not alert.open:
            return []
        words = [self._formatter.whereabouts(alert, now), *self._formatter.warnings(alert)]
        return [Text("   ".join(words), style=_WRONG if alert.late else "bold reverse")]

    def _when(self, shown: ShownAlert, now: datetime) -> Text:
        # The head of the screen has the time zone; a narrow column has no room for it.
        alert, clock = shown.alert, self._formatter.hour
        text = Text(clock(alert.raised_at), style="bold")
        raised = alert.raised_at.astimezone(self._zone)
        if raised.date() != shown.notified_at.astimezone(self._zone).date():
            text.append(f"\n{self._formatter.date(raised)}")
        captured = self._say("CAPTURED", time=clock(alert.last_seen_at))
        text.append(f"\n{captured}\n{short_key(alert.alert_id)}", style="not bold")
        if now - shown.notified_at < NEW_FOR and not shown.relisted:
            text.append(f"\n{self._say('NEW')}", style="bold black on yellow")
        return text

    def _who(self, alert: Alert) -> Text:
        text = Text(self._formatter.subject_name(alert), style="bold")
        if words := self._formatter.candidate(alert):
            text.append(f"\n{words}", style="bold yellow")
        if alert.named:
            text.append(f"\n{self._formatter.subject_line(alert)}", style="not bold")
        if exercise := self._formatter.exercise(alert):
            text.append(f"\n{exercise}", style="bold")
        style = _WRONG if alert.only_to_be_cleared or alert.ground_gone else "bold" if alert.open else "not bold dim"
        text.append(f"\n{self._formatter.state(alert)}", style=style)
        return text

    def _orders(self, alert: Alert) -> Text:
        return Text("\n").join(line for order in alert.orders for line in self._order(order))

    def _order(self, order: ShownOrder) -> list[Text]:
        kind, decree, agency, validity, *more = self._formatter.order(order)
        first = Text(kind.value, style="bold red" if kind.warning else "bold")
        first.append(f" {validity.value}", style="not bold default")
        further = (Text(f"{fact.label}: {fact.value}", style="bold red" if fact.warning else "") for fact in more)
        return [first, Text(decree.value), Text(agency.value), *further]

    def _where(self, alert: Alert) -> Text:
        counter = self._say("COUNTER", counter=alert.place.counter)
        return Text(f"{self._formatter.direction(alert.place.direction)}\n{counter}\n{alert.place.site}")

    def _similarity(self, alert: Alert) -> Text:
        if not alert.named:
            return Text()
        if alert.look_needed:
            return Text(self._say("SIGHTINGS", count=len(alert.sightings)))
        text = Text(self._formatter.similarity(alert), style="bold")
        text.append(f"\n{self._say('SIGHTINGS', count=len(alert.sightings))}", style="not bold")
        return text

    def _images(self, images: ImagePaths) -> Text:
        paths = [path for path in (images.probe, *images.references) if path]
        if not paths:
            return Text(self._say("NO_IMAGES"), style="dim")
        files = ", ".join(path.name for path in paths)
        return Text(self._say("IMAGES", folder=paths[0].parent, files=files), style="dim", overflow="fold")


def _widths(total: int) -> tuple[int, ...]:
    """Share `total` characters out to the columns; every table of the screen has the same, so that they line up."""
    usable = max(total - len(_SHARES), len(_SHARES))
    return tuple(max(1, usable * share // sum(_SHARES)) for share in _SHARES)


def _grid(widths: tuple[int, ...], cells: list[Text]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    for width in widths:
        grid.add_column(width=width, overflow="fold")
    grid.add_row(*cells)
    return grid


def _height(console: Console, renderable: RenderableType) -> int:
    return len(console.render_lines(renderable, pad=False))

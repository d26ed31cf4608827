"""How the console's table looks: a pure function of what is known, for a width and a height in characters.

Text of the watchlist is put in as rich `Text`, never as markup, so brackets in a name are brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cekalwatch.notifier.cli.alert_output import short_key
from cekalwatch.notifier.locale.alert_formatting import AlertFormatter
from cekalwatch.notifier.locale.phrases import Phrase
from cekalwatch.notifier.locale.translations import Language, translate
from cekalwatch.notifier.model.alert import Alert, ImagePaths, Order, Shown
from cekalwatch.notifier.model.score_levels import score_level
from cekalwatch.notifier.model.updates import Cause, Freshness, LostPosition
from cekalwatch.wire.vocabulary.orders import Direction, OrderKind

NEW_FOR = timedelta(seconds=60)
"""How long an alert is marked as new."""

_SHARES = (15, 28, 40, 15, 22)
_ORDERS_SHOWN = 3


@dataclass(frozen=True)
class ConnectionState:
    """The connection: `cause` says why there is none; None with `ready` false means that the first attempt runs."""

    ready: bool
    since: datetime
    cause: Cause | None = None


@dataclass(frozen=True)
class ConsoleView:
    """All that is on screen. `alerts` are newest first."""

    agent_id: str
    server: str
    link: ConnectionState
    freshness: Freshness | None = None
    lost: LostPosition | None = None
    alerts: tuple[Shown, ...] = ()


class Painter:
    """Paints boards in one language and by one clock."""

    def __init__(self, language: Language, zone: tzinfo | None = None) -> None:
        """Times are shown in `zone`, or in that of this PC."""
        self._say = partial(translate, language=language)
        self._zone = zone
        self._wording = AlertFormatter(language, zone)

    def paint(self, board: ConsoleView, console: Console, now: datetime) -> RenderableType:
        """Return the whole screen, with as many alerts as fit `console`."""
        head: list[RenderableType] = [*self._header(board), Rule(style="dim")]
        foot = Text(self._say(Phrase.VERIFY), style="italic", no_wrap=True, overflow="ellipsis")
        if not board.alerts:
            return Group(*head, Text(self._say(Phrase.NO_ALERTS), style="dim"), Text(), foot)
        widths = _widths(console.width)
        head.append(self._titles(widths))
        room = console.height - _height(console, Group(*head)) - 2
        blocks: list[RenderableType] = []
        for shown in board.alerts:
            block = self._block(shown, widths, now)
            room -= _height(console, block)
            # The newest alert is shown even where the terminal is too low for it.
            if room < 0 and blocks:
                break
            blocks.append(block)
        left = len(board.alerts) - len(blocks)
        more = Text(self._say(Phrase.MORE_ALERTS, count=left) if left else "", style="dim")
        return Group(*head, *blocks, more, foot)

    def _header(self, board: ConsoleView) -> list[Text]:
        link, since = board.link, self._clock_time(board.link.since)
        if link.ready:
            state = Text(self._say(Phrase.CONNECTED, time=since), style="bold green")
        elif link.cause is None:
            state = Text(self._say(Phrase.CONNECTING, time=since), style="bold yellow")
        else:
            cause = self._say(Phrase(f"CAUSE_{link.cause}"))
            state = Text(self._say(Phrase.DISCONNECTED, time=since, cause=cause), style="bold white on red")
        first = Text.assemble(("Cekalwatch", "bold"), f" {board.agent_id} @ {board.server}  ", state, "  ")
        first.append(self._say(Phrase.ALERT_COUNT, count=len(board.alerts)), style="bold")
        lines = [first, self._watchlist(board.freshness)]
        if not link.ready:
            lines.append(Text(self._say(Phrase.DISCONNECTED_WARNING), style="bold red"))
        if board.lost:
            phrase = Phrase.LOST_TOO_OLD if board.lost is LostPosition.TOO_OLD else Phrase.LOST_UNKNOWN
            lines.append(Text(self._say(phrase), style="yellow"))
        return lines

    def _watchlist(self, freshness: Freshness | None) -> Text:
        if freshness is None:
            return Text(self._say(Phrase.WATCHLIST_UNKNOWN), style="dim")
        if freshness.last_success is None:
            return Text(self._say(Phrase.WATCHLIST_NEVER), style="bold white on red")
        time = self._local(freshness.last_success).strftime("%Y-%m-%d %H:%M")
        phrase, style = (
            (Phrase.WATCHLIST_STALE, "bold white on red") if freshness.stale else (Phrase.WATCHLIST_FRESH, "")
        )
        return Text(self._say(phrase, time=time, subjects=freshness.active_subjects), style=style)

    def _titles(self, widths: tuple[int, ...]) -> Table:
        columns = (
            Phrase.COLUMN_TIME,
            Phrase.COLUMN_SUBJECT,
            Phrase.COLUMN_ORDER,
            Phrase.COLUMN_PLACE,
            Phrase.COLUMN_SCORE,
        )
        return _grid(widths, [Text(self._say(column), style="bold underline") for column in columns])

    def _block(self, shown: Shown, widths: tuple[int, ...], now: datetime) -> RenderableType:
        notice = shown.notice
        fresh = now - shown.notified_at < NEW_FOR and not shown.relisted
        subject = Text("\n").join([self._subject(notice), self._state(notice, now)])
        cells = [self._when(shown, fresh=fresh), subject, self._orders(notice), self._place(notice)]
        return Group(_grid(widths, [*cells, self._score(notice)]), self._images(shown.images), Text())

    def _when(self, shown: Shown, *, fresh: bool) -> Text:
        time = Text(self._clock_time(shown.notice.raised_at), style="bold")
        raised = self._local(shown.notice.raised_at)
        if raised.date() != self._local(shown.notified_at).date():
            time.append(f"\n{raised:%Y-%m-%d}")
        time.append(
            f"\n{self._say(Phrase.CAPTURED, time=self._clock_time(shown.notice.captured_at))}", style="not bold"
        )
        time.append(f"\n{short_key(shown.notice.alert_id)}", style="not bold")
        if fresh:
            time.append(f"\n{self._say(Phrase.NEW)}", style="bold black on yellow")
        return time

    def _subject(self, notice: Alert) -> Text:
        unknown = self._say(Phrase.UNKNOWN)
        text = Text(notice.subject.name or unknown, style="bold")
        born = self._say(Phrase.BORN, date=notice.subject.date_of_birth or unknown)
        text.append(f"\n{notice.subject.nationality or unknown}, {born}", style="not bold")
        return text

    def _orders(self, notice: Alert) -> Text:
        lines = [line for order in notice.orders[:_ORDERS_SHOWN] for line in self._order(order)]
        if len(notice.orders) > _ORDERS_SHOWN:
            lines.append(Text(f"+{len(notice.orders) - _ORDERS_SHOWN}"))
        return Text("\n").join(lines)

    def _order(self, order: Order) -> list[Text]:
        kind = {OrderKind.CEGAH: Phrase.CEGAH, OrderKind.TANGKAL: Phrase.TANGKAL, None: Phrase.UNKNOWN}[order.kind]
        first = Text(self._say(kind), style="bold")
        if order.urgent:
            first.append(f", {self._say(Phrase.URGENT)}", style="bold red")
        first.append(f" {order.valid_from} – {order.valid_until}", style="not bold")
        decree = (
            self._say(Phrase.DECREE, number=order.decree_number, date=order.decree_date)
            if order.decree_number
            else self._say(Phrase.NO_DECREE)
        )
        return [first, Text(decree), Text(order.requesting_agency)]

    def _place(self, notice: Alert) -> Text:
        phrase = {
            Direction.DEPARTURE: Phrase.DEPARTURE,
            Direction.ARRIVAL: Phrase.ARRIVAL,
            None: Phrase.UNKNOWN,
        }[notice.direction]
        counter = self._say(Phrase.COUNTER, counter=notice.counter)
        return Text(f"{self._say(phrase)}\n{counter}\n{notice.site}")

    def _state(self, notice: Alert, now: datetime) -> Text:
        state = self._wording.state(notice, now)
        return Text(state, style="bold" if notice.open else "dim")

    def _score(self, notice: Alert) -> Text:
        score = self._say(Phrase.SCORE, score=f"{notice.score:.2f}", threshold=f"{notice.threshold:.2f}")
        text = Text(score, style="bold")
        text.append(f"\n{self._say(score_level(notice.score, notice.threshold))}")
        text.append(f"\n{self._say(Phrase.SIGHTINGS, count=len(notice.sightings))}", style="not bold")
        return text

    def _images(self, images: ImagePaths) -> Text:
        paths = [path for path in (images.probe, *images.references) if path]
        if not paths:
            return Text(self._say(Phrase.NO_IMAGES), style="dim")
        files = ", ".join(path.name for path in paths)
        return Text(self._say(Phrase.IMAGES, folder=paths[0].parent, files=files), style="dim", overflow="fold")

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone)

    def _clock_time(self, moment: datetime) -> str:
        return self._local(moment).strftime("%H:%M:%S")


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

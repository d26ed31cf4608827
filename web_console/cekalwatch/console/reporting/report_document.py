"""The accountability report in words: the page and the PDF show the same document."""

from __future__ import annotations

import io
from collections.abc import Sequence

from cekalwatch.console.locale.texts import ConsoleTexts
from cekalwatch.console.reporting.figure_lines import shown_lines
from cekalwatch.contract.values.exercises import ExerciseStage
from cekalwatch.contract.values.reports import (
    NOT_MEASURED,
    ExercisesAt,
    FieldLine,
    FieldReport,
    LearnedFigures,
    MeasuredGroups,
    Rate,
    ThresholdWhatIf,
)
from cekalwatch.program.csv_files import BYTE_ORDER_MARK, SafeCsvWriter
from cekalwatch.program.documents.document import Document, Section, Table


def report_document(report: FieldReport, texts: ConsoleTexts) -> Document:
    """Write the report in the language of `texts`."""
    say, whole = texts.say, report.whole
    return Document(
        title=say("REPORT_TITLE"),
        about=say(
            "REPORT_ABOUT",
            site=report.site,
            start=texts.minute(report.since),
            end=texts.minute(report.until),
            made=texts.minute(report.made_at),
        ),
        summary=say(
            "REPORT_SUMMARY_CONFIRMED",
            passages=whole.passages,
            alerts=whole.alerts,
            confirmed=whole.confirmed,
            false=whole.false_alerts,
            open=whole.open,
        ),
        sections=(
            Section("", (say("REPORT_MEANS"),), _facts(report, texts)),
            *(Section(title, (), lines_table(lines, texts)) for title, lines in by_what(report, texts)),
            *(Section(title, (), table) for title, table in unusable_tables(report, texts)),
            *_group_sections(report.groups, texts),
            *_threshold_sections(report, texts),
            Section(say("REPORT_COUNTED"), (say("REPORT_INTERVALS"),)),
        ),
    )


def by_what(report: FieldReport, texts: ConsoleTexts) -> tuple[tuple[str, Sequence[FieldLine]], ...]:
    """Return the lines of the report by their subject, each with its title; empty ones are left out."""
    say = texts.say
    found = (
        (say("BY_CAMERA"), report.cameras),
        (say("BY_LIST"), report.lists),
        (say("BY_AGENCY"), report.agencies),
        (say("BY_HOUR"), report.hours),
    )
    return tuple(one for one in found if one[1])


def lines_table(lines: Sequence[FieldLine], texts: ConsoleTexts) -> Table:
    say, number = texts.say, texts.number
    return Table(
        (
            say("HEAD_WHERE"),
            say("HEAD_PASSAGES"),
            say("HEAD_ALERTS"),
            say("HEAD_FALSE"),
            say("HEAD_CONFIRMED"),
            say("HEAD_OPEN"),
            say("HEAD_FALSE_RATE"),
            say("HEAD_INTERVAL"),
        ),
        tuple(
            (
                line_name(line, texts),
                *map(number, (line.passages, line.alerts, line.false_alerts, line.confirmed, line.open)),
                texts.rate(line.fpir),
                texts.interval(line.fpir),
            )
            for line in lines
        ),
    )


def unusable_tables(report: FieldReport, texts: ConsoleTexts) -> tuple[tuple[str, Table], ...]:
    """Return the shares of travellers without a usable face by camera and by hour, each with its title, if any."""
    if not report.whole.unusable:
        return ()
    say = texts.say
    head = say("HEAD_WHERE"), say("HEAD_UNUSABLE"), say("HEAD_UNUSABLE_RATE"), say("HEAD_INTERVAL")

    def table(lines: Sequence[FieldLine]) -> Table:
        rows = (
            (
                line_name(line, texts),
                texts.number(line.unusable),
                texts.rate(line.unusable_rate),
                texts.interval(line.unusable_rate),
            )
            for line in lines
        )
        return Table(head, tuple(rows))

    return (
        (say("UNUSABLE_BY_CAMERA"), table(report.cameras)),
        (say("UNUSABLE_BY_HOUR"), table(report.hours)),
    )


def exercise_table(places: Sequence[ExercisesAt], texts: ConsoleTexts) -> Table:
    """Return how far exercises came at each counter: on a screen, or where they stopped."""
    say, number = texts.say, texts.number
    counters: dict[str, dict[str, int]] = {}
    for one in places:
        counters.setdefault(one.counter, {})[one.stage] = one.count
    rows = (
        (
            counter,
            number(sum(stages.values())),
            number(stages.pop(ExerciseStage.JUDGEMENT, 0)),
            "; ".join(f"{say(f'EXERCISE_STAGE_{stage}')}: {number(count)}" for stage, count in stages.items()) or "–",
        )
        for counter, stages in sorted(counters.items())
    )
    head = say("HEAD_COUNTER"), say("FIGURE_EXERCISES"), say("HEAD_ON_SCREEN"), say("HEAD_STOPPED")
    return Table(head, tuple(rows))


def line_name(line: FieldLine, texts: ConsoleTexts) -> str:
    """Return the subject of a line in words; an agency with its list."""
    if not line.kind:
        return texts.list_name(line.key)
    agency = line.key or texts.say("AGENCY_UNKNOWN")
    return texts.say("AGENCY_OF_LIST", agency=agency, list=texts.list_name(line.kind))


def _facts(report: FieldReport, texts: ConsoleTexts) -> Table:
    say, number = texts.say, texts.number
    return Table(
        (say("HEAD_FIGURE"), say("HEAD_VALUE")),
        (
            *((line.title, line.words) for line in shown_lines(report, (), texts)),
            (say("FIGURE_LISTED"), number(report.listed)),
            *(
                ()
                if report.threshold_in_force is None
                else ((say("FIGURE_IN_FORCE"), number(report.threshold_in_force, ".3f")),)
            ),
            *(
                (
                    say("FIGURE_THRESHOLD", model=use.model_version, alerts=use.alerts),
                    " – ".join(dict.fromkeys((number(use.lowest, ".3f"), number(use.highest, ".3f")))),
                )
                for use in report.thresholds
            ),
        ),
    )


def _group_sections(measured: MeasuredGroups | None, texts: ConsoleTexts) -> tuple[Section, ...]:
    say = texts.say
    if measured is None:
        return (Section(say("REPORT_GROUPS"), (say("REPORT_GROUPS_UNKNOWN"),)),)
    about = say(
        "REPORT_GROUPS_MEASURED",
        people=measured.people,
        source=measured.source,
        model=measured.model_version,
    )
    groups = Table(
        (say("HEAD_GROUP"), say("HEAD_MISSED"), say("HEAD_INTERVAL"), say("HEAD_FALSE"), say("HEAD_INTERVAL")),
        tuple(
            (
                one.group,
                *(word for rate in (one.misses, one.false_alerts) for word in (texts.rate(rate), texts.interval(rate))),
            )
            for one in measured.groups
        ),
    )
    whole = measured.pairs[0].mistaken if measured.pairs else NOT_MEASURED
    pairs = Table(
        (say("HEAD_GROUPS"), say("HEAD_MISTAKEN"), say("HEAD_INTERVAL"), say("HEAD_COMPARED")),
        tuple(
            (
                say("GROUP_FOR_GROUP", traveller=one.traveller, listed=one.listed),
                texts.rate(one.mistaken),
                texts.interval(one.mistaken),
                _compared(one.mistaken, whole, texts),
            )
            for one in sorted(measured.pairs[1:], key=lambda one: -one.mistaken.value if one.mistaken.measured else 0.0)
        ),
    )
    return Section(say("REPORT_GROUPS"), (about,), groups), Section("", (), pairs)


def _compared(part: Rate, whole: Rate, texts: ConsoleTexts) -> str:
    """Say what a group's interval means in comparison with the average."""
    if part.low > whole.value:
        return texts.say("MORE_OFTEN")
    if part.high < whole.value:
        return texts.say("LESS_OFTEN")
    return texts.say("TOO_FEW_TO_TELL")


def _threshold_sections(report: FieldReport, texts: ConsoleTexts) -> tuple[Section, ...]:
    written = (
        (texts.say("REPORT_LEARNED"), tuple(_learned(one, texts) for one in report.learned)),
        (texts.say("REPORT_OTHER_THRESHOLD"), tuple(_what_if(one, texts) for one in report.what_ifs)),
    )
    return tuple(Section(title, sentences) for title, sentences in written if sentences)


def _learned(one: LearnedFigures, texts: ConsoleTexts) -> str:
    say, number = texts.say, texts.number
    if one.interval is None:
        sentence = say(
            "LEARNED_TOO_FEW",
            model=one.model_version,
            packs=number(one.packs, ".3f"),
            passages=one.passages,
            counting=one.counting,
        )
    else:
        sentence = say(
            "LEARNED_MOVED",
            model=one.model_version,
            packs=number(one.packs, ".3f"),
            threshold=number(one.threshold, ".3f"),
            low=number(one.interval.low, ".3f"),
            high=number(one.interval.high, ".3f"),
            passages=one.passages,
            counting=one.counting,
        )
    return f"{sentence} {say('LEARNED_WITHOUT', cameras=', '.join(one.left_out))}" if one.left_out else sentence


def _what_if(one: ThresholdWhatIf, texts: ConsoleTexts) -> str:
    say, number = texts.say, texts.number
    sentence = say(
        "HALVING",
        model=one.model_version,
        threshold=number(one.threshold, ".3f"),
        before=number(one.threshold_before, ".3f"),
        left=one.false_alerts_left,
        false=one.false_alerts,
    )
    missed = (
        say("HALVING_OF_CONFIRMED", missed=one.confirmed_missed, confirmed=one.confirmed)
        if one.confirmed
        else say("HALVING_NONE_CONFIRMED")
    )
    return f"{sentence} {missed}"


COLUMNS = (
    *("figure", "key", "list", "passages", "alerts", "false_alerts", "confirmed", "open"),
    *("false_rate", "low", "high", "unusable", "unusable_rate", "value"),
)


def figures_csv(report: FieldReport) -> str:
    """Return the figures; names are the same in every language, so that several files can be added up."""
    text = io.StringIO()
    text.write(BYTE_ORDER_MARK)
    writer = SafeCsvWriter(text)
    writer.row(COLUMNS)
    single = {
        "site": report.site,
        "start": report.since.isoformat(timespec="seconds"),
        "end": report.until.isoformat(timespec="seconds"),
        "made": report.made_at.isoformat(timespec="seconds"),
        "escalated": report.escalated,
        "most_in_ten_minutes": report.busiest,
        "listed": report.listed,
        "looks": report.looks.judgements,
        "looks_kept": report.looks.kept,
        "exercises": report.exercises.count,
        "exercises_on_screen": report.exercises.on_screen,
    }
    if report.looks.judgements:
        single["look_p50_s"] = f"{report.looks.p50_s:.1f}"
    if report.threshold_in_force is not None:
        single["threshold_in_force"] = f"{report.threshold_in_force:.4f}"
    for name, waits in (("claim", report.claims), ("decision", report.decisions)):
        single[f"{name}_count"] = waits.count
        if waits.count:
            single |= {f"{name}_p50_s": f"{waits.p50_s:.1f}", f"{name}_p95_s": f"{waits.p95_s:.1f}"}
    for figure, value in single.items():
        writer.row((figure, *("",) * (len(COLUMNS) - 2), value))
    for use in report.thresholds:
        writer.row(("threshold_lowest", use.model_version, *("",) * (len(COLUMNS) - 3), f"{use.lowest:.4f}"))
        writer.row(("threshold_highest", use.model_version, *("",) * (len(COLUMNS) - 3), f"{use.highest:.4f}"))
    lines = (
        ("all", (report.whole,)),
        ("camera", report.cameras),
        ("list", report.lists),
        ("agency", report.agencies),
        ("hour", report.hours),
    )
    for figure, of_figure in lines:
        writer.rows(_row(figure, line) for line in of_figure)
    return text.getvalue()


def _row(figure: str, line: FieldLine) -> tuple[object, ...]:
    rate = line.fpir
    shares = tuple(f"{one:.3e}" for one in (rate.value, rate.low, rate.high)) if rate.measured else ("", "", "")
    counts = (line.passages, line.alerts, line.false_alerts, line.confirmed, line.open)
    without = f"{line.unusable_rate.value:.3e}" if line.unusable_rate.measured else ""
    return (figure, line.key, line.kind, *counts, *shares, line.unusable, without, "")

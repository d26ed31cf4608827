"""An evaluation as a table on the screen."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cekalwatch.evaluation.evaluation import Evaluation
from cekalwatch.evaluation.report import words

MAX_NAMED = 10


def show(evaluation: Evaluation, console: Console) -> None:
    """Print the figures, their meaning, and the problems of the collection."""
    title = f"{evaluation.source}, {evaluation.model_version}: {evaluation.listed} people listed"
    table = Table("", "FPIR", "threshold", "FNIR (95 %)", "rank 1", title=escape(title))
    studies = [("single images", evaluation.single), ("passages", evaluation.passages)]
    if plain := evaluation.plain:
        studies += [("single images, not compared", plain.single), ("passages, not compared", plain.passages)]
    for name, study in studies:
        for point in study.points:
            table.add_row(
                name,
                f"{point.fpir:g}",
                f"{point.threshold:.3f}",
                words.percentages(point.misses),
                f"{study.rank_1:.3f}",
            )
        table.add_section()
    console.print(table)
    for pair in evaluation.group_pairs[1:]:
        console.print(
            f"strangers, {escape(pair.traveller)} taken for {escape(pair.listed)}: FMR {words.small(pair.mistaken)}, "
            f"{words.compared(pair.mistaken, evaluation.group_pairs[0].mistaken)}"
        )
    for group in evaluation.passages.groups:
        console.print(
            f"group {escape(group.group)}: FNIR {words.percentages(group.misses)}, "
            f"FPIR {words.percentages(group.false_alerts)}"
        )
    for each in evaluation.references:
        console.print(f"{each.references} reference(s) each: FNIR {words.percentages(each.point.misses)}")
    console.print(words.expectation(evaluation.passages.at(evaluation.plan.fpir), "passages"), style="bold")
    if evaluation.tail:
        tail, fpir = evaluation.tail, evaluation.plan.fpir
        told = ", ".join(f"{tail.in_words(size, fpir)} for {size:,}" for size in (1_000, 10_000))
        console.print(f"Thresholds for other lists at FPIR {fpir:g} (95 % interval): {told}. {tail.extrapolation}")
    if evaluation.left_out:
        console.print(f"{evaluation.left_out} passages score with another person as one person does: not in the tail")
    _show_problems(evaluation, console)


def _show_problems(evaluation: Evaluation, console: Console) -> None:
    problems = evaluation.problems
    console.print(
        f"{len(problems.failures)} of {evaluation.photographs} photographs gave no template; "
        f"{problems.alone} people have one photograph; {evaluation.images_per_second:.1f} photographs a second"
    )
    for name, reason in problems.failures[:MAX_NAMED]:
        console.print(f"  {escape(name)}: {reason}")
    for names in problems.shared[:MAX_NAMED]:
        told = escape(" = ".join(names))
        console.print(f"[red]the same picture is under several people, so the figures are wrong:[/red] {told}")
    for names in problems.duplicates[:MAX_NAMED]:
        console.print(f"the same picture more than once: {escape(' = '.join(names))}")
    for pair in evaluation.look_alikes:
        if pair.as_one:
            console.print(
                f"[yellow]one person under two names?[/yellow] {escape(pair.person)} and {escape(pair.listed)}, "
                f"score {pair.score:.3f}"
            )

"""`gallery compare`: what would differ with another model, on this site's own list and alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.gallery.switching import PackName, model_in_use, model_of
from cekalwatch.server.cli.options import audit_entry, with_quiet_context
from cekalwatch.server.cli.output import counting_progress

if TYPE_CHECKING:
    from uuid import UUID

    from cekalwatch.server.domain.alerts.alert import Alert
    from cekalwatch.server.gallery.comparison import ComparedAlert, ComparedModel, ReferenceScores
    from cekalwatch.server.storage.alerts.store import AlertStore
    from cekalwatch.server.storage.models.store import ModelChoice
    from cekalwatch.server.wiring.storage import Context

EPILOG = (
    "Examples:\n\n"
    "  cekalwatch-server gallery compare --pack buffalo_l --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server gallery compare --pack buffalo_l --alerts 500 --out comparison.json\n\n"
    "Run it after: gallery rebuild. It needs alerts whose pictures are still kept."
)
PAGE = 100


@with_quiet_context
def compare(
    context: Context,
    pack: PackName,
    alerts: Annotated[int, typer.Option(min=0, max=10_000, help="Alerts that are compared, newest first.")] = 200,
    subjects: Annotated[int, typer.Option(min=0, max=10_000, help="Subjects whose faces are compared.")] = 500,
    out: Annotated[Path | None, typer.Option(help="Write the comparison to this file, as JSON.")] = None,
) -> None:
    """Compare the model in use with another one: scores among reference faces, and which alerts each would raise."""
    from cekalwatch.server.audit.entry import Action
    from cekalwatch.server.recognition.packs.installed import load_named
    from cekalwatch.vision.runtime import limit_native_threads

    limit_native_threads(1)
    in_use = model_in_use(context)
    other = model_of(load_named(context.settings.models_path, pack))
    if in_use == other:
        raise ProgramError(f"{other.model_version} is in use; name another pack.", Exit.USAGE)
    models = (_model(context, in_use), _model(context, other))
    references = [_references(context, model, subjects) for model in models]
    compared = list(_alerts(context, models, alerts))
    context.stores.audit.append(
        audit_entry(
            context,
            Action.GALLERY_COMPARED,
            model=in_use.model_version,
            other=other.model_version,
            alerts=len(compared),
            references=sum(one.compared for one in references),
        )
    )
    if out:
        document = {"references": [asdict(one) for one in references], "alerts": [asdict(one) for one in compared]}
        try:
            out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise ProgramError(f"Cannot write {out}: {error.strerror}", Exit.NO_INPUT) from None
    _show_references(references)
    _show_alerts(compared)


def _model(context: Context, choice: ModelChoice) -> ComparedModel:
    from cekalwatch.server.gallery.comparison import ComparedModel
    from cekalwatch.server.gallery.index import GalleryBuilder
    from cekalwatch.server.gallery.model_follower import chosen_pack, open_pack, searched_model

    coverage = context.stores.models.coverage(choice.model_version)
    if coverage.missing:
        typer.echo(f"{coverage.missing} reference faces have no template of {choice.model_version} yet.", err=True)
    pack = chosen_pack(context.settings, choice)
    model = searched_model(context.settings, context.stores.thresholds, pack)
    builder = GalleryBuilder(model.model_version, model.size, context.settings.gallery_storage)
    store = context.stores.watchlist.templates
    store.load(model.model_version, model.size, lambda piece: builder.add(piece.templates, piece.subject_ids))
    gallery = builder.gallery()
    threshold = model.threshold(len(gallery)).value
    return ComparedModel(open_pack(context.settings, pack), gallery, threshold, pack.cohort)


def _references(context: Context, model: ComparedModel, most: int) -> ReferenceScores:
    from cekalwatch.server.gallery.comparison import compare_references

    store, gallery = context.stores.watchlist.templates, model.gallery
    return compare_references(store, gallery.model_version, gallery.size, model.threshold, most, model.cohort)


def _alerts(context: Context, models: tuple[ComparedModel, ComparedModel], most: int) -> Iterator[ComparedAlert]:
    from cekalwatch.server.gallery.comparison import compare_alert

    store = context.stores.alerts
    with counting_progress() as progress:
        task = progress.add_task("Alerts", total=most)
        for alert in _newest(store, most):
            if jpeg := store.probe(alert.alert_id):
                yield compare_alert(models, alert, jpeg)
            progress.advance(task)
        progress.update(task, total=progress.tasks[0].completed)  # there may be fewer


def _newest(store: AlertStore, most: int) -> Iterator[Alert]:
    from cekalwatch.contract.values.alerts import AlertFilter

    before: UUID | None = None
    while most > 0:
        page = store.list_alerts(AlertFilter(), before, min(PAGE, most))
        yield from page
        if len(page) < PAGE:
            return
        before, most = page[-1].alert_id, most - len(page)


def _show_references(references: list[ReferenceScores]) -> None:
    table = Table("", *(one.model_version for one in references), title="Among reference faces")
    rows = {
        "threshold": "threshold",
        "compared": "reference faces",
        "with_another": "with another photograph of the subject",
        "genuine_median": "score with that, median",
        "genuine_below": "share below the threshold",
        "impostor_median": "highest score with another subject, median",
        "impostor_highest": "highest of all",
        "impostor_above": "share at or above the threshold",
    }
    for name, words in rows.items():
        table.add_row(words, *(_figure(getattr(one, name)) for one in references))
    Console().print(table)


def _show_alerts(alerts: list[ComparedAlert]) -> None:
    from cekalwatch.server.gallery.comparison import ComparisonResult, tally

    table = Table("State", "Alerts", "With both", "Not with the other", "Only with the other", "With neither")
    table.title = "Alerts whose pictures are kept"
    for state, counts in sorted(tally(alerts).items()):
        first = sum(count for (one, _), count in counts.items() if one is ComparisonResult.ALERTS)
        second = sum(count for (_, other), count in counts.items() if other is ComparisonResult.ALERTS)
        both = counts[(ComparisonResult.ALERTS, ComparisonResult.ALERTS)]
        neither = counts.total() - first - second + both
        table.add_row(state, *map(str, (counts.total(), both, first - both, second - both, neither)))
    Console().print(table)


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"

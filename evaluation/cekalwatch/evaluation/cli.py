"""`cekalwatch-server evaluate`: measures the accuracy of recognition, on photographs of known people, or by the results
of alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import Config, DataDir, ModelPack, Threads, command_settings, with_quiet_context
from cekalwatch.server.cli.output import counting_progress

if TYPE_CHECKING:
    from cekalwatch.evaluation.samples import Sample
    from cekalwatch.server.settings.settings import ServerSettings
    from cekalwatch.server.wiring.storage import Context

DAYS = ["%Y-%m-%d"]
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
"""Before any capture: older ones are refused."""

PHOTOGRAPHS = "photographs"


class _PhotographsUnlessNamed(TyperGroup):
    """Takes `evaluate DIR` for `evaluate photographs DIR`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # typer keeps its context private
        """Insert the command's name before anything else; a folder with a command's name is written `./alerts`."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = [PHOTOGRAPHS, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_PhotographsUnlessNamed,
    help="Measure misses and false alerts: on photographs of known people, or by the findings about alerts.\n\n"
    "`evaluate DIR` is short for `evaluate photographs DIR`.",
    no_args_is_help=True,
)


@app.command(
    PHOTOGRAPHS,
    epilog="Examples:\n\n"
    "  cekalwatch-server evaluate faces --out evaluation\n\n"
    "  cekalwatch-server evaluate faces.csv --listed 400 --fpir 0.003\n\n"
    "Exit code 0: measured. 65: measured, but photographs gave no template or stand under several people. 66: the "
    "photographs cannot be used, or are too few for the wanted FPIR.",
)
@with_options(command_settings, config=Config, data_dir=DataDir, model_pack=ModelPack, threads=Threads)
def photographs(
    settings: ServerSettings,
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder with a sub-folder for each person, or CSV file: image, person, optionally passage and group."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the report: evaluation.html and evaluation.json.")] = Path(
        "evaluation"
    ),
    listed: Annotated[
        int | None, typer.Option(min=2, help="People on the list; when not given, half of the possible people.")
    ] = None,
    fpir: Annotated[float, typer.Option(help="Wanted share of unlisted people who alert, between 0 and 1.")] = 0.01,
    crops: Annotated[
        int, typer.Option(min=1, max=20, help="Crops of a passage, if the photographs are not in passages.")
    ] = 3,
    draws: Annotated[int, typer.Option(min=1, max=100, help="The number of random lists.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random draws.")] = 0,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="A person to leave out. May be given more than once.")
    ] = None,
) -> None:
    """Measure misses and false alerts of the model pack on photographs of known people.

    A person's first photograph is the reference; the others are searched. Photographs directly in a person's folder
    are single images; a sub-folder in it is one passage.
    """
    from cekalwatch.evaluation.collection import read_collection
    from cekalwatch.evaluation.evaluation import Plan, evaluate
    from cekalwatch.evaluation.report import screen
    from cekalwatch.evaluation.report.writing import write_report
    from cekalwatch.evaluation.templates import TemplateCache, TemplateMaker
    from cekalwatch.server.recognition.packs.installed import load_named, open_detector, open_engine
    from cekalwatch.vision.runtime import limit_native_threads

    if not 0 < fpir < 1:
        raise ProgramError("--fpir is a share between 0 and 1, for example 0.01", Exit.USAGE)
    collection = read_collection(source).without(frozenset(leave_out or ()))
    limit_native_threads(1)
    pack = load_named(settings.models_path, settings.model_pack)
    maker = TemplateMaker(
        lambda: open_detector(pack, threads=1),
        open_engine(pack, threads=1, choice=settings.inference_choice).recogniser,
        TemplateCache(),
        settings.threads,
    )
    plan = Plan(listed, draws, seed, crops, fpir)
    measured = evaluate(collection, plan, maker, pack.score_version, _with_progress, pack.cohort)
    screen.show(measured, Console())
    page, document = write_report(measured, out)
    typer.echo(f"Report: {page}, figures: {document}")
    if measured.problems.failures or measured.problems.shared:
        raise typer.Exit(Exit.DATA_PROBLEMS)


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server evaluate alerts --since 2026-03-01 --config /etc/cekalwatch/server.toml\n\n"
    "  cekalwatch-server evaluate alerts --site sekupang --since 2026-03-01 --until 2026-04-01 --out march.json\n\n"
    "  cekalwatch-server evaluate alerts --since 2026-03-01 --page march.html --groups report/evaluation.json\n\n"
    "Exit code 0: measured. 66: no alert of that time was found to be false or right."
)
@with_quiet_context
def alerts(
    context: Context,
    since: Annotated[
        datetime | None, typer.Option(formats=DAYS, help="First day; when not given, the beginning.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=DAYS, help="First day after it; when not given, now.")
    ] = None,
    site: Annotated[str | None, typer.Option(help="One site; when not given, all of them.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures to this file too, as JSON.")] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write the figures to this file too, as a page (HTML) that can be published.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(help="evaluation.json of volunteers, whose figures by group the page shows.")
    ] = None,
) -> None:
    """Measure false alerts per passage by people's findings: by camera, list, agency and hour.

    It also says which threshold would have halved the false alerts, and how many confirmed ones that would have missed.
    Days and hours are those of the site's clock, or of the first site's.
    """

    from cekalwatch.evaluation.report.field_screen import field_json, field_page, show_field
    from cekalwatch.server.alerts.evaluation_file import read_groups
    from cekalwatch.server.domain.alerts.field_report import FieldSpan, field_report
    from cekalwatch.server.domain.alerts.field_sums import AlertVerdict, FieldSums

    measured = read_groups(groups) if groups else None
    settings, stores = context.settings, context.stores
    places = {entry.site: entry for entry in settings.sites}
    if site is not None and site not in places:
        raise ProgramError(f"There is no site {site} in the configuration; there is {', '.join(places)}", Exit.USAGE)
    zone = (places[site] if site else settings.home).zone
    start = since.replace(tzinfo=zone) if since else BEGINNING
    end = until.replace(tzinfo=zone) if until else context.clock.now()
    raised = stores.field.alerts(start, end, site)
    if all(alert.verdict is AlertVerdict.OPEN for alert in raised):
        raise ProgramError(
            "No alert of that time was found to be false or right yet: officers have to judge some first",
            Exit.NO_INPUT,
        )
    sums = FieldSums.of(raised, stores.field.passages(start, end, site), stores.agency_history.of(raised), zone)
    learned = [one.figures for version in sorted(sums.versions) if (one := stores.thresholds.learned(version))]
    made_at, listed = context.clock.now(), stores.field.listed()
    report = field_report(FieldSpan(start, end, site or ""), sums, listed, made_at, learned, measured)
    show_field(report, Console())
    if out:
        _write(out, field_json(report))
        typer.echo(f"Figures: {out}")
    if page:
        _write(page, field_page(report))
        typer.echo(f"Page: {page}")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProgramError(f"Cannot write {file}: {error.strerror}") from None


def _with_progress(samples: Iterable[Sample], total: int) -> Iterator[Sample]:
    with counting_progress() as progress:
        yield from progress.track(samples, total=total, description="Reading faces")

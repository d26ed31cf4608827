"""The report as one HTML page that needs nothing else: no script, no address outside."""

from __future__ import annotations

from cekalwatch.server.evaluation.evaluation import Evaluation
from cekalwatch.server.evaluation.report import words
from cekalwatch.server.evaluation.report.plots import plots


def page(evaluation: Evaluation) -> str:
    """Return the page; names from the collection are escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cekalwatch.server.evaluation", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"rate": words.percentages, "of_hundred": words.of_hundred, "one_in": words.one_in}
    return environment.get_template("page.html").render(
        run=evaluation,
        kinds=(("Passages", "passages", evaluation.passages), ("Single images", "images", evaluation.single)),
        point=evaluation.passages.at(evaluation.plan.fpir),
        headline=words.expectation(evaluation.passages.at(evaluation.plan.fpir), "passages"),
        headline_single=words.expectation(evaluation.single.at(evaluation.plan.fpir), "single images"),
        # Our own SVG, in which matplotlib has escaped what it was given.
        plots={name: Markup(svg) for name, svg in plots(evaluation).items()},  # noqa: S704
        list_sizes=(100, 400, 1_000, 4_000, 10_000),
        fpirs=(1e-2, 1e-3, 1e-4),
    )

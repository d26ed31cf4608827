"""The plots of a report, as SVG text. It uses matplotlib without pyplot, which avoids global state."""

from __future__ import annotations

import io
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cekalwatch.evaluation.evaluation import Evaluation
from cekalwatch.evaluation.statistics.metrics import det_curve
from cekalwatch.evaluation.statistics.study import Study
from cekalwatch.server.alerts.evaluation_file import TailCheck
from cekalwatch.vision.thresholds import ThresholdModel

_MATED, _NON_MATED, _ACCENT = "#1b7f5c", "#b3423a", "#2b5c8a"
_SIZE = (7.2, 4.2)


def plots(evaluation: Evaluation) -> dict[str, str]:
    """Return SVG by name: det, scores, and thresholds if a tail was fitted."""
    made = {
        "det": _svg(lambda axes: _det(axes, evaluation)),
        "scores": _svg(lambda axes: _scores(axes, evaluation.passages, evaluation.plan.fpir)),
    }
    model = evaluation.tail
    if model is not None:
        made["thresholds"] = _svg(lambda axes: _thresholds(axes, model, evaluation.tail_checks, evaluation.plan.fpir))
    return made


def _svg(draw: Callable[[Axes], None]) -> str:
    # Text stays text, so that it can be selected and read aloud; a fixed salt makes ids repeatable.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "cekalwatch", "font.family": "sans-serif"}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, alpha=0.25)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _det(axes: Axes, evaluation: Evaluation) -> None:
    studies = (("single images", evaluation.single, _NON_MATED), ("passages", evaluation.passages, _ACCENT))
    for name, study, colour in studies:
        _, fpir, fnir = det_curve(study.trials)
        seen = fpir > 0
        axes.plot(fpir[seen], np.maximum(fnir[seen], _least(study)), color=colour, label=name)
        point = study.at(evaluation.plan.fpir)
        below = max(point.misses.value, _least(study))
        axes.errorbar(
            point.fpir,
            below,
            yerr=[[max(0.0, below - max(point.misses.low, _least(study)))], [max(0.0, point.misses.high - below)]],
            fmt="o",
            color=colour,
            capsize=3,
        )
    axes.set(
        xscale="log", yscale="log", xlabel="FPIR: share of unlisted that alert", ylabel="FNIR: share of listed missed"
    )
    axes.set_xlim(left=1 / max(len(evaluation.passages.trials.non_mated), 10), right=1)
    axes.legend(frameon=False)


def _least(study: Study) -> float:
    """Return half a miss: a logarithmic axis has no zero."""
    return 0.5 / max(1, len(study.trials.mated))


def _scores(axes: Axes, study: Study, wanted: float) -> None:
    bins = np.linspace(-0.2, 1, 61).tolist()
    for name, scores, colour in (
        ("not listed, best score", study.trials.non_mated, _NON_MATED),
        ("listed, own score", study.trials.mated, _MATED),
    ):
        share = np.full(len(scores), 100 / max(1, len(scores)))
        axes.hist(np.clip(scores, -0.2, 1), bins=bins, weights=share, color=colour, alpha=0.6, label=name)
    point = study.at(wanted)
    axes.axvline(point.threshold, color="#333", linestyle="--", label=f"threshold {point.threshold:.3f}")
    axes.set(xlabel="comparison score of a passage", ylabel="passages, %")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)


def _thresholds(axes: Axes, model: ThresholdModel, checks: tuple[TailCheck, ...], wanted: float) -> None:
    sizes = np.unique(np.logspace(1.5, 5, 80).astype(int))
    for fpir, style in ((wanted, "-"), (wanted / 10, "--"), (wanted / 100, ":")):
        line = [model.threshold(int(size), fpir) for size in sizes]
        axes.plot(sizes, line, style, color=_ACCENT, label=f"FPIR {fpir:g}")
    axes.plot(
        [check.list_size for check in checks],
        [check.threshold for check in checks],
        "o",
        color=_MATED,
        label="list sizes that were counted",
    )
    axes.set(xscale="log", xlabel="templates on the list", ylabel="threshold")
    axes.legend(frameon=False)

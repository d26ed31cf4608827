"""A survey as JSON, and as one HTML file that needs nothing else and loads nothing."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import jinja2

from cekalwatch.camera.survey import fitness
from cekalwatch.camera.survey.findings import Distribution, SurveyResult
from cekalwatch.camera.survey.surveyor import Survey
from cekalwatch.camera.survey.words import Words

WANTED: Final = {
    "eye_distance_px": (fitness.FIT_EYE_DISTANCE, float("inf")),
    "yaw_degrees": (-fitness.MAX_YAW, fitness.MAX_YAW),
    "pitch_degrees": (-fitness.MAX_PITCH, fitness.MAX_PITCH),
    "sharpness": (fitness.MIN_SHARPNESS, float("inf")),
    "brightness": fitness.LIGHT,
}
"""From where to where a figure should be."""
DIGITS: Final = {"sharpness": 2, "brightness": 2}


@dataclass(frozen=True)
class Bar:
    """A bin of a histogram, in percent of its width and height."""

    left: float
    width: float
    height: float
    good: bool
    label: str
    """The bin's lower edge."""
    share: str


def document(found: SurveyResult, surveyed_at: datetime) -> dict[str, Any]:
    """Return the findings as JSON has them; no pictures."""
    return {
        "surveyed_at": surveyed_at.isoformat(timespec="seconds"),
        **asdict(found),
        "share_fit": found.share_fit,
        "frames_per_second": found.recording.rate,
    }


def page(survey: Survey, words: Words, surveyed_at: datetime, *, show_faces: bool) -> str:
    """Return the report."""
    found = survey.findings
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (files("cekalwatch.camera.survey") / "page.html").read_text(encoding="utf-8")
    )
    return template.render(
        words=words,
        found=found,
        surveyed_at=surveyed_at.strftime("%Y-%m-%d %H:%M"),
        summary=words.summary(found),
        advice=[words.advice(advice, found) for advice in found.advice],
        flaws=sorted(((count, words.flaw(flaw)) for flaw, count in found.flaws.items() if count), reverse=True),
        figures=[_figure(name, spread, words) for name, spread in found.distributions.items()],
        examples=[
            {
                "source": f"data:image/jpeg;base64,{base64.b64encode(one.jpeg).decode()}",
                "fit": not one.flaws,
                "caption": ", ".join(sorted(words.flaw(flaw) for flaw in one.flaws)) or words("picture_fit"),
            }
            for one in survey.examples
        ],
        privacy=words("privacy_shown" if show_faces else "privacy_blurred"),
    )


def _figure(name: str, spread: Distribution, words: Words) -> dict[str, Any]:
    digits = DIGITS.get(name, 0)
    least, most = WANTED[name]
    range_ = f"≥ {words.edge(least)}" if most == float("inf") else f"{words.edge(least)} – {words.edge(most)}"
    return {
        "title": words(name),
        "wanted": f"{words('wanted')}: {range_}",
        "bars": bars(spread, (least, most), words),
        "last": words.edge(spread.edges[-1]),
        "median": words(
            "median",
            p10=words.number(spread.p10, digits),
            p50=words.number(spread.p50, digits),
            p90=words.number(spread.p90, digits),
        ),
    }


def bars(spread: Distribution, wanted: tuple[float, float], words: Words) -> list[Bar]:
    """Return the histogram's bars, all of one width; the tallest fills the height."""
    width, tallest = 100 / len(spread.shares), max(spread.shares)
    return [
        Bar(
            left=place * width,
            width=width,
            height=100 * share / tallest,
            good=wanted[0] <= low and high <= wanted[1],
            label=words.edge(low),
            share=f"{words.number(100 * share)}%",
        )
        for place, (share, low, high) in enumerate(zip(spread.shares, spread.edges[:-1], spread.edges[1:], strict=True))
    ]

"""A survey for a technician: its texts, as JSON, as one HTML file that loads nothing else, and sent to a server."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import grpc
import jinja2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.camera.survey.findings import LEAST_MAGNIFY, Distribution, SurveyResult
from cekalwatch.camera.survey.surveyor import Survey
from cekalwatch.contract.codec.camera_service import SURVEY
from cekalwatch.contract.values.surveys import Advice, SurveyFigures
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.translations import Language, Texts
from cekalwatch.v1 import camera_service_pb2 as pb
from cekalwatch.v1.camera_service_pb2_grpc import CameraServiceStub
from cekalwatch.vision import fitness
from cekalwatch.vision.fitness import Flaw
from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer


class SurveyTexts(Texts):
    """The survey's texts."""

    def __init__(self, language: Language) -> None:
        super().__init__("cekalwatch.camera", language)

    def flaw(self, flaw: Flaw) -> str:
        """Return what is wrong with a face."""
        return self.say(f"FLAW_{flaw.name}")

    def advice(self, advice: Advice, found: SurveyResult) -> str:
        """Return the advice with this survey's numbers in it."""
        return self.say(
            f"ADVICE_{advice.name}",
            passages=found.passages,
            magnify=self.number(found.magnify or LEAST_MAGNIFY, ".1f"),
            rate=self.number(found.recording.rate, ".1f"),
        )

    def summary(self, found: SurveyResult) -> list[str]:
        """Return the first sentences of a report."""
        share = f"{self.number(100 * found.share_fit, '.0f')}%"
        return [
            self.say("SUMMARY", fit=found.fit, passages=found.passages, share=share),
            self.say("SENDABLE", sendable=found.sendable, passages=found.passages),
        ]

    def recorded(self, found: SurveyResult) -> str:
        """Return a line about the recording: its duration and frames."""
        recording = found.recording
        return self.say(
            "RECORDED",
            minutes=self.number(recording.seconds / 60, ".1f"),
            frames=recording.frames,
            rate=self.number(recording.rate, ".1f"),
            width=str(recording.width),
            height=str(recording.height),
        )


WANTED: Final = {
    "eye_distance_px": (fitness.FIT_EYE_DISTANCE, float("inf")),
    "yaw_degrees": (-fitness.MAX_YAW, fitness.MAX_YAW),
    "pitch_degrees": (-fitness.MAX_PITCH, fitness.MAX_PITCH),
    "sharpness": (fitness.MIN_SHARPNESS, float("inf")),
    "brightness": fitness.LIGHT,
}
"""The range in which each metric should be."""
DIGITS: Final = {"sharpness": 2, "brightness": 2}


@dataclass(frozen=True)
class Bar:
    """A bin of a histogram; left, width and height in percent of it."""

    left: float
    width: float
    height: float
    good: bool
    label: str
    """The bin's lower edge."""
    share: str


def document(found: SurveyResult, surveyed_at: datetime) -> dict[str, Any]:
    """Return the findings for JSON, without pictures."""
    return {
        "surveyed_at": surveyed_at.isoformat(timespec="seconds"),
        **asdict(found),
        "share_fit": found.share_fit,
        "frames_per_second": found.recording.rate,
    }


def page(survey: Survey, texts: SurveyTexts, surveyed_at: datetime) -> str:
    found = survey.findings
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (files("cekalwatch.camera.survey") / "page.html").read_text(encoding="utf-8")
    )
    return template.render(
        texts=texts,
        found=found,
        surveyed_at=surveyed_at.strftime("%Y-%m-%d %H:%M"),
        summary=texts.summary(found),
        advice=[texts.advice(advice, found) for advice in found.advice],
        flaws=sorted(
            ((count, texts.say(f"FLAW_{flaw.name}")) for flaw, count in found.flaws.items() if count), reverse=True
        ),
        metrics=[_metric(name, spread, texts) for name, spread in found.distributions.items()],
        examples=[
            {
                "source": f"data:image/jpeg;base64,{base64.b64encode(one.jpeg).decode()}",
                "fit": not one.flaws,
                "caption": ", ".join(sorted(map(texts.flaw, one.flaws))) or texts.say("EXAMPLE_FIT"),
            }
            for one in survey.examples
        ],
    )


def _metric(name: str, spread: Distribution, texts: SurveyTexts) -> dict[str, Any]:
    form = f".{DIGITS.get(name, 0)}f"
    least, most = WANTED[name]
    if most == float("inf"):
        wanted = texts.say("WANTED_MINIMUM", least=texts.number(least, "g"))
    else:
        wanted = texts.say("WANTED_RANGE", least=texts.number(least, "g"), most=texts.number(most, "g"))
    return {
        "title": texts.say(f"METRIC_{name.upper()}"),
        "wanted": wanted,
        "bars": bars(spread, (least, most), texts),
        "last": texts.number(spread.edges[-1], "g"),
        "median": texts.say(
            "MEDIAN",
            p10=texts.number(spread.p10, form),
            p50=texts.number(spread.p50, form),
            p90=texts.number(spread.p90, form),
        ),
    }


def bars(spread: Distribution, wanted: tuple[float, float], texts: SurveyTexts) -> list[Bar]:
    """Return the histogram's bars, all of one width; the tallest fills the height."""
    width, tallest = 100 / len(spread.shares), max(spread.shares)
    return [
        Bar(
            left=place * width,
            width=width,
            height=100 * share / tallest,
            good=wanted[0] <= low and high <= wanted[1],
            label=texts.number(low, "g"),
            share=f"{texts.number(100 * share, '.0f')}%",
        )
        for place, (share, low, high) in enumerate(zip(spread.shares, spread.edges[:-1], spread.edges[1:], strict=True))
    ]


DEADLINE_S: Final = 15.0


def report(dialer: Dialer, camera_id: str, found: SurveyFigures) -> None:
    """Send the figures, and no pictures, under the camera's key.

    Raises ProgramError that says why the server does not store them.
    """
    request = pb.ReportSurveyRequest(camera_id=camera_id, survey=SURVEY.write(found))
    calls = Calls(dialer)
    try:
        calls.make(lambda channel, left_s: CameraServiceStub(channel).ReportSurvey(request, timeout=left_s), DEADLINE_S)
    except grpc.RpcError as error:
        raise _told(error, dialer) from None
    finally:
        calls.close()


def _told(error: grpc.RpcError, dialer: Dialer) -> ProgramError:
    status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return ProgramError(f"The server does not keep the survey: {error.details()} ({info.reason})")
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return ProgramError("The server is too old to keep surveys: upgrade it")
    where = ", ".join(dialer.servers.addresses)
    return ProgramError(f"The survey was not sent: no server answers at {where}", Exit.UNAVAILABLE)

"""What a survey of a camera found, made to measure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cekalwatch.contract.codec.camera_service import SURVEY
from cekalwatch.contract.values.surveys import Advice, Grade, Spread, SurveyFigures
from cekalwatch.v1 import camera_service_pb2

FIGURES = SurveyFigures(
    client_version="0.2.0",
    detector="light",
    frame_width=1920,
    frame_height=1080,
    watched_s=600.0,
    frames_per_second=14.5,
    passages=40,
    passages_fit=31,
    passages_sendable=39,
    spreads={
        "eye_distance_px": Spread(41.0, 66.0, 90.0),
        "yaw_degrees": Spread(-12.0, 1.0, 14.0),
        "pitch_degrees": Spread(2.0, 9.0, 15.0),
        "sharpness": Spread(0.25, 0.5, 0.75),
        "brightness": Spread(0.375, 0.5, 0.625),
    },
    grade=Grade.FAIR,
    advice=(Advice.NEARER, Advice.FOCUS),
)


def survey_figures(**fields: Any) -> SurveyFigures:
    """Those figures, with `fields` put in their place."""
    return replace(FIGURES, **fields)


def survey_message(**fields: Any) -> camera_service_pb2.Survey:
    """The same as the client writes them."""
    return SURVEY.write(survey_figures(**fields))

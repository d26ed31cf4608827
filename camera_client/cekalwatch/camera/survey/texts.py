"""What a survey says to a technician, in Indonesian or English."""

from __future__ import annotations

from cekalwatch.camera.survey.findings import LEAST_MAGNIFY, SurveyResult
from cekalwatch.contract.values.surveys import Advice
from cekalwatch.program.translations import Language, Texts
from cekalwatch.vision.fitness import Flaw


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
        """Return what was looked at."""
        recording = found.recording
        return self.say(
            "RECORDED",
            minutes=self.number(recording.seconds / 60, ".1f"),
            frames=recording.frames,
            rate=self.number(recording.rate, ".1f"),
            width=str(recording.width),
            height=str(recording.height),
        )

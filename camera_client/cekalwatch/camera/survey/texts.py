"""What a survey says to a technician, in Indonesian or English."""

from __future__ import annotations

from cekalwatch.camera.survey.findings import LEAST_MAGNIFY, SurveyResult
from cekalwatch.contract.values.surveys import Advice
from cekalwatch.program.translations import Language, Texts
from cekalwatch.vision.fitness import Flaw


class SurveyTexts(Texts):
    """The survey's texts, and its numbers as the language writes them."""

    def __init__(self, language: Language) -> None:
        super().__init__("cekalwatch.camera", language)

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number, rounded to `digits` decimals."""
        return self._localised(f"{value:.{digits}f}")

    def edge(self, value: float) -> str:
        """Return the edge of a bin, as short as it can be written."""
        return self._localised(f"{value:g}")

    def flaw(self, flaw: Flaw) -> str:
        """Return what is wrong with a face."""
        return self.say(f"FLAW_{flaw.name}")

    def advice(self, advice: Advice, found: SurveyResult) -> str:
        """Return the advice with this survey's numbers in it."""
        return self.say(
            f"ADVICE_{advice.name}",
            passages=found.passages,
            magnify=self.number(found.magnify or LEAST_MAGNIFY, 1),
            rate=self.number(found.recording.rate, 1),
        )

    def summary(self, found: SurveyResult) -> list[str]:
        """Return the first sentences of a report."""
        share = f"{self.number(100 * found.share_fit)}%"
        return [
            self.say("SUMMARY", fit=found.fit, passages=found.passages, share=share),
            self.say("SENDABLE", sendable=found.sendable, passages=found.passages),
        ]

    def recorded(self, found: SurveyResult) -> str:
        """Return what was looked at."""
        recording = found.recording
        return self.say(
            "RECORDED",
            minutes=self.number(recording.seconds / 60, 1),
            frames=recording.frames,
            rate=self.number(recording.rate, 1),
            width=recording.width,
            height=recording.height,
        )

    def _localised(self, number: str) -> str:
        number = number.replace("-", "−")
        return number.replace(".", ",") if self.language is Language.ID else number

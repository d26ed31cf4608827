from __future__ import annotations

import pytest

from cekalwatch.console.locale.texts import LFW, ConsoleTexts
from cekalwatch.program.translations import Language
from cekalwatch.server.recognition.packs.threshold_models import LIGHT, STANDARD, STANDARD_COHORT
from cekalwatch.vision.thresholds import ThresholdModel


@pytest.mark.parametrize(
    "model", [LIGHT, STANDARD, STANDARD_COHORT.thresholds], ids=["light", "standard", "standard, compared"]
)
def test_the_data_behind_our_packs_are_named_in_the_language_of_the_page(model: ThresholdModel) -> None:
    data = model.provenance.data
    assert data == LFW
    assert ConsoleTexts(Language.EN).measured_on(data) == data.replace("3930", "3,930").replace("1469", "1,469")
    assert "3.930 foto dari 1.469 orang" in ConsoleTexts(Language.ID).measured_on(data)


def test_what_another_pack_says_of_its_data_stays_as_it_is() -> None:
    assert ConsoleTexts(Language.ID).measured_on("300 crew members, Batam") == "300 crew members, Batam"

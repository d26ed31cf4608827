"""Every state of the alert window fits the screens that counters have, at each of their scales, in both languages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.scenarios import window_states


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["1", "1.25", "1.5", "2"])
def test_no_word_is_cut_and_no_button_is_outside(scale: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", window_states.__name__, scale], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stdout.splitlines()

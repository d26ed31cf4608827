"""The search for personal data in logs finds names and numbers, and takes keys and screens for what they are."""

from __future__ import annotations

import json
from tempfile import TemporaryDirectory

import pytest

from tests.support.tools.log_scan import personal_data

pytest_plugins = "pytester"


def record(**fields: object) -> str:
    return json.dumps({"event": "subject imported", "level": "info"} | fields)


@pytest.mark.parametrize(
    "line",
    [
        record(subject="Contoh Dua"),
        record(detail="no such name: contoh dua"),
        record(nik="2171015509860007"),
        "2026-03-01 10:00:00 [info     ] subject imported    name='Contoh Dua'",
        "\x1b[2m2026-03-01T10:00:00.1Z\x1b[0m [\x1b[32minfo     \x1b[0m] imported  nik=2171015509860007",
    ],
)
def test_a_name_or_a_number_in_a_log_is_found(line: str) -> None:
    assert personal_data(f"before\n{line}\nafter") != []


@pytest.mark.parametrize(
    "text",
    [
        record(subject_id="01890000-0000-7000-8000-000000000001", score=0.1234567890123456),
        record(digest="1234567890123456789012345678901234567890"),
        "│ Contoh Dua │ 2171015509860007 │",
        '{"name": "Contoh Dua"}',
    ],
)
def test_keys_figures_and_what_a_screen_shows_are_no_finding(text: str) -> None:
    assert personal_data(text) == []


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["-pno:xdist", "-n0", "-n2"])
@pytest.mark.parametrize(
    ("logging", "place"),
    [
        ("print(LINE)", "*::test_*"),
        ("(tmp_path / 'server.log').write_text(LINE)", "*test_*/server.log"),
    ],
    ids=["in the process", "in a file"],
)
def test_a_run_in_which_a_name_was_logged_fails(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], logging: str, place: str, workers: str
) -> None:
    pytester.makeconftest("from tests.conftest import *")
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(
        f"import pytest\nLINE = {record(subject='Contoh Dua')!r}\n"
        "@pytest.mark.parametrize('number', range(2))\n"
        f"def test_it(tmp_path, number):\n    {logging}"
    )
    with TemporaryDirectory() as folder:
        result = pytester.runpytest(workers, "--basetemp", folder)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*personal data in logs*", *[place, "*Contoh Dua*"] * 2])
    capsys.readouterr()  # or this run would find it, too

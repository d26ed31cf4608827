from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.orders import Direction
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.auth.sign_in_terms import SessionTerms
from cekalwatch.server.domain.checkpoints import Camera, LegalParameters
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.answers import Answers
from tests.support.repository import ROOT

CAMERA = {"camera_id": "dep-1", "site": "batam-center", "counter": "D1", "direction": "DEPARTURE"}
SITE = {"site": "batam-center"}


def test_nothing_needs_to_be_set() -> None:
    settings = ServerSettings.load()
    assert settings.listen == "127.0.0.1:50051"
    assert [(entry.site, entry.time_zone) for entry in settings.sites] == [("batam-center", "Asia/Jakarta")]
    assert settings.cameras == ()
    assert settings.threads >= 1
    assert settings.legal == LegalParameters()


def test_database_and_packs_are_in_the_data_folder_unless_they_are_set_apart(tmp_path: Path) -> None:
    settings = ServerSettings.load(data_dir=tmp_path)
    assert settings.database_address == f"sqlite:///{tmp_path / 'cekalwatch.sqlite3'}"
    assert settings.models_path == tmp_path / "models"
    apart = ServerSettings.load(data_dir=tmp_path, database_url="postgresql://db/x", models_dir=tmp_path / "packs")
    assert (apart.database_address, apart.models_path) == ("postgresql://db/x", tmp_path / "packs")


def test_sites_and_cameras_come_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text(
        """
        [[sites]]
        site = "sorong"
        time_zone = "Asia/Jayapura"

        [[cameras]]
        camera_id = "arr-1"
        site = "sorong"
        counter = "Kedatangan 1"
        direction = "ARRIVAL"

        [capture_policy]
        max_yaw_degrees = 30
        """
    )
    settings = ServerSettings.load(file)
    assert list(settings.cameras) == [Camera("arr-1", "sorong", "Kedatangan 1", Direction.ARRIVAL)]
    assert settings.sites[0].time_zone == "Asia/Jayapura"
    assert (settings.capture_policy.max_yaw_degrees, settings.capture_policy.jpeg_quality) == (30, 85)


def test_one_figure_of_the_law_can_be_set_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_SERVER_LEGAL__URGENT_DAYS", "14")
    assert ServerSettings.load().legal == LegalParameters(urgent_days=14)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"listen": "nonsense"}, "HOST:PORT"),
        ({"threads": 0}, "threads"),
        ({"threshold": 1.0}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"credits": 0}, "credits"),
        ({"credits": 1001}, "credits"),
        ({"heartbeat_period_seconds": 0}, "heartbeat_period_seconds"),
        ({"heartbeat_period_seconds": float("nan")}, "heartbeat_period_seconds"),
        ({"handshake_seconds": 0}, "handshake_seconds"),
        ({"grouping_window_seconds": -1}, "grouping_window_seconds"),
        ({"grouping_window_seconds": float("inf")}, "grouping_window_seconds"),
        ({"freshness_limit_hours": 0}, "freshness_limit_hours"),
        ({"freshness_limit_hours": float("inf")}, "freshness_limit_hours"),
        ({"event_retention_days": 0}, "event_retention_days"),
        ({"event_retention_days": 10**9}, "event_retention_days"),
        ({"log_level": "loud"}, "log_level"),
        ({"sites": []}, "sites"),
        ({"sites": [SITE, SITE]}, "'batam-center' is listed twice"),
        ({"sites": [{"site": "Batam"}]}, "sites.0.site"),
        ({"sites": [{"site": "batam", "time_zone": "WIB"}]}, "WIB is Asia/Jakarta"),
        ({"sites": [{"site": "batam", "time_zone": "../etc/passwd"}]}, "no time zone"),
        ({"sites": [{"site": "batam", "timezone": "Asia/Jakarta"}]}, "sites.0.timezone"),
        ({"cameras": [CAMERA | {"camera_id": "Gate 1"}]}, "cameras.0.camera_id"),
        ({"cameras": [CAMERA | {"counter": ""}]}, "cameras.0.counter"),
        ({"cameras": [CAMERA | {"direction": "OUT"}]}, "cameras.0.direction"),
        ({"cameras": [CAMERA | {"site": "sekupang"}]}, "'sekupang', which `sites` does not list"),
        ({"cameras": [CAMERA, CAMERA]}, "'dep-1' is listed twice"),
        ({"capture_policy": {"jpeg_quality": 49}}, "capture_policy.jpeg_quality"),
        ({"capture_policy": {"max_crops_per_track": 21}}, "capture_policy.max_crops_per_track"),
        ({"legal": {"cegah_months": 0}}, "legal.cegah_months"),
        ({"legal": {"home_nationality": "Indonesia"}}, "legal.home_nationality"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ProgramError) as caught:
        ServerSettings.load(**changes)  # type: ignore[arg-type]  # wrong on purpose
    assert words in str(caught.value)
    assert caught.value.exit_code is Exit.CONFIG


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"listen": "0.0.0.0:50051"}, "pki issue --role server"),
        ({"enrolment_listen": "127.0.0.1:50052"}, "cannot enrol without a certificate"),
    ],
)
def test_server_without_a_certificate_serves_its_own_machine_only(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    settings = ServerSettings.load(None, data_dir=tmp_path, **changes)
    with pytest.raises(ProgramError) as caught:
        settings.tls()
    assert words in str(caught.value)
    assert caught.value.exit_code is Exit.CONFIG
    assert ServerSettings.load(data_dir=tmp_path).tls() is None


def test_people_stay_signed_in_as_long_as_is_set() -> None:
    assert ServerSettings.load().session_terms == SessionTerms()
    terms = ServerSettings.load(session_lifetime_hours=8, session_idle_minutes=5).session_terms
    assert (terms.lifetime, terms.idle) == (timedelta(hours=8), timedelta(minutes=5))


def test_an_identity_provider_without_https_is_refused() -> None:
    with pytest.raises(ProgramError, match="https") as refused:
        ServerSettings.load(openid={"issuer": "http://id.batam.local", "client_id": "cekalwatch"})
    assert refused.value.exit_code is Exit.CONFIG


def test_the_installation_pages_answers_and_the_settings_that_follow_can_be_loaded(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    (example,) = [block for block in _blocks(page) if "[[cameras]]" in block]
    answers, settings = tmp_path / "answers.toml", tmp_path / "server.toml"
    answers.write_text(example)
    settings.write_text(Answers.load(answers).settings_toml())
    assert ServerSettings.load(settings).cameras


def test_what_is_wrong_with_the_answers_is_said_in_words(tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('office = "X"\nhosts = []\ncamras = []\n[[sites]]\nsite = "batam"\ntime_zone = "Asia/Mars"\n')
    with pytest.raises(ProgramError) as refused:
        Answers.load(answers)
    assert str(refused.value).splitlines()[1:] == [
        "  hosts: nothing valid is stated, and at least one is needed",
        "  sites.0: 'Asia/Mars' is no time zone of the IANA list; WIB is Asia/Jakarta",
        "  sites: nothing valid is stated, and at least one is needed",
        "  administrator: it is missing",
        "  administrator_name: it is missing",
        "  camras: there is no such setting (did you mean cameras?)",
    ]


def _blocks(page: str) -> list[str]:
    """The indented or fenced blocks of a page."""
    found: list[list[str]] = [[]]
    for line in page.splitlines():
        if line.startswith("    ") or (not line.strip() and found[-1]):
            found[-1].append(line.removeprefix("    "))
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found]


def test_every_time_of_an_alert_is_a_setting(tmp_path: Path) -> None:
    names = ("claim_lease", "escalate_after", "settle_after", "escalate_again_after", "escalate_owed_again_after")
    file = tmp_path / "server.toml"
    file.write_text("\n".join(f"{name}_seconds = {60 + place}" for place, name in enumerate(names)))
    policy = ServerSettings.load(file).handling_policy
    times = (policy.lease, policy.to_supervisor, policy.to_settle, policy.again, policy.owed_again)
    assert [one.total_seconds() for one in times] == [60, 61, 62, 63, 64]

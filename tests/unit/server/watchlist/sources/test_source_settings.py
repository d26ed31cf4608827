"""A source's configuration says what it means, or what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.settings.checkpoint import WatchlistSettings
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS, REQUIRED, MappingSettings
from cekalwatch.server.watchlist.sources.settings import FolderSettings

ALL_REQUIRED = {name: name.upper() for name in REQUIRED}


def fault(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        WatchlistSettings(source=settings)  # type: ignore[arg-type]  # as a file has it
    return str(caught.value)


def mapping_fault(**mapping: Any) -> str:
    return fault(kind="folder", path="list", mapping=mapping)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"fields": {"nama": "Nama"}}, "there is no field nama"),
        ({"fields": {"name": "Nama"}}, "where order_id, subject_id, kind"),
        (
            {"fields": ALL_REQUIRED, "constants": {"kind": "CEGAH"}},
            "kind: a field comes from the source or is constant",
        ),
        ({"constants": {"order_id": "1"}}, "order_id must tell rows apart"),
        ({"values": {"jenis": {}}}, "values: there is no field jenis"),
        ({"date_formats": []}, "at least 1"),
        ({"date_formats": ["%d/%m/%y"]}, "four digits"),
        ({"date_formats": ["%d/%m"]}, "'%d/%m' must have"),
        ({"date_formats": ["%d/%m/%Y", "%m/%d/%Y"]}, "read the same text as different days"),
        ({"moment_formats": ["%d/%m/%Y"]}, "%H and %M"),
        (
            {"fields": ALL_REQUIRED | {"travel_documents": "D"}, "documents": [{"type": "passport", "number": "P"}]},
            "not both",
        ),
        ({"field": {}}, "Unexpected keyword"),
    ],
)
def test_a_wrong_mapping_is_named(mapping: dict[str, Any], said: str) -> None:
    assert said in mapping_fault(**mapping)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"kind": "ftp"}, "'folder', 'http', 'spreadsheet'"),
        ({"kind": "folder"}, "path"),
        ({"kind": "folder", "path": "x", "encoding": "latin-1"}, "'utf-8' or 'windows-1252'"),
        ({"kind": "http", "address": "ftp://x/"}, "must begin with https://"),
        ({"kind": "http", "address": "http://cekal.example/orders"}, "must begin with https://"),
        ({"kind": "http", "address": "https://u:secret@cekal.example/"}, "must not hold a user or password"),
        ({"kind": "http", "address": "https://x/", "access": {"token_from": "secret"}}, "write file:PATH or env:NAME"),
        ({"kind": "sql", "address": "nodb://x", "query": "t"}, "no SQLAlchemy address with an installed driver"),
        ({"kind": "sql", "address": "mysql+pymysql://u@x/y", "query": "t"}, "driver pymysql is not installed"),
        ({"kind": "sql", "address": "postgresql://u:secret@x/y", "query": "t"}, "use password_from"),
        (
            {"kind": "sql", "address": "sqlite:///x", "query": "t", "photographs": "p", "photograph_columns": ["f"]},
            "exclude one another",
        ),
    ],
)
def test_a_wrong_source_is_named(source: dict[str, Any], said: str) -> None:
    assert said in fault(**source)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8700/orders", "http://[::1]:8700/orders", "http://localhost/x"])
def test_plain_http_is_for_this_machine(address: str) -> None:
    assert WatchlistSettings(source={"kind": "http", "address": address}).source  # type: ignore[arg-type]  # see above


def test_a_secret_in_the_wrong_place_is_not_shown_by_the_program(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    lines = ['kind = "sql"', 'query = "t"', 'address = "postgresql://u:geheim@x/y"', 'password_from = "geheim"']
    file.write_text("\n".join(["[watchlist.source]", *lines]))
    with pytest.raises(ProgramError) as caught:
        ServerSettings.load(file)
    assert "geheim" not in str(caught.value)
    assert "watchlist.source.sql.address" in str(caught.value)
    assert caught.value.exit_code is Exit.CONFIG


def test_settings_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEKALWATCH_SERVER_WATCHLIST__SOURCE__KIND", "folder")
    monkeypatch.setenv("CEKALWATCH_SERVER_WATCHLIST__SOURCE__PATH", "/srv/list")
    monkeypatch.setenv("CEKALWATCH_SERVER_WATCHLIST__SOURCE__MAPPING__DATE_FORMATS", '["%d/%m/%Y"]')
    monkeypatch.setenv("CEKALWATCH_SERVER_WATCHLIST__SYNC__PERIOD_SECONDS", "60")
    watchlist = ServerSettings.load().watchlist
    assert isinstance(watchlist.source, FolderSettings)
    assert watchlist.source.mapping == MappingSettings(date_formats=("%d/%m/%Y",))
    assert watchlist.sync.period_seconds == 60


def test_nothing_is_mapped_unless_it_is_said() -> None:
    assert set(REQUIRED) <= set(FIELDS)
    assert MappingSettings().date_formats == ("%Y-%m-%d",)

"""`watchlist import --sign`: two people at the server's machine sign for orders in force that the list ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.cli.app import app
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.scenarios.people import PASSWORD, Office, person, programs_passwords
from tests.support.scenarios.server import settings

TODAY = datetime.now(UTC).date()
IN_FORCE = {
    "valid_from": str(TODAY - timedelta(days=10)),
    "valid_until": str(TODAY + timedelta(days=10)),
    "received_on": str(TODAY - timedelta(days=10)),
}


@pytest.mark.slow
def test_a_list_ends_orders_in_force_when_two_sign_who_read_their_names(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "data")
    config = tmp_path / "server.toml"
    config.write_text(
        f'data_dir = "{chosen.data_dir}"\nmodels_dir = "{chosen.models_dir}"\nmodel_pack = "light"\n'
        'listen = "127.0.0.1:9"\ninference = "onnxruntime"\n'
    )
    database = Database(chosen.database_address)
    database.upgrade()
    store = WatchlistStore(database, keyring(database, chosen.master_key_source))
    office = Office(database, passwords=programs_passwords())
    office.hire(person("lina", PersonRole.LIST_MANAGER))
    office.hire(person("sari", PersonRole.SUPERVISOR))

    def imported(*cells: dict[str, str], sign: str = "", typed: str = "") -> tuple[int, str]:
        rows = [row(f"O-{number}", subject_id=f"S-{number}", **IN_FORCE, **one) for number, one in enumerate(cells, 1)]
        folder = str(write_orders(tmp_path / "list", rows))
        command = ["watchlist", "import", folder, "--offline", *([sign] if sign else []), "--config", str(config)]
        result = CliRunner(env={"COLUMNS": "240"}).invoke(app, command, input=typed)
        if isinstance(result.exception, ProgramError):
            return result.exception.exit_code, f"{result.output}{result.exception}"
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    def revoked() -> list[bool]:
        return [bool(store.get_subject(key).orders[0].revoked_at) for key in ("S-1", "S-2")]

    assert imported({}, {})[0] == Exit.OK
    ended = {"revoked_at": str(TODAY - timedelta(days=1))}
    code, told = imported(ended, {"reason": "penyidikan"})
    assert (code, "SILENCES_ORDERS" in told, revoked()) == (Exit.DATA_PROBLEMS, True, [False, False])
    assert store.get_subject("S-2").orders[0].reason == "penyidikan", "the others are imported"
    one_alone = f"lina\n{PASSWORD}\nlina\n{PASSWORD}\n"
    assert imported(ended, {}, sign="--sign", typed=one_alone)[0] == Exit.REFUSED
    assert revoked() == [False, False]
    code, told = imported(ended, {}, sign="--sign", typed=f"lina\n{PASSWORD}\nsari\n{PASSWORD}\n")
    assert (code, revoked()) == (Exit.OK, [True, False]), told
    assert told.count("O-1: Contoh Satu, DEPARTURE") == 4, "both read it, in both languages"
    (entry,) = office.trail(Action.ORDERS_SILENCED)
    assert "order:O-1" in json.loads(entry.objects)
    database.close()

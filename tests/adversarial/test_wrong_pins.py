"""A wrong PIN, and a service manager that starts the server again and again: the token must not lock itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pkcs11
import pytest

from cekalwatch.program.errors import Exit
from cekalwatch.server.hardware.uri import REFUSED_PINS
from cekalwatch.server.storage.database import Database
from deploy.packages.__main__ import DEBIAN
from tests.support.builders.keys import key_store
from tests.support.scenarios.technician import Technician
from tests.support.tools.packs import light_environment
from tests.support.tools.programs import run_program
from tests.support.tools.soft_token import LABEL, PIN, SO_PIN, SoftToken, soft_token

WRONG = "000000"


def set_pin(token: SoftToken, pin: str) -> None:
    with pkcs11.lib(str(token.module)).get_token(token_label=LABEL).open(rw=True, so_pin=SO_PIN) as session:
        session.init_pin(pin)


@pytest.mark.slow
def test_a_server_that_is_started_again_and_again_tries_a_wrong_pin_once(tmp_path: Path) -> None:
    with soft_token(tmp_path / "token") as token:
        technician = Technician(tmp_path, master_key_from=token.uri("master"))
        technician.data.mkdir()
        database = Database(technician.settings.database_address)
        database.upgrade()
        key_store(database, technician.settings.master_key_source)
        database.close()

        def start(*command: str) -> tuple[int, str]:
            options = ("--config", technician.config, "--data-dir", technician.data)
            done = run_program("server", *command, *options, environment=os.environ | light_environment())
            return done.returncode, done.stderr

        token.pin_file.write_text(WRONG)
        code, told = start("serve")
        assert (code, "is not that of the token" in told) == (Exit.PIN_REFUSED, True)
        # Were the token asked again it would agree by now: that it is not is what keeps it from locking itself.
        set_pin(token, WRONG)
        for command in (("serve",), ("serve",), ("keys", "list")):
            assert start(*command)[0] == Exit.PIN_REFUSED
        remembered = technician.data / REFUSED_PINS
        assert remembered.stat().st_mode & 0o077 == 0
        assert WRONG not in remembered.read_text()
        set_pin(token, PIN)
        token.pin_file.write_text(PIN)
        assert start("keys", "list")[0] == Exit.OK
        assert remembered.read_text() == "{}"


def test_systemd_does_not_start_the_server_again_with_a_pin_that_was_refused() -> None:
    unit = (DEBIAN / "cekalwatch-server.service").read_text()
    assert re.search(r"^Restart=always$", unit, re.MULTILINE)
    (codes,) = re.findall(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
    assert codes == str(int(Exit.PIN_REFUSED))

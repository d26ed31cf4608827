"""A member of the group that sets programs up, who wants code of their own to run as the service's account."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from deploy.packages.__main__ import DEBIAN

UNITS = [unit for unit in sorted(DEBIAN.glob("*.service")) if "ExecStart=/usr/bin/cekalwatch-" in unit.read_text()]
PRELOADS = {"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "OPENSSL_CONF"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_member_of_the_group_makes_no_variables_for_a_service(unit: Path) -> None:
    (variables,) = re.findall(r"^EnvironmentFile=-(.+)$", unit.read_text(), re.MULTILINE)
    package = unit.name.split(".")[0]
    rules = [line.split() for line in (DEBIAN / f"{package}.tmpfiles").read_text().splitlines() if line[0] != "#"]
    folders = {path: (mode, user, group) for kind, path, mode, user, group, *_ in rules if kind == "d"}
    folder = Path(variables).parent
    assert folders[str(folder)] == ("0700", "root", "root")
    assert not [path for path in folders if folder.is_relative_to(path) and path != str(folder)], "nor is one above it"


def test_what_runs_none_of_our_programs_reads_no_variables() -> None:
    others = set(DEBIAN.glob("*.service")) - set(UNITS)
    assert UNITS
    assert others
    assert not [unit.name for unit in others if "Environment" in unit.read_text()]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_no_variable_of_a_service_says_what_code_it_loads(unit: Path) -> None:
    unset = {
        name for line in re.findall(r"^UnsetEnvironment=(.+)$", unit.read_text(), re.MULTILINE) for name in line.split()
    }
    assert unset >= PRELOADS


@pytest.mark.parametrize("name", ["server", "camera", "console"])
@pytest.mark.parametrize("made_by", ["root", "nobody"])
def test_an_upgrade_moves_only_variables_that_root_made(name: str, made_by: str, tmp_path: Path) -> None:
    """Until 0.2.0 they were where the whole group makes files. The script works on folders of this test."""
    old, new = tmp_path / "cekalwatch" / f"{name}.env", tmp_path / "cekalwatch-environment" / f"{name}.env"
    old.parent.mkdir()
    old.write_text("LD_PRELOAD=/tmp/mine.so\n")
    owner = subprocess.run(["chown", made_by, old], check=False, capture_output=True)
    if owner.returncode:
        pytest.skip("only root gives files away")
    script = (DEBIAN / f"cekalwatch-{name}.postinst").read_text().replace("/etc/", f"{tmp_path}/")
    done = subprocess.run(["sh", "-s", "configure"], input=script, text=True, capture_output=True, check=True)
    assert new.exists() == (made_by == "root")
    assert old.exists() == (made_by != "root")
    assert ("is not root's" in done.stderr) == (made_by != "root")

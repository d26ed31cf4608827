"""The installer for Windows, as far as it can be judged where there is no Windows.

It is parsed by tree-sitter's grammar of PowerShell, and what it names outside of itself is looked up: commands, files
of the bundle, commands and options of our programs. What needs Windows is not checked: the parameters of its commands,
the rights that it gives, the tasks that it makes. It was not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from cekalwatch.camera.cli.app import app as camera
from cekalwatch.notifier.cli.app import app as notifier
from deploy.bundle.__main__ import PYTHON_INSTALLER, WINDOWS_INSTALLER
from deploy.bundle.wheels import FOLDERS
from deploy.packages.machines import Machine
from deploy.packages.wheels import PYTHON, System
from tests.support.repository import ROOT
from tests.support.tools.commands import commands_of

SOURCE = WINDOWS_INSTALLER.read_bytes()
TEXT = SOURCE.decode("ascii")
COMMANDS = (
    "Copy-Item", "Disable-ScheduledTask", "ForEach-Object", "Get-Acl", "Get-AuthenticodeSignature", "Get-ChildItem",
    "Get-CimInstance", "Get-Date", "Get-FileHash", "Get-ItemProperty", "Get-ScheduledTask", "Join-Path", "New-Item",
    "New-Object", "New-ScheduledTaskAction", "New-ScheduledTaskPrincipal", "New-ScheduledTaskSettingsSet",
    "New-ScheduledTaskTrigger", "New-TimeSpan", "Out-Host", "Out-Null", "Register-ScheduledTask", "Remove-Item",
    "Set-StrictMode", "Split-Path", "Start-Process", "Start-ScheduledTask", "Start-Sleep", "Stop-Process",
    "Stop-ScheduledTask", "Test-Path", "Unregister-ScheduledTask", "Where-Object", "Write-Host",
)  # fmt: skip
"""Of Windows PowerShell 5.1, which every Windows 10 and 11 has."""
PROGRAMS = {"camera": camera, "notifier": notifier}


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def parsed(source: bytes) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(source).root_node


def texts_of(kind: str) -> list[str]:
    return [(node.text or b"").decode() for node in nodes(parsed(SOURCE)) if node.type == kind]


def test_it_is_powershell_that_every_windows_reads_alike():
    # Without a mark at its beginning, Windows PowerShell reads a script in the code page of the country.
    assert SOURCE.isascii()
    assert not parsed(SOURCE).has_error
    assert parsed(SOURCE.replace(b"if ($Remove) {", b"if ($Remove {")).has_error


def test_every_command_is_its_own_or_one_of_windows_powershell():
    own = texts_of("function_name")
    called = {name for name in texts_of("command_name") if "-" in name}
    assert len(called & set(own)) > 10
    assert called <= {*own, *COMMANDS}
    assert {name for name in own if name not in called} == set(), "a function that nobody calls"


def test_every_variable_is_set_somewhere():
    automatic = {"$null", "$true", "$false", "$_", "$lastexitcode", "$psscriptroot", "$erroractionpreference"}
    code = re.sub(r"<#.*?#>", "", TEXT, flags=re.DOTALL).lower()
    used = set(re.findall(r"\$(\w+)\b(?!:)", code))
    forms = (r"\$(\w+)(?:, \$\w+)* =(?!=)", r", \$(\w+) = ", r"\] \$(\w+)", r"foreach \(\$(\w+) in")
    given = {name for form in forms for name in re.findall(form, code)}
    assert {f"${name}" for name in used - given} <= automatic


@pytest.mark.parametrize("machine", FOLDERS[System.WINDOWS], ids=lambda one: one.package)
def test_what_it_asks_of_our_programs_is_there(machine: Machine):
    program = machine.package.removeprefix("cekalwatch-")
    commands = dict(commands_of(PROGRAMS[program]))
    options = {name for one in commands["init"].params for name in one.opts}
    asked = set(re.findall(r"'(--[a-z-]+)'", TEXT.split("function Register-Device")[1].split("Invoke-Program")[0]))
    assert asked == {"--invitation", "--config", "--tls-dir", "--source"}
    assert asked - options == ({"--source"} if program == "notifier" else set())
    ((started, given),) = re.findall(rf"-m cekalwatch\.{program} (\w+)(.*)'", TEXT)
    assert set(given.split()) <= {name for one in commands[started].params for name in one.opts}
    assert "check" in commands


def test_the_settings_that_it_adds_are_the_cameras():
    from cekalwatch.camera.settings import CameraSettings

    added = re.findall(r"(spool_\w+) = '\$\(Join-Path \$Spool", TEXT)
    assert added == ["spool_dir", "spool_key"]
    assert set(added) <= CameraSettings.model_fields.keys()


def test_it_names_the_python_that_the_wheels_are_for():
    assert f"$PythonVersion = '{PYTHON}'" in TEXT
    assert f"python-{PYTHON}.*-amd64.exe" == PYTHON_INSTALLER
    assert '"python-$PythonVersion.*-amd64.exe"' in TEXT


def test_it_installs_by_hash_from_the_folder_beside_it_only():
    ((install, more),) = re.findall(r"\$install = @\((.+)\)\n\s+\$install \+= @\((.+)\)\n", TEXT)
    assert install.startswith("'-I', '-m', 'pip', '--isolated', 'install', ")
    assert "'--no-index', '--only-binary', ':all:'" in install
    assert "'--require-hashes'" in more
    assert TEXT.index("$env:PIP_CONFIG_FILE = 'nul'") < TEXT.index("'Scripts\\python.exe') $install")
    assert "http" not in re.sub(r"<#.*?#>", "", TEXT, flags=re.DOTALL)


def test_everything_is_checked_before_anything_is_changed():
    steps = TEXT.split("$account = if")[1]
    order = [
        "Test-Bundle",
        "Get-Python",
        "Protect-Data",
        "Install-Program",
        "Register-Device",
        # What the enrolment wrote is private to the administrator who runs this.
        "Reset-Access $Keys",
        "Grant-Access $account $Keys",
        "Register-Notifier $account",
    ]
    assert [steps.index(step) for step in order] == sorted(steps.index(step) for step in order)


def test_nothing_starts_the_program_while_it_is_replaced():
    stop = TEXT.split("function Stop-Running {")[1].split("\n}\n")[0]
    assert stop.index("Disable-ScheduledTask") < stop.index("Stop-ScheduledTask") < stop.index("Stop-Process")
    install = TEXT.split("function Install-Program(")[1].split("\n}\n")[0]
    assert install.index("Stop-Running") < install.index("Remove-Item") < install.index("'venv'")


def test_its_parameters_are_described_and_in_the_guide():
    given = re.findall(r"^    \[Parameter.+\] \$(\w+)", TEXT, re.MULTILINE)
    assert given == re.findall(r"^\.PARAMETER (\w+)", TEXT, re.MULTILINE)
    guide = (ROOT / "docs" / "installing-offline.md").read_text()
    assert [name for name in given[1:] if f"-{name}" not in guide] == []

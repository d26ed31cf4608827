"""What an installer does on a PC, under Wine, with a small program: Windows Installer does not read what it brings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pefile
import pytest
from defusedxml import ElementTree

from deploy.packages.environment import compile_modules
from deploy.release.wheel import ReleaseError
from deploy.windows.msi import make_installer, make_reproducibly
from deploy.windows.native import launcher
from deploy.windows.product import CAMERA, NOTIFIER, PRODUCTS, REGISTRY_KEY, Product
from deploy.windows.source import GIVEN, Build, write_source
from tests.support.repository import ROOT
from tests.support.windows.python_embed import embedded_python
from tests.support.windows.wine import MISSING, WinePc, wine_pc

pytestmark = [pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"), pytest.mark.slow]
RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
NEEDED = ("python.exe", "pythonw.exe", "python313.dll", "python313.zip", "python313._pth", "vcruntime140.dll")
MADE_AT = datetime(2026, 11, 30, tzinfo=UTC)
PROGRAM = """
import pathlib, sys
assert sys.flags.isolated
if sys.argv[1] == "init" and not pathlib.Path(sys.argv[3]).exists():
    sys.exit("The invitation is nowhere: é")
if sys.argv[1] == "init":
    pathlib.Path(r"C:\\\\ProgramData\\\\enrolled").write_text(pathlib.Path(sys.argv[3]).read_text())
if sys.argv[1] == "fails":
    sys.exit(7)
print("{version}", *sys.argv[1:])
"""
STEPS = """
import pathlib, sys
with pathlib.Path(r"C:\\ProgramData\\steps").open("a") as file:
    print(pathlib.Path(sys.prefix).name, *sys.argv[1:], sep="|", file=file)
"""


def write_tree(folder: Path, python: Path, program: str) -> Path:
    """Write a program that says its version, and writes down an invitation's file."""
    tree = folder / "tree"
    tree.mkdir(parents=True)
    for name in NEEDED:
        (tree / name).hardlink_to(python / name)
    module = tree / "cekalwatch" / "notifier" / "__main__.py"
    module.parent.mkdir(parents=True)
    module.write_text(program)
    steps = tree / "cekalwatch" / "program" / "platform" / "installation.py"
    steps.parent.mkdir(parents=True)
    steps.write_text(STEPS)
    compile_modules(tree, tree / "cekalwatch", "")
    return tree


@pytest.fixture(scope="module")
def installers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Versions, of which 1.2.0 does not start; and another build of one."""
    folder = tmp_path_factory.mktemp("installers")
    python = folder / "python"
    python.mkdir()
    embedded_python(ROOT / "build" / "windows").unpack(python)
    programs = {version: PROGRAM.format(version=version) for version in ("1.0.0", "1.1.0", "1.3.0", "1.3.0 again")}
    programs["1.2.0"] = "import no_such_module"
    trees = {version: write_tree(folder / version, python, program) for version, program in programs.items()}
    return {
        version: make(NOTIFIER, version.partition(" ")[0], tree, MADE_AT, folder / version)
        for (version, tree), make in zip(trees.items(), (make_reproducibly, *[make_installer] * 4), strict=True)
    }


@pytest.fixture(scope="module")
def pc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WinePc]:
    with wine_pc(tmp_path_factory.mktemp("pc") / "wine") as pc:
        yield pc


def told(pc: WinePc, arguments: str) -> tuple[int, str]:
    """Type the program's command."""
    done = pc.type(rf'"C:\Program Files\Cekalwatch\cekalwatch-notifier.cmd" {arguments}')
    return done.code, done.output.strip()


def hashes(folder: Path) -> dict[str, str]:
    """What is in a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def state(pc: WinePc) -> tuple[str | None, str | None, dict[str, str]]:
    """What a refused installation may not touch."""
    return pc.registry(REGISTRY_KEY, "notifier"), pc.registry(RUN, "Cekalwatch"), hashes(pc.programs)


def test_a_version_is_installed_replaced_by_a_newer_one_only_and_removed_without_a_trace(
    pc: WinePc, installers: dict[str, Path], tmp_path: Path
):
    before = pc.files()
    (tmp_path / "an invitation.txt").write_text("counter D1")
    given = {"INVITATION": pc.path_of(tmp_path / "an invitation.txt"), "OFFICERS": r"PORT\officers"}
    assert pc.install(installers["1.1.0"], **given) == 0
    assert (pc.drive / "ProgramData" / "enrolled").read_text() == "counter D1"
    assert told(pc, 'check "two words"') == (0, "1.1.0 check two words")
    assert told(pc, "fails")[0] == 7
    (folder,) = (pc.programs / "notifier").iterdir()
    assert folder.name.startswith("1.1.0-")
    program = rf"C:\Program Files\Cekalwatch\notifier\{folder.name}\Cekalwatch.exe"
    assert pc.registry(RUN, "Cekalwatch") == f'"{program}" -I -m cekalwatch.notifier desktop --restart'
    assert list(pc.drive.rglob("Start Menu/Programs/Cekalwatch.lnk"))

    # Before an upgrade: Wine forgets with the older version that the newer one replaces others.
    kept = state(pc)
    assert pc.install(installers["1.0.0"]) != 0
    assert state(pc) == kept
    assert told(pc, "check") == (0, "1.1.0 check")

    assert pc.install(installers["1.3.0"]) == 0
    assert told(pc, "check") == (0, "1.3.0 check")
    (folder,) = (pc.programs / "notifier").iterdir()
    assert folder.name.startswith("1.3.0-"), "the older version is gone"
    assert "1.3.0" in str(pc.registry(RUN, "Cekalwatch"))
    assert pc.registry(REGISTRY_KEY, "notifier version") == "1.3.0", "by which Intune sees what is there"
    assert list(pc.drive.rglob("Start Menu/Programs/Cekalwatch.lnk"))

    # Anybody may repair a program, and say what they like.
    (folder / "cekalwatch" / "notifier" / "__main__.py").unlink()
    assert pc.repair(installers["1.3.0"], INVITATION=pc.path_of(tmp_path / "another"), OFFICERS="me") == 0
    assert told(pc, "check") == (0, "1.3.0 check")

    assert pc.install(installers["1.3.0 again"]) == 0, "another build of the same version"
    assert told(pc, "check") == (0, "1.3.0 again check")
    assert [path for path in (pc.programs / "notifier").iterdir() if path == folder] == []

    assert pc.uninstall(installers["1.3.0 again"]) == 0
    assert pc.files() - before == {"ProgramData/enrolled", "ProgramData/steps"}
    steps = (pc.drive / "ProgramData" / "steps").read_text().splitlines()
    assert [re.sub("-[0-9a-f]{8}", "", line) for line in steps] == [
        r"1.1.0|admit|PORT\officers|C:\ProgramData\cekalwatch\tls\notifier",
        "1.1.0|leave",
        "1.3.0|leave",
        "1.1.0|leave",
        *["1.3.0|leave"] * 4,
    ]
    assert not pc.programs.exists()
    assert pc.registry(RUN, "Cekalwatch") is None


def test_an_invitation_that_is_not_taken_installs_nothing(pc: WinePc, installers: dict[str, Path]):
    before = pc.files()
    assert pc.install(installers["1.0.0"], INVITATION="C:\\missing\\") != 0
    assert "The invitation is nowhere: é" in pc.log.read_text("cp1252", "replace")
    assert pc.install(installers["1.0.0"], INVITATION="C:\\missing|--config|D:\\mine.toml") != 0
    assert "The invitation is nowhere" not in pc.log.read_text("cp1252", "replace"), "it was not asked"
    assert pc.files() - before <= {"ProgramData/steps"}


def test_a_newer_version_that_does_not_start_leaves_the_older_one(pc: WinePc, installers: dict[str, Path]):
    """Its files: what Wine takes back of an installation, it removes, also where both versions have it."""
    assert pc.install(installers["1.0.0"]) == 0
    (program,) = (pc.programs / "notifier").iterdir()
    kept = hashes(program)
    assert pc.install(installers["1.2.0"]) != 0
    assert hashes(program) == kept
    assert list((pc.programs / "notifier").iterdir()) == [program]
    assert pc.run(program / "python.exe", "-I", "-m", "cekalwatch.notifier", "check").output == "1.0.0 check"


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.kind)
def test_what_takes_properties_runs_for_a_first_installation_only(product: Product, tmp_path: Path):
    """Anybody may repair a program of the whole PC: elevated, and with properties of their own."""
    (tmp_path / "tree").mkdir()
    write_source(Build(product, "1.0.0", tmp_path / "tree", "0" * 64), tmp_path / "a.cmd", tmp_path, tmp_path / "wxs")
    found = ElementTree.parse(tmp_path / "wxs")
    space = "{http://schemas.microsoft.com/wix/2006/wi}"
    takes = {
        one.get("Id", "").removeprefix("Set")
        for one in found.iter(f"{space}CustomAction")
        if any(f"[{name}]" in one.get("Value", "") for name in GIVEN)
    }
    assert takes == ({"Enrol"} if product == CAMERA else {"Admit", "Enrol"})
    for one in found.iter(f"{space}Custom"):
        assert one.get("Action", "").removeprefix("Set") not in takes or "NOT Installed" in str(one.text)
    folders = [one.get("Id", "") for one in found.iter(f"{space}Directory")]
    assert {name for name in folders if name.isupper()} == {"TARGETDIR"}, "those can be given too"
    assert {one.get("Id"): one.get("Value") for one in found.iter(f"{space}Property")}["REBOOT"] == "ReallySuppress"


def test_windows_knows_the_program_by_its_own_name(tmp_path: Path):
    made = launcher("Cekalwatch.exe", "Cekalwatch", "1.2.3", "python313.dll", tmp_path)
    read = pefile.PE(made)
    (info,) = (one for one in read.FileInfo[0] if one.Key == b"StringFileInfo")
    strings = info.StringTable[0].entries
    assert (strings[b"FileDescription"], strings[b"FileVersion"]) == (b"Cekalwatch", b"1.2.3")
    kinds = {one.id for one in read.DIRECTORY_ENTRY_RESOURCE.entries}
    assert kinds >= {pefile.RESOURCE_TYPE[name] for name in ("RT_GROUP_ICON", "RT_VERSION", "RT_MANIFEST")}
    (tmp_path / "another").mkdir()
    again = launcher("Cekalwatch.exe", "Cekalwatch", "1.2.3", "python313.dll", tmp_path / "another")
    assert again.read_bytes() == made.read_bytes()


def test_one_that_is_too_large_is_not_made(tmp_path: Path):
    (tmp_path / "tree").mkdir()
    for name in ("python.exe", "pythonw.exe"):
        (tmp_path / "tree" / name).write_bytes(b"MZ")
    with pytest.raises(ReleaseError, match="may have"):
        make_reproducibly(replace(NOTIFIER, max_mb=0), "1.0.0", tmp_path / "tree", MADE_AT, tmp_path / "out")

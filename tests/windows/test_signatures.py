"""Whose Python an installer brings, and who signed the installer: with an authority of the test's own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy.release.wheel import ReleaseError, sha256
from deploy.windows.__main__ import main
from deploy.windows.python import EmbeddedPython
from deploy.windows.signing import Signer
from tests.support.windows.code_signing import PSF, Authority
from tests.support.windows.wine import MISSING

MISSING_HERE = [*MISSING, *([] if shutil.which("osslsigncode") else ["osslsigncode"])]
pytestmark = [pytest.mark.skipif(bool(MISSING_HERE), reason=f"missing: {', '.join(MISSING_HERE)}"), pytest.mark.slow]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of Windows that nobody signed."""
    file = tmp_path_factory.mktemp("program") / "python.exe"
    source = file.with_suffix(".c")
    source.write_text("int main(void) { return 0; }\n")
    subprocess.run(["x86_64-w64-mingw32-gcc", "-s", "-o", file, source], check=True)
    return file


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def packed(program: Path) -> Path:
    """Pack something like an embeddable Python."""
    archive = program.with_suffix(".zip")
    with ZipFile(archive, "w") as files:
        files.write(program, "python.exe")
        files.writestr("python313._pth", "python313.zip\n")
    return archive


def test_a_python_that_its_makers_signed_is_taken(program: Path, authority: Authority, tmp_path: Path):
    mine = Path(shutil.copy(program, tmp_path))
    authority.signer(PSF).sign(mine, "Python")
    archive = packed(mine)
    assert EmbeddedPython.checked(archive, sha256(archive).upper(), authority.root).archive == archive
    with pytest.raises(ReleaseError, match="is not the file that was checked"):
        EmbeddedPython.checked(archive, "0" * 64, authority.root)
    with pytest.raises(ReleaseError, match=r"python\.exe .* has no valid signature"):
        EmbeddedPython.checked(archive, sha256(archive), Authority(tmp_path / "another").root)


def test_one_that_is_unsigned_or_changed_or_of_somebody_else_is_refused(
    program: Path, authority: Authority, tmp_path: Path
):
    unsigned = packed(Path(shutil.copy(program, tmp_path / "python.exe")))
    with pytest.raises(ReleaseError, match="no valid signature"):
        EmbeddedPython.checked(unsigned, sha256(unsigned), authority.root)
    mine = tmp_path / "python.exe"
    authority.signer("Somebody").sign(mine, "Python")
    other = packed(mine)
    with pytest.raises(ReleaseError, match="no valid signature"):
        EmbeddedPython.checked(other, sha256(other), authority.root)
    shutil.copy(program, mine)
    authority.signer(PSF).sign(mine, "Python")
    content = bytearray(mine.read_bytes())
    content[0x400] ^= 1
    mine.write_bytes(content)
    changed = packed(mine)
    with pytest.raises(ReleaseError, match="no valid signature"):
        EmbeddedPython.checked(changed, sha256(changed), authority.root)


def test_what_is_no_embeddable_python_is_refused(tmp_path: Path):
    (tmp_path / "file.zip").write_bytes(b"PK no zip")
    with pytest.raises(ReleaseError, match="cannot be unpacked"):
        EmbeddedPython(tmp_path / "file.zip").unpack(tmp_path)
    with ZipFile(tmp_path / "file.zip", "w") as files:
        files.writestr("readme.txt", "")
    with pytest.raises(ReleaseError, match=r"is not python\.org's embeddable package"):
        EmbeddedPython(tmp_path / "file.zip").unpack(tmp_path)


def test_a_certificate_that_does_not_fit_its_key_signs_nothing(program: Path, authority: Authority, tmp_path: Path):
    mine = Path(shutil.copy(program, tmp_path))
    signer, before = authority.signer("Office"), mine.read_bytes()
    with pytest.raises(ReleaseError, match="cannot be signed"):
        Signer(authority.root, signer.key, None).sign(mine, "Cekalwatch")
    assert mine.read_bytes() == before


@pytest.mark.parametrize("missing", ["--python", "--roots", "--certificate", "--key"])
def test_a_file_that_is_missing_is_named(missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "there").touch()
    files = dict.fromkeys(("--python", "--roots", "--certificate", "--key"), tmp_path / "there")
    files[missing] = tmp_path / "nowhere"
    with pytest.raises(SystemExit):
        main(["--python-hash", "0", *(f"{option}={file}" for option, file in files.items())])
    assert f"{missing}: there is no file {tmp_path / 'nowhere'}" in capsys.readouterr().err


def test_tools_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "there").touch()
    there = str(tmp_path / "there")
    assert main(["--python", there, "--python-hash", "0", "--roots", there]) == 1
    assert (
        "wixl and msibuild and osslsigncode and x86_64-w64-mingw32-gcc missing: apt-get install"
        in capsys.readouterr().err
    )

"""A release as the technician gets it: the commands of docs/releases.md verify it offline and find what was changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy.release import verify as verifying
from deploy.release.__main__ import SUMS, main, release
from deploy.release.attestation import LEVEL
from deploy.release.frozen import record, version_of
from deploy.release.licences import Licences
from deploy.release.verify import Verdict, passed, report, verify
from deploy.release.wheel import ReleaseError, build_reproducibly, sha256
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow

NAME = f"cekalwatch-{version_of(ROOT)}"
EPOCH = 1_790_000_000
WHO = ("-c", "user.name=test", "-c", "user.email=test@localhost")
PASSES = (sys.executable, "-c", "")
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
CANNOT_LOOK = (sys.executable, "-c", "raise SystemExit(2)")


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs of keys, without passwords."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("cekalwatch", "somebody"):
        made = run("minisign", "-G", "-W", "-p", f"{name}.pub", "-s", f"{name}.key", cwd=folder)
        assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def repository(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit of the sources."""
    root = tmp_path_factory.mktemp("clone") / "cekalwatch"
    shutil.copytree(source, root)
    shutil.copy(ROOT / "requirements.lock", root)
    (root / "CHANGELOG.md").write_text(f"## [{version_of(root)}] - 2026-11-26\n")
    record(root)
    moment = f"{EPOCH} +0000"
    for command in (("init", "-q"), ("add", "-A"), (*WHO, "commit", "-q", "-m", "sources")):
        assert run("git", *command, cwd=root, GIT_COMMITTER_DATE=moment).returncode == 0
    return root


@pytest.fixture(scope="module")
def made(repository: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "dist"
    release(repository, out, keys / "cekalwatch.key", PASSES)
    return out


@pytest.fixture
def delivered(made: Path, keys: Path, tmp_path: Path) -> Path:
    """What the technician has in a folder: the release, and the public key, which came another way."""
    folder = tmp_path / "delivered"
    shutil.copytree(made, folder)
    shutil.copy(keys / "cekalwatch.pub", folder)
    return folder


def verified(folder: Path) -> bool:
    """Whether the commands of the technician's page find the release as it was signed."""
    page = (ROOT / "docs" / "releases.md").read_text()
    commands = re.findall(r"^    (minisign -V.+|sha256sum .+)$", page, re.MULTILINE)
    assert len(commands) == 2
    return all(run(*command.split(), cwd=folder).returncode == 0 for command in commands)


@pytest.mark.built
def test_two_builds_in_different_places_have_one_hash_and_are_of_the_commits_time(made: Path) -> None:
    moment = time.gmtime(EPOCH)[:6]
    wheels = list(made.glob("*.whl"))
    assert len(wheels) == 3, "there would be none had their two builds differed"
    for wheel in wheels:
        with ZipFile(wheel) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {moment}


@pytest.mark.built
def test_bill_of_materials_lists_every_locked_package(made: Path) -> None:
    (bill,) = made.glob("*.sbom.json")
    listed = {(part["name"], part["version"]) for part in json.loads(bill.read_text())["components"]}
    locked = set(LOCKED.findall((ROOT / "requirements.lock").read_text()))
    assert len(locked) > 100
    assert listed == locked | {tuple(wheel.split("==")) for wheel in Licences.read().taken}


def test_a_build_that_differs_from_the_other_is_no_release(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "source"
    shutil.copytree(source, copy)
    hook = copy / "hatch_build.py"
    hook.write_text(
        hook.read_text().replace(
            "_generate_stubs(SOURCES",
            "(SOURCES / 'common/cekalwatch/wire/place.txt').write_text(self.root)\n        _generate_stubs(SOURCES",
            1,
        )
    )
    with pytest.raises(ReleaseError, match=r"Two builds of cekalwatch-.* differ"):
        build_reproducibly(copy, tmp_path / "out", EPOCH)


@pytest.mark.built
def test_a_release_is_verified_offline_with_the_commands_of_the_page(delivered: Path) -> None:
    names = {file.name for file in delivered.iterdir()}
    assert names == {
        f"{NAME}-py3-none-any.whl",
        f"{NAME.replace('-', '_evaluation-')}-py3-none-any.whl",
        f"{NAME.replace('-', '_client-')}-py3-none-any.whl",
        f"{NAME}.sbom.json",
        f"{NAME}.attestation.json",
        "requirements.lock",
        SUMS,
        f"{SUMS}.minisig",
        "cekalwatch.pub",
    }
    assert verified(delivered)


@pytest.mark.built
def test_the_attestation_names_the_commit_and_what_it_is_about(delivered: Path, repository: Path) -> None:
    (file,) = delivered.glob("*.attestation.json")
    said = json.loads(file.read_text())
    commit = run("git", "rev-parse", "HEAD", cwd=repository).stdout.strip()
    assert said["predicate"]["buildDefinition"]["externalParameters"]["commit"] == commit
    subjects = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    assert len(subjects) == 5
    assert said["predicate"]["runDetails"]["metadata"]["cekalwatch_buildLevel"] == LEVEL == "SLSA_BUILD_LEVEL_1"
    assert all(sha256(delivered / name) == digest for name, digest in subjects.items())


@pytest.mark.built
@pytest.mark.parametrize(
    "changed",
    ["cekalwatch-*.whl", "cekalwatch_evaluation-*.whl", "*.sbom.json", "*.attestation.json", "requirements.lock", SUMS],
)
def test_whatever_is_changed_in_a_release_is_found(delivered: Path, changed: str) -> None:
    (file,) = delivered.glob(changed)
    file.write_bytes(file.read_bytes() + b" ")
    assert not verified(delivered)


@pytest.mark.built
def test_a_release_of_somebody_else_is_found(delivered: Path, keys: Path) -> None:
    (delivered / f"{SUMS}.minisig").unlink()
    signed = run("minisign", "-S", "-s", keys / "somebody.key", "-m", delivered / SUMS, cwd=keys)
    assert signed.returncode == 0
    assert not verified(delivered)


def repacked(wheel: Path, member: str) -> None:
    """Change one file inside a wheel."""
    changed = wheel.with_suffix(".changed")
    with ZipFile(wheel) as before, ZipFile(changed, "w") as after:
        for entry in before.infolist():
            content = before.read(entry)
            after.writestr(entry, content + b"\n" if entry.filename == member else content)
    changed.replace(wheel)


@pytest.mark.built
def test_who_receives_a_release_builds_it_again_and_finds_it_the_same(
    repository: Path, delivered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verifying, "ROOT", repository)
    assert verifying.main([str(delivered)]) == 0
    said = capsys.readouterr().out
    assert "\n6 files the same, byte for byte, as what this commit gives:\n" in said
    assert said.endswith("\nThe release is what this commit gives.\n")


@pytest.mark.built
def test_where_nothing_can_be_compared_the_command_says_why(
    repository: Path, delivered: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (attestation,) = delivered.glob("*.attestation.json")
    said = json.loads(attestation.read_text())
    said["predicate"]["buildDefinition"]["externalParameters"]["commit"] = "0" * 40
    attestation.write_text(json.dumps(said))
    monkeypatch.setattr(verifying, "ROOT", repository)
    assert verifying.main([str(delivered)]) == 2
    assert f"git checkout {'0' * 40}" in capsys.readouterr().err


@pytest.mark.built
def test_who_receives_a_release_learns_which_file_in_it_the_commit_does_not_give(
    repository: Path, delivered: Path
) -> None:
    """Also of one whose list of hashes was written and signed anew, which no signature tells."""
    (wheel,) = delivered.glob("cekalwatch-*.whl")
    repacked(wheel, "cekalwatch/server/__main__.py")
    (delivered / "more.exe").write_text("of somebody else")
    findings = {one.name: one for one in verify(repository, delivered)}
    assert findings[wheel.name].verdict is Verdict.DIFFERENT
    assert findings[wheel.name].details == ("different: cekalwatch/server/__main__.py",)
    (attestation,) = delivered.glob("*.attestation.json")
    assert findings[attestation.name].details == (f"it names another hash than that of {wheel.name}",)
    assert findings["more.exe"].verdict is Verdict.NOT_BUILT
    assert not passed(list(findings.values()))
    said = report(list(findings.values()), "abc")
    assert "2 files DIFFERENT from what this commit gives:" in said
    assert "The release is NOT what this commit gives." in said
    assert "Of the files that are not built here, only the signature says who made them." in said


@pytest.mark.built
@pytest.mark.parametrize("case", ["later", "uncommitted"])
def test_a_release_is_compared_with_its_own_commit_only(
    case: str, repository: Path, delivered: Path, tmp_path: Path
) -> None:
    root = tmp_path / "another"
    shutil.copytree(repository, root)
    if case == "later":
        assert run("git", *WHO, "commit", "-q", "--allow-empty", "-m", "more", cwd=root).returncode == 0
    else:
        (root / "README.md").write_text("changed")
    with pytest.raises(ReleaseError, match="git checkout" if case == "later" else "not committed"):
        verify(root, delivered)


@pytest.mark.parametrize("case", ["audit", "uncommitted", "later", "key", "there"])
def test_without_what_a_release_needs_nothing_is_made(case: str, repository: Path, keys: Path, tmp_path: Path) -> None:
    out, root, audit, key = tmp_path / "dist", repository, PASSES, keys / "cekalwatch.key"
    if case == "audit":
        audit = CANNOT_LOOK
    elif case == "uncommitted":
        root = tmp_path / "changed"
        shutil.copytree(repository, root)
        (root / "README.md").write_text("changed")
    elif case == "later":
        root = tmp_path / "later"
        shutil.copytree(repository, root)
        assert run("git", *WHO, "commit", "-q", "--allow-empty", "-m", "more", cwd=root).returncode == 0
    elif case == "key":
        key = keys / "missing.key"
    else:
        out.mkdir()
        (out / "older").touch()
    with pytest.raises(ReleaseError):
        release(root, out, key, audit)
    assert sorted(file.name for file in tmp_path.glob("dist/*")) == (["older"] if case == "there" else [])


def test_the_release_command_says_why_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--key", "none", "--out", str(tmp_path)]) == 1
    assert "is there already" in capsys.readouterr().err

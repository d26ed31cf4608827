"""Makes the offline bundle of this commit or working tree: all that machines of an office need, and no network.

    python -m deploy.bundle [--key ~/.minisign/cekalwatch.key] [--archive-key FILE] [--windows build/msi]

In it are Debian packages with all that they depend on, wheels for other Linux systems, installers for Windows where
they are given, the model pack, the guides, and SHA256SUMS of every file, signed where a key is given.
docs/installing-offline.md says how it is used.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tarfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from cekalwatch.program.errors import ProgramError
from deploy.bundle.debian import make_repository
from deploy.bundle.wheels import MACHINES_WITH_WHEELS, fetch_wheels
from deploy.demo.stack import install_standard
from deploy.packages.__main__ import PACK, build_packages, time_of
from deploy.packages.wheels import System
from deploy.release.__main__ import SUMS, sign
from deploy.release.sbom import ROOT, write_sbom
from deploy.release.wheel import ReleaseError, build_distributions, sha256

GUIDES = ("README.md", "CHANGELOG.md", "SECURITY.md", "requirements.lock")


def make_bundle(
    root: Path,
    out: Path,
    models: Path,
    packages: Sequence[Path],
    key: Path | None = None,
    installers: Sequence[Path] = (),
    made_at: datetime | None = None,
    archive_key: Path | None = None,
) -> Path:
    """Make the folder of the bundle in `out` and return it; nothing is left of one that fails. Raises ReleaseError.

    `models` is a folder of model packs, `packages` are our Debian packages, `installers` those for Windows.
    `made_at` is the time of what is made, in UTC: the commit's, unless given. For `archive_key` see `write_index`.
    """
    if key and not key.is_file():
        raise ReleaseError(f"There is no secret key of minisign in {key}")
    folder = out / f"cekalwatch-{version('cekalwatch')}-bundle"
    draft = out / f".{folder.name}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _fill(draft, root, models, packages, made_at or time_of(root), archive_key)
        if installers:
            (draft / "windows").mkdir()
        for installer in installers:
            shutil.copy(installer, draft / "windows")
        write_sums(draft)
        if key:
            sign(draft / SUMS, key, folder.name)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _fill(
    draft: Path, root: Path, models: Path, packages: Sequence[Path], made_at: datetime, archive_key: Path | None
) -> None:
    draft.mkdir(parents=True)
    for page in GUIDES:
        shutil.copy(root / page, draft)
    shutil.copytree(root / "docs", draft / "docs")
    write_sbom(root, draft / "sbom.json")
    shutil.copytree(models / PACK, draft / "models" / PACK)
    make_repository(packages, draft / "debian", made_at, archive_key)
    ours = build_distributions(root, draft, int(made_at.timestamp()))
    for machine in MACHINES_WITH_WHEELS:
        fetch_wheels(root, machine, System.LINUX, ours, draft / "linux")
    for wheel in ours.values():
        wheel.unlink()


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS of all files in `folder`, as `sha256sum --check` reads it."""
    files = sorted(_files(folder))
    lines = [f"{sha256(folder / name)}  {name}\n" for name in files if name != SUMS]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def _files(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pack(folder: Path, epoch: int) -> Path:
    """Pack a bundle beside its folder, and return the archive; the same files of one `epoch` give the same bytes.

    It is not compressed: what is large in it is compressed already.
    """
    archive = folder.with_name(f"{folder.name}.tar")

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        entry.mtime = epoch
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as files:
        for path in (folder, *sorted(folder.rglob("*"))):
            files.add(path, path.relative_to(folder.parent), recursive=False, filter=plain)
    return archive


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and say in one sentence why there is no bundle."""
    parser = argparse.ArgumentParser(prog="python -m deploy.bundle")
    parser.add_argument("--key", type=Path, help="Secret key of minisign; without one, nothing is signed.")
    parser.add_argument("--archive-key", type=Path, help="Secret OpenPGP key for apt; one is made when not named.")
    parser.add_argument("--windows", type=Path, help="Folder with installers, as `make msi` makes them.")
    parser.add_argument("--packages", type=Path, help="Folder with our Debian packages; built when not named.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bundle")
    chosen = parser.parse_args(arguments)
    models, work = ROOT / "build" / "models", ROOT / "build"
    try:
        install_standard(models, work / "logs")
        if chosen.packages:
            packages = sorted(chosen.packages.glob("cekalwatch-*.deb"))
        else:
            packages = build_packages(ROOT, work / "packages", models=models)
        if len(packages) != len({file.name.split("_")[0] for file in packages}) or not packages:
            raise ReleaseError(f"One package of each kind is needed, and there are: {', '.join(map(str, packages))}")
        installers = sorted(chosen.windows.glob("*.msi")) if chosen.windows else []
        if chosen.windows and not installers:
            raise ReleaseError(f"There are no installers for Windows in {chosen.windows}")
        chosen.out.mkdir(parents=True, exist_ok=True)
        folder = make_bundle(ROOT, chosen.out, models, packages, chosen.key, installers, archive_key=chosen.archive_key)
        archive = pack(folder, int(time_of(ROOT).timestamp()))
    except (ReleaseError, ProgramError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    signed = "signed" if chosen.key else "not signed: KEY=FILE was not given"
    sys.stdout.write(f"{folder}\n{archive}  {archive.stat().st_size / 1e6:.0f} MB, {signed}\n")
    if not installers:
        sys.stdout.write("There is nothing in it for Windows: WINDOWS=FOLDER was not given\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

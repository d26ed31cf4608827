"""Makes the container image of the server, as a file that podman and docker load.

    python -m deploy.container [--packages build/packages] [--out build/container]

mmdebstrap makes a Debian with our packages, buildah an image of it; nothing is left in the storage of either. It needs
root, or an account that may have namespaces of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from deploy.packages.__main__ import time_of
from deploy.release.sbom import ROOT
from deploy.release.wheel import ReleaseError

CONTAINERFILE = Path(__file__).parent / "Containerfile"
IMAGE = "localhost/cekalwatch-server"
PACKAGES = ("cekalwatch-server", "cekalwatch-models")
BESIDE = ("ca-certificates", "postgresql-client")
"""What the server uses in a container and need not use elsewhere: authorities, and pg_dump for backups."""
ACCOUNT_ID = 10001
"""Of user and group: the same in every image, for volumes and for files with secrets."""
GROUP_ID = 10002
"""Of the group whose members make settings."""
_ACCOUNTS = f"""
name=cekalwatch-server
echo "$name:x:{ACCOUNT_ID}:{ACCOUNT_ID}:Cekalwatch server:/var/lib/cekalwatch:/usr/sbin/nologin" >> "$1/etc/passwd"
echo "$name:x:{ACCOUNT_ID}:" >> "$1/etc/group"
echo "cekalwatch:x:{GROUP_ID}:$name" >> "$1/etc/group"
"""


def make_root(packages: Sequence[Path], archive: Path, epoch: int) -> None:
    """Make an archive of a Debian that has `packages` and no apt. Raises ReleaseError."""
    # Packages of this disk are shown to the new system for as long as they are installed.
    hooks = "/usr/share/mmdebstrap/hooks/file-mirror-automount"
    command = ["mmdebstrap", "--quiet", "--variant=essential", f"--hook-dir={hooks}", f"--essential-hook={_ACCOUNTS}"]
    command += [f"--include={','.join(BESIDE)}", *(f"--include={package.resolve()}" for package in packages)]
    command += ["--dpkgopt=force-unsafe-io"]  # what a power cut leaves half done is made anew
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "doc")]
    command += ["--dpkgopt=path-include=/usr/share/doc/cekalwatch-*"]
    _run(*command, platform.freedesktop_os_release()["VERSION_CODENAME"], str(archive), epoch=epoch)


def make_image(packages: Sequence[Path], out: Path, name: str, epoch: int) -> Path:
    """Make the image `name` (`NAME:TAG`) of Debian with `packages`; returns its file in `out`. Raises ReleaseError."""
    file = out / f"{name.rpartition('/')[2].replace(':', '-')}.tar"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        context, store, draft = (Path(scratch) / part for part in ("context", "store", "image.tar"))
        context.mkdir()
        make_root(packages, context / "root.tar", epoch)
        shutil.copy(CONTAINERFILE, context)
        buildah = ("buildah", "--storage-driver", "vfs", "--root", str(store), "--runroot", str(Path(scratch) / "run"))
        # OCI's form of an image has no health check.
        form = ("--format", "docker", "--isolation", "chroot", "--timestamp", str(epoch))
        # Into the file at once: a storage between would write and read all of it twice more.
        _run(*buildah, "build", "--quiet", *form, "--tag", f"docker-archive:{draft}:{name}", str(context), epoch=epoch)
        draft.replace(file)
    return file


def _run(*command: str, epoch: int) -> None:
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and say in one sentence why there is no image."""
    parser = argparse.ArgumentParser(prog="python -m deploy.container")
    parser.add_argument("--packages", type=Path, default=ROOT / "build" / "packages", help="Where our packages are.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "container")
    chosen = parser.parse_args(arguments)
    try:
        packages = [package for name in PACKAGES for package in chosen.packages.glob(f"{name}_*.deb")]
        if len(packages) != len(PACKAGES):
            raise ReleaseError(f"{' and '.join(PACKAGES)} are not in {chosen.packages}: run make packages")
        image = make_image(packages, chosen.out, f"{IMAGE}:{version('cekalwatch')}", int(time_of(ROOT).timestamp()))
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{image}  {image.stat().st_size / 1e6:.0f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

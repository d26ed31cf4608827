"""Makes the container image of the server, as a file that podman and docker load.

    python -m deploy.container [--packages build/packages] [--out build/container] [--key ~/.minisign/cekalwatch.key]

With a key it is a release: beside the image are compose.yaml, which names other makers' images by digest, and a signed
list of hashes. mmdebstrap makes a Debian with our packages, buildah an image of it; nothing is left in the storage of
either. It needs root, or an account that may have namespaces of its own.
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

from deploy.container.image_file import without_traces
from deploy.container.images import check_base, read_digests, with_digests
from deploy.packages.__main__ import time_of
from deploy.release.__main__ import SUMS, sign
from deploy.release.sbom import ROOT
from deploy.release.wheel import ReleaseError, sha256

CONTAINERFILE = Path(__file__).parent / "Containerfile"
COMPOSE = Path(__file__).parent / "compose.yaml"
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


def make_root(packages: Sequence[Path], archive: Path, epoch: int, mirror: str = "") -> None:
    """Make an archive of a Debian that has `packages` and no apt. Raises ReleaseError.

    Debian's packages come from this machine's sources, or from `mirror`, a line of sources.list.
    """
    # Packages of this disk are shown to the new system for as long as they are installed.
    hooks = "/usr/share/mmdebstrap/hooks/file-mirror-automount"
    command = ["mmdebstrap", "--quiet", "--variant=essential", f"--hook-dir={hooks}", f"--essential-hook={_ACCOUNTS}"]
    command += [f"--include={','.join(BESIDE)}", *(f"--include={package.resolve()}" for package in packages)]
    command += ["--dpkgopt=force-unsafe-io"]  # what a power cut leaves half done is made anew
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "doc")]
    command += ["--dpkgopt=path-include=/usr/share/doc/cekalwatch-*"]
    command += [platform.freedesktop_os_release()["VERSION_CODENAME"], str(archive), *([mirror] if mirror else [])]
    _run(*command, epoch=epoch)


def make_image(packages: Sequence[Path], out: Path, name: str, epoch: int, mirror: str = "") -> Path:
    """Make the image `name` (`NAME:TAG`) of Debian with `packages`; returns its file in `out`. Raises ReleaseError."""
    file = out / f"{name.rpartition('/')[2].replace(':', '-')}.tar"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        context, store, built, draft = (Path(scratch) / part for part in ("context", "store", "built.tar", "image.tar"))
        context.mkdir()
        make_root(packages, context / "root.tar", epoch, mirror)
        shutil.copy(CONTAINERFILE, context)
        buildah = ("buildah", "--storage-driver", "vfs", "--root", str(store), "--runroot", str(Path(scratch) / "run"))
        # OCI's form of an image has no health check.
        form = ("--format", "docker", "--isolation", "chroot", "--timestamp", str(epoch))
        # Into the file at once: a storage between would write and read all of it twice more.
        _run(*buildah, "build", "--quiet", *form, "--tag", f"docker-archive:{built}:{name}", str(context), epoch=epoch)
        without_traces(built, draft)
        draft.replace(file)
    return file


def sign_image(image: Path, key: Path) -> None:
    """Put compose.yaml with digests and a signed list of hashes beside an image. Raises ReleaseError."""
    compose, sums = image.with_name(COMPOSE.name), image.with_name(SUMS)
    compose.write_text(pinned_compose(), encoding="utf-8")
    sums.write_text("".join(f"{sha256(file)}  {file.name}\n" for file in (compose, image)), encoding="utf-8")
    sign(sums, key, image.stem)


def pinned_compose() -> str:
    """Return compose.yaml as a release has it. Raises ReleaseError where an image is named by a tag alone."""
    check_base(CONTAINERFILE.read_text(encoding="utf-8"))
    return with_digests(COMPOSE.read_text(encoding="utf-8"), read_digests())


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
    parser.add_argument("--key", type=Path, help="Secret key of minisign; without one it is not a release.")
    parser.add_argument(
        "--mirror", default="", help="Line of sources.list; a dated archive gives the same image later."
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.key:
            pinned_compose()  # before the minutes that an image takes
        packages = [package for name in PACKAGES for package in chosen.packages.glob(f"{name}_*.deb")]
        if len(packages) != len(PACKAGES):
            raise ReleaseError(f"{' and '.join(PACKAGES)} are not in {chosen.packages}: run make packages")
        name, epoch = f"{IMAGE}:{version('cekalwatch')}", int(time_of(ROOT).timestamp())
        image = make_image(packages, chosen.out, name, epoch, chosen.mirror)
        if chosen.key:
            sign_image(image, chosen.key)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{image}  {image.stat().st_size / 1e6:.0f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

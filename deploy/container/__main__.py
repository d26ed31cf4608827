"""Makes the container images of the server and of the web console, as files that podman and docker load.

    python -m deploy.container [--packages build/packages] [--out build/container] [--key ~/.minisign/cekalwatch.key]

With a key it is a release: beside the images are compose.yaml, which names other makers' images by digest, and a signed
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
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from deploy.container.image_file import without_traces
from deploy.container.images import check_base, read_digests, with_digests
from deploy.packages.__main__ import time_of
from deploy.release.__main__ import SUMS, sign
from deploy.release.sbom import ROOT
from deploy.release.wheel import ReleaseError, sha256


@dataclass(frozen=True)
class Image:
    """The image of one program; its account has the name of the program."""

    program: str
    packages: tuple[str, ...]
    beside: tuple[str, ...]
    """What the program uses in a container and need not use elsewhere: authorities, and pg_dump for backups."""

    home: str

    @property
    def name(self) -> str:
        """What it is called where it is made; its tag is the version."""
        return f"localhost/{self.program}"

    @property
    def containerfile(self) -> Path:
        """The file that buildah makes it of."""
        return Path(__file__).parent / f"Containerfile.{self.program.removeprefix('cekalwatch-')}"


SERVER = Image(
    "cekalwatch-server",
    ("cekalwatch-server", "cekalwatch-models"),
    ("ca-certificates", "postgresql-client"),
    "/var/lib/cekalwatch",
)
CONSOLE = Image("cekalwatch-console", ("cekalwatch-console",), ("ca-certificates",), "/var/lib/cekalwatch-console")
IMAGES = {image.program: image for image in (SERVER, CONSOLE)}
COMPOSE = Path(__file__).parent / "compose.yaml"
ACCOUNT_ID = 10001
"""Of user and group: the same in every image, for volumes and for files with secrets."""
GROUP_ID = 10002
"""Of the group whose members make settings."""
_ACCOUNTS = f"""
echo "$name:x:{ACCOUNT_ID}:{ACCOUNT_ID}:Cekalwatch:$home:/usr/sbin/nologin" >> "$1/etc/passwd"
echo "$name:x:{ACCOUNT_ID}:" >> "$1/etc/group"
echo "cekalwatch:x:{GROUP_ID}:$name" >> "$1/etc/group"
"""


def make_root(image: Image, packages: Sequence[Path], archive: Path, epoch: int, mirror: str = "") -> None:
    """Make an archive of a Debian that has the `packages` of an image and no apt. Raises ReleaseError.

    Debian's packages come from this machine's sources, or from `mirror`, a line of sources.list.
    """
    # Packages of this disk are shown to the new system for as long as they are installed.
    hooks = "/usr/share/mmdebstrap/hooks/file-mirror-automount"
    accounts = f"\nname={image.program} home={image.home}{_ACCOUNTS}"
    command = ["mmdebstrap", "--quiet", "--variant=essential", f"--hook-dir={hooks}", f"--essential-hook={accounts}"]
    command += [f"--include={','.join(image.beside)}", *(f"--include={package.resolve()}" for package in packages)]
    command += ["--dpkgopt=force-unsafe-io"]  # what a power cut leaves half done is made anew
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "doc")]
    command += ["--dpkgopt=path-include=/usr/share/doc/cekalwatch-*"]
    command += [platform.freedesktop_os_release()["VERSION_CODENAME"], str(archive), *([mirror] if mirror else [])]
    _run(*command, epoch=epoch)


def make_image(image: Image, packages: Sequence[Path], out: Path, tag: str, epoch: int, mirror: str = "") -> Path:
    """Make an image of Debian with `packages`; returns its file in `out`. Raises ReleaseError."""
    file = out / f"{image.program}-{tag}.tar"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        context, store, built, draft = (Path(scratch) / part for part in ("context", "store", "built.tar", "image.tar"))
        context.mkdir()
        make_root(image, packages, context / "root.tar", epoch, mirror)
        shutil.copy(image.containerfile, context / "Containerfile")
        buildah = ("buildah", "--storage-driver", "vfs", "--root", str(store), "--runroot", str(Path(scratch) / "run"))
        # OCI's form of an image has no health check.
        form = ("--format", "docker", "--isolation", "chroot", "--timestamp", str(epoch))
        # Into the file at once: a storage between would write and read all of it twice more.
        target = f"docker-archive:{built}:{image.name}:{tag}"
        _run(*buildah, "build", "--quiet", *form, "--tag", target, str(context), epoch=epoch)
        without_traces(built, draft)
        draft.replace(file)
    return file


def sign_images(images: Sequence[Path], key: Path) -> None:
    """Put compose.yaml with digests and a signed list of hashes beside images. Raises ReleaseError."""
    compose, sums = images[0].with_name(COMPOSE.name), images[0].with_name(SUMS)
    compose.write_text(pinned_compose(), encoding="utf-8")
    sums.write_text("".join(f"{sha256(file)}  {file.name}\n" for file in (compose, *images)), encoding="utf-8")
    sign(sums, key, images[0].stem)


def pinned_compose() -> str:
    """Return compose.yaml as a release has it. Raises ReleaseError where an image is named by a tag alone."""
    for image in IMAGES.values():
        check_base(image.containerfile.read_text(encoding="utf-8"))
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
    parser.add_argument("--only", choices=sorted(IMAGES), help="Make the image of this program alone.")
    parser.add_argument(
        "--mirror", default="", help="Line of sources.list; a dated archive gives the same image later."
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.key:
            pinned_compose()  # before the minutes that an image takes
        made = []
        for image in (IMAGES[chosen.only],) if chosen.only else IMAGES.values():
            packages = [package for name in image.packages for package in chosen.packages.glob(f"{name}_*.deb")]
            if len(packages) != len(image.packages):
                raise ReleaseError(f"{' and '.join(image.packages)} are not in {chosen.packages}: run make packages")
            epoch = int(time_of(ROOT).timestamp())
            made.append(make_image(image, packages, chosen.out, version("cekalwatch"), epoch, chosen.mirror))
        if chosen.key:
            sign_images(made, chosen.key)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for file in made:
        sys.stdout.write(f"{file}  {file.stat().st_size / 1e6:.0f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Makes the installers for Windows of this commit or working tree.

    python -m deploy.windows --python python-3.13.9-embed-amd64.zip --python-hash SHA256 --roots roots.pem

Python comes from the file that is named, whose hash and signatures are checked; there is no other. Whether what is made
is signed, the last line says. docs/windows.md says how an administrator uses it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from deploy.bundle.wheels import fetch_wheels
from deploy.packages.__main__ import time_of
from deploy.packages.wheels import PYTHON, System
from deploy.release.sbom import ROOT
from deploy.release.wheel import DISTRIBUTION, ReleaseError, build_reproducibly
from deploy.windows.msi import make_reproducibly
from deploy.windows.native import COMPILER
from deploy.windows.product import PRODUCTS, Product
from deploy.windows.python import EmbeddedPython
from deploy.windows.signing import Signer
from deploy.windows.tree import build_tree

TOOLS = ("wixl", "msibuild", "osslsigncode", COMPILER)


def build_trees(
    root: Path,
    python: EmbeddedPython,
    made_at: datetime,
    out: Path,
    products: Sequence[Product] = PRODUCTS,
    signer: Signer | None = None,
) -> dict[Product, Path]:
    """Write what each installer of the sources in `root` brings below the folder `out`, and sign what is our own.

    Raises ReleaseError.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    ours = {DISTRIBUTION: build_reproducibly(root, out, int(made_at.timestamp()))}
    trees = {}
    for product in products:
        requirements = fetch_wheels(root, product.machine, System.WINDOWS, ours, out)
        trees[product] = out / product.kind
        build_tree(product, version("cekalwatch"), requirements, python, made_at, trees[product])
        if signer:
            signer.sign(trees[product] / product.program, product.title)
    return trees


def build_installers(
    trees: Mapping[Product, Path], made_at: datetime, out: Path, signer: Signer | None = None
) -> list[Path]:
    """Make the installers of `trees` in the folder `out`, and sign them. Raises ReleaseError."""
    made = []
    for product, tree in trees.items():
        installer = make_reproducibly(product, version("cekalwatch"), tree, made_at, out)
        if signer:
            signer.sign(installer, product.title)
        made.append(installer)
    return made


def _file(name: str) -> Path:
    if not (file := Path(name)).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {name}")
    return file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and say in one sentence why there are no installers."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.windows", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=_file, required=True, help=f"python-{PYTHON}.N-embed-amd64.zip of python.org.")
    parser.add_argument("--python-hash", required=True, help="Its SHA-256, as python.org's page of the release has it.")
    parser.add_argument("--roots", type=_file, required=True, help="Roots that its signatures lead to, PEM.")
    parser.add_argument("--certificate", type=_file, help="Code-signing certificate with its chain, PEM.")
    parser.add_argument("--key", type=_file, help="Its key, PEM.")
    parser.add_argument("--timestamp", help="Address of a time-stamp authority (RFC 3161).")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "msi", help="Folder for them; default build/msi.")
    chosen = parser.parse_args(arguments)
    if bool(chosen.certificate) != bool(chosen.key):
        parser.error("--certificate and --key are named together")
    signer = Signer(chosen.certificate, chosen.key, chosen.timestamp) if chosen.certificate else None
    try:
        if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
            raise ReleaseError(
                f"{' and '.join(missing)} missing: apt-get install wixl msitools osslsigncode gcc-mingw-w64-x86-64"
            )
        made_at = time_of(ROOT)
        python = EmbeddedPython.checked(chosen.python, chosen.python_hash, chosen.roots)
        trees = build_trees(ROOT, python, made_at, chosen.out / "scratch", signer=signer)
        made = build_installers(trees, made_at, chosen.out, signer)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    shutil.rmtree(chosen.out / "scratch")
    for installer in made:
        sys.stdout.write(f"{installer}  {installer.stat().st_size / 1e6:.0f} MB\n")
    sys.stdout.write("signed\n" if signer else "not signed: CERTIFICATE=FILE was not given\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

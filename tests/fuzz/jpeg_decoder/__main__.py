"""Fuzzes the JPEG decoder that OpenCV's wheel contains, built with sanitizers, from the corpus of pictures on.

    python -m tests.fuzz.jpeg_decoder [SECONDS]

The sources are those of the same release of opencv-python on the package index. It needs cmake, and clang with
libFuzzer (Debian: `apt-get install clang cmake`). The processor's vector instructions are left out, for sanitizers do
not see into assembler; the wheel uses them. Sources, finds and new inputs are in `build/fuzz/jpeg_decoder`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import CORPUS

HERE: Final = Path(__file__).parent
BUILD: Final = Path("build/fuzz/jpeg_decoder").resolve()
LIBRARY: Final = "opencv/3rdparty/libjpeg-turbo"
BEFORE_CROP: Final = 11
"""Bytes before the picture in an input of the target `pictures`."""
MAX_BYTES: Final = 8192
SECONDS: Final = 300


def sources() -> Path:
    """Return the folder of the library's sources, of the release that is installed."""
    release = version("opencv-python")
    found = BUILD / f"opencv-python-{release}"
    if not found.is_dir():
        wanted = ("--no-deps", "--no-binary", "opencv-python", "--dest", str(BUILD), f"opencv-python=={release}")
        subprocess.run([sys.executable, "-m", "pip", "download", *wanted], check=True)
        (packed,) = BUILD.glob(f"opencv*{release}.tar.gz")
        with tarfile.open(packed) as archive:
            members = [one for one in archive if f"/{LIBRARY}/" in one.name]
            archive.extractall(found, members, filter="data")
    (library,) = found.glob(f"*/{LIBRARY}")
    return library


def built(library: Path) -> Path:
    """Build the harness, and return its program."""
    folder = BUILD / "built"
    compiler = ("-DCMAKE_C_COMPILER=clang", f"-DLIBRARY={library}")
    subprocess.run(["cmake", "-S", HERE, "-B", folder, *compiler], check=True)
    subprocess.run(["cmake", "--build", folder, "--parallel", "2"], check=True)
    return folder / "jpeg_decoder"


def seeds() -> Path:
    """Write the pictures of the corpus without what stands before them, and return their folder."""
    folder = BUILD / "seeds"
    folder.mkdir(exist_ok=True)
    for kind, before in (("pictures", BEFORE_CROP), ("officer_picture", 0)):
        for file in (CORPUS / kind).iterdir():
            (folder / f"{kind}-{file.name}").write_bytes(file.read_bytes()[before:])
    return folder


def main() -> None:
    """Fuzz; the exit code is not 0 when something was found."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    found = BUILD / "found"
    found.mkdir(parents=True, exist_ok=True)
    program = built(sources())
    options = (f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=10", "-print_final_stats=1")
    os.execv(program, [str(program), str(found), str(seeds()), *options, f"-artifact_prefix={found}/"])  # noqa: S606


if __name__ == "__main__":
    main()

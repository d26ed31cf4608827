"""Lets numpy run under Wine, whose C library lacks complex functions: with a library beside numpy that has them.

It forwards everything else to Wine's. Wine takes no other library for the name that numpy imports, so a copy of numpy
imports one with a name of the same length.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_IMPORTED, _OURS = b"api-ms-win-crt-math-l1-1-0.dll", b"cekalwatch-complex-math-10.dll"
_COMPLEX = ("creal", "cimag", "cabs", "carg", "cexp", "clog", "csqrt", "cpow", "csin", "ccos", "ctan")
_HYPERBOLIC = ("csinh", "ccosh", "ctanh")


def add_complex_math(packages: Path) -> None:
    """Change the copy of numpy in `packages`, a folder of site-packages."""
    (module,) = (packages / "numpy" / "_core").glob("_multiarray_umath*.pyd")
    content = module.read_bytes()
    assert content.count(_IMPORTED) == 1
    module.unlink()  # it may be a link to the one that others use
    module.write_bytes(content.replace(_IMPORTED, _OURS))
    (wines,) = Path("/usr/lib").glob("*/wine/x86_64-windows/ucrtbase.dll")
    told = subprocess.run(["x86_64-w64-mingw32-objdump", "-p", wines], capture_output=True, text=True, check=True)
    table = told.stdout.partition("[Ordinal/Name Pointer] Table")[2].partition("\n\n")[0]
    names = set(re.findall(r"([A-Za-z_][A-Za-z0-9_]*)$", table, re.MULTILINE))
    ours = {
        f"{name}{kind}": f"our_{name}{kind if kind == 'f' else ''}"
        for name in (*_COMPLEX, *_HYPERBOLIC)
        for kind in ("", "f", "l")
    }
    exports = ours | {name: f"ucrtbase.{name}" for name in names - ours.keys()}
    definition = packages / "numpy" / "_core" / "complex.def"
    definition.write_text("EXPORTS\n" + "".join(f"{name}={target}\n" for name, target in sorted(exports.items())))
    source = Path(__file__).with_suffix(".c")
    library = definition.with_name(_OURS.decode())
    subprocess.run(
        ["x86_64-w64-mingw32-gcc", "-O2", "-shared", "-s", "-static", "-o", library, source, definition], check=True
    )
    definition.unlink()

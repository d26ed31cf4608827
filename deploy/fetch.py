"""Installs the packages of a lock, or this checkout (`.`), with a line of progress, and says in a sentence what fails.

It runs before anything is installed, so it needs Python alone. What pip says is in `build/setup.log`.

    .venv/bin/python deploy/fetch.py requirements-demo.lock
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LOG = Path("build/setup.log")
CHECKOUT = ("--no-deps", "--no-build-isolation", "--editable", ".")
REASONS = {
    r"No space left on device|Errno 28": "The disk is full: the packages need about 3 GB in this folder.",
    r"NewConnectionError|NameResolutionError|unreachable|refused|ProxyError|imeout|timed out": (
        "No package index can be reached: connect this machine, or name a mirror or a proxy "
        "(pip config set global.index-url ADDRESS; HTTPS_PROXY)."
    ),
    r"DO NOT MATCH THE HASHES": "A package is not the one that the lock names: look at what serves it.",
}
"""What pip says, and what that means."""


def main(what: str) -> int:
    """Install, and return pip's exit code."""
    lock = Path(what) if what != "." else None
    wanted = len(re.findall(r"^[a-z][^ ]*==", lock.read_text("utf-8"), re.MULTILINE)) if lock else 0
    chosen = ("--require-hashes", "--only-binary", ":all:", "-r", str(lock)) if lock else CHECKOUT
    LOG.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "install", "--progress-bar", "off", "--no-input", *chosen]
    said, fetched, shown, terminal = list[str](), 0, 0, sys.stdout.isatty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            said.append(line)
            fetched += line.startswith("Collecting ")
            share = 100 * fetched // wanted if wanted else 0
            if share >= shown + (1 if terminal else 25):
                shown = share
                print(f"\r  {share} %" if terminal else f"  {share} %", end="" if terminal else "\n", flush=True)
    if terminal and wanted:
        print()
    try:
        LOG.write_text("".join(said), "utf-8")
    except OSError:  # of a full disk
        sys.stderr.writelines(said[-20:])
    if pip.returncode:
        text = "".join(said)
        last = said[-1].strip() if said else ""
        reason = next((means for pattern, means in REASONS.items() if re.search(pattern, text)), last)
        print(f"{reason} What pip said: {LOG}", file=sys.stderr)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

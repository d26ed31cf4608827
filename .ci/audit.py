"""Asks the public list of vulnerabilities about every locked package, within a bounded time.

Exit code 1 when one is known. Where the list cannot be read, it says so and passes: no network is no defect, and CI
must neither fail nor hang for it. With `--required`, as a release has it, it ends with exit code 2 then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

MAX_S = 180
COMMAND = (
    *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", "requirements.lock"),
    *("--format", "json", "--progress-spinner", "off", "--timeout", "5"),
)
NOT_AUDITED = 2
"""The code of an audit that could not look."""
NOT_DONE = "NOT AUDITED: the list of vulnerabilities cannot be reached from here"


def verdict(output: str) -> tuple[int, str]:
    """Return the exit code and what to print for pip-audit's JSON; what is no JSON is a failure to reach the list."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        return NOT_AUDITED, NOT_DONE
    audited = [package for package in packages if "vulns" in package]
    if not audited:
        return NOT_AUDITED, f"{NOT_DONE} ({len(packages)} packages)"
    known = [
        f"{package['name']} {package['version']}: {', '.join(found['id'] for found in package['vulns'])}"
        for package in audited
        if package["vulns"]
    ]
    told = f"{len(audited)} of {len(packages)} packages audited, {len(known)} with known vulnerabilities"
    return int(bool(known)), "\n".join([told, *known])


def main(arguments: Sequence[str]) -> int:
    """Run it; `arguments` may have "--required"."""
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=MAX_S)
    except subprocess.TimeoutExpired:
        code, told = NOT_AUDITED, f"{NOT_DONE} within {MAX_S} s"
    else:
        code, told = verdict(done.stdout)
    sys.stdout.write(told + "\n")
    return 0 if code == NOT_AUDITED and "--required" not in arguments else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Of which commit a release was made, by what every clone has: the one that dated its version in CHANGELOG.md.

    python -m deploy.release.history     # prints the commit of the last release; nothing before the first

Tags are for people: a clone may not have them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from deploy.release.frozen import CHANGELOG, dated_in
from deploy.release.sbom import ROOT
from deploy.release.wheel import ReleaseError


def git(root: Path, *arguments: str) -> str:
    """Run git in `root`, and return what it printed. Raises CalledProcessError."""
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def release_commit(root: Path, version: str) -> str:
    """Return the commit, hexadecimal, of which the release of that version was made; empty when it is not committed.

    Raises ReleaseError when the history of this clone does not reach back to it.
    """
    # The last one that wrote or removed the heading.
    commit = git(root, "log", "-1", "--format=%H", f"-S## [{version}] - ", "--", CHANGELOG)
    boundary = root / git(root, "rev-parse", "--git-path", "shallow")
    if commit and boundary.is_file() and commit in boundary.read_text(encoding="ascii").split():
        raise ReleaseError(f"This clone does not reach back to release {version}: git fetch --unshallow")
    return commit


def last_release(root: Path) -> str:
    """Return the commit of the newest release that is committed; empty before the first. Raises ReleaseError."""
    released = dated_in(git(root, "show", f"HEAD:{CHANGELOG}"))
    return release_commit(root, released[0]) if released else ""


if __name__ == "__main__":
    try:
        sys.stdout.write(last_release(ROOT))
    except (ReleaseError, subprocess.CalledProcessError) as error:
        sys.exit(f"The last release is not known: {error}")

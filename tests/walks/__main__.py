"""`make walks`: goes the four walks under a tracer, and writes what they pass into `docs/architecture.md`.

`build/walks.json` has the numbers too. With `--out FILE` only that file is written, and the page stays as it is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from cekalwatch.program.logs import configure_logs
from deploy.house.walks_page import PAGE, WALKS, with_steps
from tests.support.repository import ROOT
from tests.walks.walk import Gone, go


def gone_alone(key: str) -> Gone:
    """Go a walk in a process of its own: what one leaves behind is not on the next one's way."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "gone.json"
        subprocess.run([sys.executable, "-m", "tests.walks", "--walk", key, "--out", str(out)], check=True, cwd=ROOT)
        return Gone(**json.loads(out.read_text("utf-8"))[key])


def main() -> int:
    """Go the walks."""
    parser = argparse.ArgumentParser(prog="python -m tests.walks", description=__doc__)
    parser.add_argument("--walk", choices=[walk.key for walk in WALKS], help="Go this one, in this process.")
    parser.add_argument("--out", type=Path, help="Write the numbers to this file, and the page not.")
    asked = parser.parse_args()
    configure_logs("error")
    gone = {asked.walk: go(asked.walk)} if asked.walk else {walk.key: gone_alone(walk.key) for walk in WALKS}
    out = asked.out or ROOT / "build" / "walks.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({key: asdict(one) for key, one in gone.items()}, indent=2) + "\n", "utf-8")
    if asked.out:
        return 0
    page = ROOT / PAGE
    page.write_text(with_steps(page.read_text("utf-8"), {key: one.modules for key, one in gone.items()}), "utf-8")
    table = Table("walk", "modules", "changes", "steps back")
    for walk in WALKS:
        one = gone[walk.key]
        table.add_row(walk.title, str(len(one.modules)), str(one.changes), str(one.steps_back))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Verdicts of earlier runs: a run that was stopped goes on where it was.

Only killed mutants are kept, each while it, the file that it changes and the files of its tests are the same. What
these import may have changed since then: the commit is kept too, and `--anew` judges every mutant again.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from tests.mutants.catalogue import Mutant
from tests.mutants.judging import Judged, Verdict


@dataclass(frozen=True)
class Verdicts:
    """A file with a line of JSON for each verdict; the newest one of a mutant counts."""

    file: Path
    tree: Path
    """The code that is judged."""

    def known(self, mutants: Iterable[Mutant]) -> dict[str, tuple[Judged, str]]:
        """Return, for each of `mutants` whose verdict still counts, that verdict and its commit."""
        digests = {one.name: self._digest(one) for one in mutants}
        found = {}
        for line in self.file.read_text("utf-8").splitlines() if self.file.exists() else ():
            try:
                told = json.loads(line)
            except ValueError:
                continue  # a run was stopped while it wrote this line, or it is empty
            digest, commit = told.pop("digest"), told.pop("commit")
            if digests.get(told["name"]) == digest:
                found[told["name"]] = Judged(**{**told, "verdict": Verdict(told["verdict"])}), commit
        return found

    def keep(self, mutant: Mutant, judged: Judged) -> None:
        """Add the verdict of a killed mutant."""
        if judged.verdict is Verdict.KILLED:
            line = json.dumps({"digest": self._digest(mutant), "commit": self.commit, **asdict(judged)})
            with self.file.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}")  # whatever a run that was stopped left of a line before it

    @cached_property
    def commit(self) -> str:
        """The commit of the working tree, short; empty outside a repository."""
        command = ["git", "-C", str(self.file.parent), "rev-parse", "--short", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def _digest(self, mutant: Mutant) -> str:
        digest = hashlib.sha256(repr(mutant).encode())
        tests = (f"tests/{test.partition('::')[0]}" for test in mutant.killed_by)
        for name in (mutant.file, *tests):
            place = self.tree / name
            for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
                digest.update(hashlib.sha256(file.read_bytes() if file.is_file() else b"").digest())
        return digest.hexdigest()[:16]

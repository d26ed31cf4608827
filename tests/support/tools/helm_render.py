"""Renders the chart with Helm's own library, in a process of its own: Go takes the signals of the one that loads it.

    python -m tests.support.tools.helm_render < CASES

CASES is a JSON list of values; the answer is one with the manifests of each, by template, or with what Helm said.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.support.repository import ROOT

CHART = ROOT / "deploy/helm/cekalwatch"
RELEASE, NAMESPACE = "port", "cekal"


def rendered(cases: list[dict[str, Any]]) -> list[dict[str, str] | str]:
    """Return the manifests of each case by template, or why Helm refuses its values."""
    command = [sys.executable, "-m", __name__]
    done = subprocess.run(command, input=json.dumps(cases), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, str] | str] = json.loads(done.stdout)
    return answers


def _main() -> None:
    import helm_python

    answers: list[dict[str, str] | str] = []
    found = helm_python.lint(CHART, strict=True, skip_schema_validation=True)["messages"]
    if found := [one for one in found if one["severity"] > 1]:
        raise SystemExit(f"helm lint: {found}")
    with helm_python.Chart.load(CHART) as chart:
        for values in json.load(sys.stdin):
            try:
                chart.validate_schema(values)
                manifests = chart.render(values, name=RELEASE, namespace=NAMESPACE, is_upgrade=True)
                answers.append({name.rpartition("/")[2]: text for name, text in manifests.items()})
            except helm_python.HelmError as error:
                answers.append(str(error))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    _main()

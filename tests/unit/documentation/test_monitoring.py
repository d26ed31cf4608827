"""`docs/monitoring.md` has every metric and every alarm, and rules and dashboard ask for metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from cekalwatch.console import metrics as console
from cekalwatch.gateway import metrics as gateway
from cekalwatch.program.metrics import WebInstruments
from cekalwatch.server.health.monitoring.collector import METRICS, PREFIX, Instruments
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
MONITORING = ROOT / "deploy" / "monitoring"
RULES = (MONITORING / "cekalwatch.rules.yml").read_text("utf-8")
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text("utf-8"))
WEB = {
    console.PREFIX: (console.GAUGES, WebInstruments(console.PREFIX, "page")),
    gateway.PREFIX: (gateway.GAUGES, WebInstruments(gateway.PREFIX, gateway.SERVED)),
}
"""Of the programs that are called over HTTP: what they read at each request, and what they count."""
OTHERS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "up"}
"""Metrics that come with the library, and with Prometheus."""


def histograms() -> set[str]:
    registries = (Instruments().registry, *(made.registry for _, made in WEB.values()))
    return {one.name for found in registries for one in found.collect() if one.type == "histogram"}


def metrics() -> set[str]:
    """The names of the metrics of server, console and gateway, as Prometheus has them."""
    counted = {
        PREFIX + name + ("_total" if kind.__name__.startswith("Counter") else "")
        for name, (kind, *_) in METRICS.items()
    }
    gauges = {prefix + name for prefix, (gauges, _) in WEB.items() for name in gauges}
    web = {
        one.name + ("_total" if one.type == "counter" else "")
        for prefix, (_, made) in WEB.items()
        for one in made.registry.collect()
        if one.name.startswith(prefix)
    }
    return counted | histograms() | gauges | web


def series() -> set[str]:
    return metrics() | {f"{name}_{part}" for name in histograms() for part in ("bucket", "sum", "count")}


def expressions() -> Iterator[str]:
    """What the panels and the rules ask."""
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ()))
    yield from re.findall(r"expr: (?:>-\n)?((?:.|\n(?=          ))+)", RULES)


def test_the_page_lists_every_metric_and_no_other() -> None:
    listed = re.findall(rf"^\| `((?:{'|'.join((PREFIX, *WEB))})\w+)(?:{{[a-z_,]+}})?` \|", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(metrics())


def test_the_page_says_which_are_histograms() -> None:
    assert set(re.findall(r"^\| `(\w+)(?:{[a-z_,]+})?` \| Histogram: ", PAGE, re.MULTILINE)) == histograms()


def test_the_page_says_of_every_alarm_what_to_do() -> None:
    rows = re.findall(r"^\| `(Cekalwatch\w+)` \| \w+ \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert [name for name, *_ in rows] == re.findall(r"- alert: (\w+)", RULES)
    assert all(len(text.split()) > 3 for row in rows for text in row[1:])


def test_panels_and_rules_ask_for_metrics_that_there_are() -> None:
    asked = {name for one in expressions() for name in re.findall(r"\b(?:cekalwatch|process)_\w+|\bup\b", one)}
    assert len(asked) > 40
    recorded = set(re.findall(r"- record: (\w+)", RULES))
    assert asked - series() - OTHERS - recorded == set()


def test_names_follow_the_conventions() -> None:
    for name, (kind, text, _) in METRICS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert not name.endswith("_total"), "the library adds it"
        assert text.endswith(".")
        if name.endswith("timestamp_seconds"):
            assert kind.__name__.startswith("Gauge")

"""A real Prometheus, with the configuration and rules of `deploy/monitoring`, and its own tool."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.repository import ROOT
from tests.support.scenarios.metrics import ON_THIS_MACHINE
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, running, settings
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="apt-get install prometheus")

MONITORING = ROOT / "deploy" / "monitoring"
RULES = MONITORING / "cekalwatch.rules.yml"
ALARMS = re.findall(r"- alert: (\w+)", RULES.read_text("utf-8"))
DASHBOARD = MONITORING / "grafana-dashboard.json"
WAIT_S = 60.0
EVALUATED_AT = "40m"
S = "cekalwatch_server_"
C = "cekalwatch_console_"


def served_job(program: str) -> re.Pattern[str]:
    """What is a comment in the configuration, for who has that program on the machine."""
    return re.compile(rf"^  # (.*{program}\b.*\n)  # (.*\n)  # (.*)127\.0\.0\.1:\d+", re.MULTILINE)


def run_promtool(*arguments: str) -> None:
    found = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def rising(step: float, begun: float = 0) -> str:
    """A series that has grown by `step` a minute, for 60 minutes."""
    return f"{begun}+{step}x60"


def steady(value: float) -> str:
    return rising(0, value)


def histogram(name: str, slow: bool, of: str = S) -> dict[str, str]:
    """All observations of a histogram below 0.05 s, or between 1 and 2.5 s: one that is slow has fewer."""
    many = 60 if slow else 6000
    quick = 0 if slow else many
    buckets = {"0.05": quick, "0.5": quick, "1.0": quick, "2.5": many, "+Inf": many}
    return {f'{of}{name}_bucket{{le="{bound}",instance="a"}}': rising(step) for bound, step in buckets.items()}


# The moments are seconds since the beginning: at 40 minutes it is 2400.
WELL: dict[str, str] = {
    f'{S}info{{instance="a",site="x"}}': steady(1),
    f'{S}info{{instance="b",site="x"}}': steady(1),
    'up{job="cekalwatch-server",instance="a"}': steady(1),
    f'{S}fault{{instance="a",fault="LOOP_FAILING"}}': steady(0),
    f'{S}gallery_blind{{instance="a"}}': steady(0),
    f'{S}database_well{{instance="a"}}': steady(1),
    f'{S}database_read_timestamp_seconds{{instance="a"}}': rising(60),
    f'{S}loop_failing{{instance="a",loop="escalate"}}': steady(0),
    f'{S}is_leader{{instance="a"}}': steady(1),
    f'{S}start_time_seconds{{instance="a"}}': steady(5),
    f'{S}alerts_open{{instance="a",state="NEW"}}': steady(0),
    f'{S}captures_total{{instance="a",outcome="ACCEPTED"}}': rising(60),
    f'{S}captures_total{{instance="a",outcome="RETRY"}}': steady(3),
    f'{S}agents_subscribed{{instance="a"}}': steady(3),
    f'{S}agents_behind_events{{instance="a"}}': steady(1),
    f'{S}camera_connected{{instance="a",camera="dep-1",site="x"}}': steady(1),
    f'{S}camera_view{{instance="a",camera="dep-1",site="x",state="DARK"}}': steady(0),
    f'{S}camera_view{{instance="a",camera="dep-1",site="x",state="OK"}}': steady(1),
    f'{S}camera_dropped_total{{instance="a",camera="dep-1",site="x"}}': steady(4),
    f'{S}camera_outbox_age_seconds{{instance="a",camera="dep-1",site="x"}}': steady(0.1),
    f'{S}list_stale{{instance="a",source="app"}}': steady(0),
    f'{S}list_shrunk{{instance="a"}}': steady(0),
    f'{S}gallery_references_unsearched{{instance="a"}}': steady(0),
    f'{S}gallery_timestamp_seconds{{instance="a"}}': rising(60),
    f'{S}audit_history_changed{{instance="a"}}': steady(0),
    f'{S}audit_signing_waits{{instance="a"}}': steady(0),
    f'{S}audit_undelivered{{instance="a",destination="syslog"}}': steady(0),
    f'{S}troubles{{instance="a",kind="NOTICES_WAITING"}}': steady(0),
    f'{S}notices_given_up{{instance="a",target="siem"}}': steady(0),
    f'{S}backup_stale{{instance="a"}}': steady(0),
    f'{S}backup_stale{{instance="b"}}': steady(1),
    f'{S}revocations_stale{{instance="a"}}': steady(0),
    f'{S}revocations_expire_timestamp_seconds{{instance="a"}}': steady(30 * 86_400),
    f'{S}troubles{{instance="a",kind="ROWS_CHANGED"}}': steady(0),
    f'{S}sign_ins_total{{instance="a",outcome="SIGN_IN_REFUSED"}}': rising(0.1),
    f'{S}refusals_total{{instance="a",code="SIGN_IN_NEEDED"}}': rising(600),
    f'{S}connections_closed_total{{instance="a"}}': steady(0),
    **histogram("database_commit_seconds", slow=False),
    **histogram("alert_event_seconds", slow=False),
    **histogram("capture_receipt_seconds", slow=False),
    'up{job="cekalwatch-console",instance="c"}': steady(1),
    f'{C}connected{{instance="c"}}': steady(1),
    f'{C}pages_total{{instance="c",status="200",route="/"}}': rising(60),
    f'{C}pages_total{{instance="c",status="500",route="/"}}': steady(1),
    **histogram("page_seconds", slow=False, of=C),
    'up{job="cekalwatch-gateway",instance="g"}': steady(1),
    'cekalwatch_gateway_connected{instance="g"}': steady(1),
    'cekalwatch_gateway_events_held{instance="g"}': steady(10),
}
"""A server that is well."""

WRONG: dict[str, dict[str, str]] = {
    "CekalwatchServerAway": {'up{job="cekalwatch-server",instance="a"}': steady(0)},
    "CekalwatchServerUnwell": {f'{S}fault{{instance="a",fault="LOOP_FAILING"}}': steady(1)},
    "CekalwatchNobodySearched": {f'{S}gallery_blind{{instance="a"}}': steady(1)},
    "CekalwatchDatabaseAway": {f'{S}database_read_timestamp_seconds{{instance="a"}}': steady(600)},
    "CekalwatchDatabaseSlow": histogram("database_commit_seconds", slow=True),
    "CekalwatchLoopFailing": {f'{S}loop_failing{{instance="a",loop="escalate"}}': steady(1)},
    "CekalwatchNoLeader": {f'{S}is_leader{{instance="a"}}': steady(0)},
    "CekalwatchRestarting": {f'{S}start_time_seconds{{instance="a"}}': rising(60)},
    "CekalwatchAlertUnclaimed": {f'{S}alerts_oldest_timestamp_seconds{{instance="a",state="NEW"}}': steady(1800)},
    "CekalwatchAlertsLate": histogram("alert_event_seconds", slow=True),
    "CekalwatchReceiptsSlow": histogram("capture_receipt_seconds", slow=True),
    "CekalwatchCapturesRefused": {f'{S}captures_total{{instance="a",outcome="RETRY"}}': rising(10)},
    "CekalwatchNobodyListens": {f'{S}agents_subscribed{{instance="a"}}': steady(0)},
    "CekalwatchAgentBehind": {f'{S}agents_behind_events{{instance="a"}}': steady(50)},
    "CekalwatchCameraAway": {f'{S}camera_connected{{instance="a",camera="dep-1",site="x"}}': steady(0)},
    "CekalwatchCameraBlind": {f'{S}camera_view{{instance="a",camera="dep-1",site="x",state="DARK"}}': steady(1)},
    "CekalwatchCameraLosesCrops": {f'{S}camera_dropped_total{{instance="a",camera="dep-1",site="x"}}': rising(1)},
    "CekalwatchCameraBacklog": {f'{S}camera_outbox_age_seconds{{instance="a",camera="dep-1",site="x"}}': steady(90)},
    "CekalwatchListStale": {f'{S}list_stale{{instance="a",source="app"}}': steady(1)},
    "CekalwatchListShrunk": {f'{S}list_shrunk{{instance="a"}}': steady(1)},
    "CekalwatchReferencesUnsearched": {f'{S}gallery_references_unsearched{{instance="a"}}': steady(2)},
    "CekalwatchGalleryNotFollowed": {f'{S}gallery_timestamp_seconds{{instance="a"}}': steady(60)},
    "CekalwatchAuditHistoryChanged": {f'{S}audit_history_changed{{instance="a"}}': steady(1)},
    "CekalwatchAuditUnsigned": {f'{S}audit_signing_waits{{instance="a"}}': steady(1)},
    "CekalwatchCheckpointsUndelivered": {f'{S}audit_undelivered{{instance="a",destination="syslog"}}': steady(4)},
    "CekalwatchNoticesWaiting": {f'{S}troubles{{instance="a",kind="NOTICES_WAITING"}}': steady(1)},
    "CekalwatchNoticesGivenUp": {f'{S}notices_given_up{{instance="a",target="siem"}}': steady(2)},
    "CekalwatchBackupOld": {f'{S}backup_stale{{instance="a"}}': steady(1)},
    "CekalwatchRevocationsStale": {f'{S}revocations_stale{{instance="a"}}': steady(1)},
    "CekalwatchRevocationsRunOut": {f'{S}revocations_expire_timestamp_seconds{{instance="a"}}': steady(86_400)},
    "CekalwatchRowsChanged": {f'{S}troubles{{instance="a",kind="ROWS_CHANGED"}}': steady(1)},
    "CekalwatchSignInsRefused": {f'{S}sign_ins_total{{instance="a",outcome="SIGN_IN_REFUSED"}}': rising(5)},
    "CekalwatchCallsRefused": {f'{S}refusals_total{{instance="a",code="METHOD_NOT_ALLOWED"}}': rising(120)},
    "CekalwatchConnectionsClosed": {f'{S}connections_closed_total{{instance="a"}}': rising(20)},
    "CekalwatchConsoleAway": {'up{job="cekalwatch-console",instance="c"}': steady(0)},
    "CekalwatchConsoleWithoutServer": {f'{C}connected{{instance="c"}}': steady(0)},
    "CekalwatchConsoleFailing": {f'{C}pages_total{{instance="c",status="500",route="/"}}': rising(1)},
    "CekalwatchConsoleSlow": histogram("page_seconds", slow=True, of=C),
    "CekalwatchGatewayAway": {'up{job="cekalwatch-gateway",instance="g"}': steady(0)},
    "CekalwatchGatewayWithoutServer": {'cekalwatch_gateway_connected{instance="g"}': steady(0)},
    "CekalwatchGatewayFull": {'cekalwatch_gateway_events_held{instance="g"}': steady(1000)},
}
"""For each alarm, what makes it sound, in place of what is well."""


def rule_test(series: dict[str, str], *alarms: str) -> dict[str, Any]:
    """Exactly `alarms` sound, once each."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in (WELL | series).items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": EVALUATED_AT,
                "exp_samples": [{"labels": f'{{alertname="{alarm}"}}', "value": 1} for alarm in alarms],
            }
        ],
    }


def at_another_port(series: dict[str, str]) -> dict[str, str]:
    """The same of the servers, console and gateway of another port, which has servers and a database of its own."""
    return {re.sub(r'(instance|site)="', r'\1="other-', name): values for name, values in series.items()}


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_port_that_is_well_hides_no_alarm_of_another(tmp_path: Path) -> None:
    cases = [rule_test(at_another_port(WELL))]
    cases += [rule_test(at_another_port(WELL | series), alarm) for alarm, series in WRONG.items()]
    file = tmp_path / "ports.test.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": cases}))
    run_promtool("test", "rules", str(file))


@pytest.mark.slow
def test_each_alarm_sounds_for_its_reason_alone_and_none_while_all_is_well(tmp_path: Path) -> None:
    assert set(WRONG) == set(ALARMS)
    cases = [rule_test({}), *(rule_test(series, alarm) for alarm, series in WRONG.items())]
    file = tmp_path / "rules.test.json"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": cases}))
    run_promtool("test", "rules", str(file))


def test_configuration_and_rules_are_sound(tmp_path: Path) -> None:
    run_promtool("check", "config", str(MONITORING / "prometheus.yml"))
    expressions = dashboard_expressions()
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(expressions)]
    file = tmp_path / "dashboard.rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    run_promtool("check", "rules", str(file))


def dashboard_expressions() -> list[str]:
    """What the panels ask, with the variable of the dashboard filled in."""
    found = json.loads(DASHBOARD.read_text("utf-8"))
    return [
        target["expr"].replace("$instance", ".*") for panel in found["panels"] for target in panel.get("targets", ())
    ]


class Prometheus:
    """A running one."""

    def __init__(self, address: str) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://{address}/api/v1", trust_env=False, timeout=20.0)

    async def asked(self, path: str, **parameters: str) -> Any:
        """Return its answer; None while it gives none."""
        try:
            answer = await self._client.get(path, params=parameters)
        except httpx.TransportError:
            return None
        return answer.json()["data"] if answer.status_code == httpx.codes.OK else None

    async def value(self, expression: str) -> float | None:
        found = await self.asked("/query", query=expression)
        return float(found["result"][0]["value"][1]) if found and found["result"] else None

    async def close(self) -> None:
        await self._client.aclose()


@asynccontextmanager
async def prometheus(folder: Path, scraped: int, **others: int) -> AsyncIterator[Prometheus]:
    """Run one that scrapes each second what serves at these ports, with the configuration that is delivered.

    `others`: ports of other programs than the server, by their names.
    """
    for file in MONITORING.glob("*.yml"):
        text = file.read_text("utf-8").replace("127.0.0.1:9465", f"127.0.0.1:{scraped}")
        for program, port in others.items():
            text = served_job(program).sub(rf"  \1  \2  \g<3>127.0.0.1:{port}", text)
        (folder / file.name).write_text(re.sub(r"(scrape|evaluation)_(interval|timeout): \d+s", r"\1_\2: 1s", text))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = (f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}")
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus", *options, f"--web.listen-address={address}", "--log.level=warn", stdout=log, stderr=log
        )
        asking = Prometheus(address)
        try:
            yield asking
        finally:
            await asking.close()
            process.terminate()
            await process.wait()


@pytest.mark.slow
async def test_prometheus_has_the_series_of_a_passage_with_an_alert(tmp_path: Path) -> None:
    chosen = settings(tmp_path / "server", metrics=ON_THIS_MACHINE)
    list_astronaut(chosen)
    (tmp_path / "prometheus").mkdir()
    async with (
        asyncio.timeout(WAIT_S),
        running(chosen) as server,
        prometheus(tmp_path / "prometheus", server.metrics_port) as watching,
    ):

        async def up() -> bool:
            return await watching.value('up{job="cekalwatch-server"}') == 1

        await becomes(up)
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face()) == ("ACCEPTED", "")

        async def told() -> bool:
            return (
                await watching.value(f"{S}alerts_raised_total") == 1
                and await watching.value(f'{S}alerts_open{{state="NEW"}}') == 1
                and await watching.value(f"{S}alert_event_seconds_count") == 1
                and await watching.value(f'{S}camera_connected{{camera="dep-1"}}') == 1
            )

        await becomes(told)

        async def judged() -> bool:
            found = await watching.asked("/rules")
            rules = [rule for group in found["groups"] for rule in group["rules"]] if found else []
            return len(rules) > len(ALARMS) and all(rule["health"] == "ok" for rule in rules)

        await becomes(judged)
        for expression in dashboard_expressions():
            assert await watching.asked("/query", query=expression) is not None, expression
        camera.call.cancel()

"""`cekalwatch-gateway`, as a technician types it and as a service manager runs it, beside a real server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cekalwatch.gateway.app import create_app
from cekalwatch.gateway.cli import app
from cekalwatch.gateway.metrics import measured_gateway
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import write_private
from cekalwatch.wire.identity import DeviceRole
from tests.extensions.gateway.callers import KEY, caller, stands, written
from tests.integration.monitoring.test_prometheus import prometheus
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.sign_in import becomes
from tests.support.scenarios.site_pki import Site
from tests.support.tools.programs import run_program

pytestmark = pytest.mark.slow

BEARER = {"authorization": f"Bearer {KEY}"}
WAIT_S = 60.0


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PortOffice]:
    found = port_office(tmp_path, {})
    async with found.open():
        yield found


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


def verdicts(told: str, exit_code: int) -> dict[str, tuple[str, str]]:
    """Verdict and text of each part that `check` looked at; the clock is this machine's affair."""
    found = {one["subject"]: (one["verdict"], one["text"]) for one in json.loads(told)}
    assert exit_code == (Exit.FAILED if "FAIL" in {verdict for verdict, _ in found.values()} else Exit.OK)
    del found["clock"]
    return found


async def check(file: Path) -> dict[str, tuple[str, str]]:
    """In a process of its own: the server of the test logs in this one."""
    told = await asyncio.to_thread(run_program, "gateway", "check", "--config", file, "--json")
    return verdicts(told.stdout, told.returncode)


def refusal(file: Path, **variables: str) -> ProgramError:
    """The error with which it does not start."""
    told = CliRunner().invoke(app, ["serve", "--config", str(file)], env=variables)
    assert isinstance(told.exception, ProgramError), told.output
    return told.exception


async def test_it_is_served_over_tls_by_variables_alone_and_ends_in_order(office: PortOffice) -> None:
    files, web = (office.site.device(*one) for one in ((DeviceRole.NOTIFIER, "duty"), (DeviceRole.SERVER, "web")))
    folder, address = office.site.folder / "gateway", free_address()
    written(folder, office.address, files.folder)
    stated = {
        "LISTEN": address,
        "SERVER_ADDRESSES": office.address,
        "TLS_DIR": str(files.folder),
        "KEY_FILE": str(folder / "key"),
        "WEB_CERTIFICATE": str(web.certificate),
        "WEB_KEY": str(web.key),
    }
    variables = {f"CEKALWATCH_GATEWAY_{name}": value for name, value in stated.items()}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(WAIT_S)
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cekalwatch.gateway", "serve"),
            env=os.environ | variables | {"NOTIFY_SOCKET": str(folder / "notify")},
            stderr=asyncio.subprocess.PIPE,
        )
        assert await asyncio.to_thread(manager.recv, 1000) == b"READY=1"
    context = ssl.create_default_context(cafile=str(web.authority))
    async with httpx.AsyncClient(base_url=f"https://{address}", verify=context, timeout=WAIT_S) as client:

        async def connected() -> bool:
            return bool((await client.get("/v1/states", headers=BEARER)).json()["connected"])

        await becomes(connected)
        assert (await client.get("/v1/states")).status_code == httpx.codes.UNAUTHORIZED
        for filled in ({"x-a": "a" * 64_000}, {f"x-{number}": "a" * 900 for number in range(60)}):
            assert (await client.get("/v1/states", headers=BEARER | filled)).status_code == 431
        twice = {"content-length": "2", "transfer-encoding": "chunked"}
        sent = client.build_request("POST", "/v1/session", headers=BEARER | twice, content=b"{}")
        assert (await client.send(sent)).status_code == httpx.codes.BAD_REQUEST
        async with httpx.AsyncClient() as plain:
            with pytest.raises(httpx.TransportError):
                await plain.get(f"http://{address}/v1/states")
        waiting = asyncio.create_task(client.get("/v1/events?wait_seconds=30", headers=BEARER))
        for _ in range(20):  # the one that waits has been begun before these are answered
            await client.get("/v1/states", headers=BEARER)
        async with asyncio.timeout(20):  # and not the half a minute that the request would wait
            running.send_signal(signal.SIGTERM)
            assert (await waiting).json()["events"] == []
    assert await running.wait() == Exit.OK
    assert running.stderr
    lines = [json.loads(line) for line in (await running.stderr.read()).decode().splitlines()]
    assert {"settings_read", "serving_gateway"} <= {one["event"] for one in lines}
    assert KEY not in json.dumps(lines)


async def test_check_says_what_it_looked_at(office: PortOffice) -> None:
    files = office.site.device(DeviceRole.NOTIFIER, "duty")
    file = written(office.site.folder / "gateway", office.address, files.folder, listen=free_address())
    found = await check(file)
    parts = ("settings", "certificate", "key", "callers", "server", "rights")
    assert {part: verdict for part, (verdict, _) in found.items()} == dict.fromkeys(parts, "OK")
    assert "notifier/duty" in found["certificate"][1]
    assert office.address in found["server"][1]
    assert re.fullmatch(r"the server tells this device the present problems: \d", found["rights"][1])


async def test_check_and_callers_hear_that_a_device_is_of_another_authority(office: PortOffice, tmp_path: Path) -> None:
    stranger = Site(tmp_path / "elsewhere").device(DeviceRole.NOTIFIER, "duty")
    file = written(tmp_path / "gateway", office.address, stranger.folder)
    found = await check(file)
    assert found["certificate"][0] == "OK"
    assert found["server"][0] == found["rights"][0] == "FAIL"
    assert "the server's certificate is not accepted" in found["server"][1]
    with measured_gateway(GatewaySettings.load(file)) as (gateway, _), gateway.filling():
        async with caller(create_app(gateway)) as client:
            told = await client.get("/v1/states")
    assert (told.status_code, told.json()["code"]) == (503, "UNAVAILABLE")


def test_check_says_of_each_fault_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cekalwatch.program.checks.server.ANSWER_S", 1.0)
    camera = Site(tmp_path).device(DeviceRole.CAMERA, "dep-1")
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        file = written(tmp_path / "gateway", "127.0.0.1:9", camera.folder, listen=address)
        (tmp_path / "gateway" / "key").chmod(0o644)
        told = CliRunner().invoke(app, ["check", "--config", str(file), "--json"])
    found = verdicts(told.stdout, told.exit_code)
    assert {one: verdict for one, (verdict, _) in found.items()} == {
        "settings": "OK",
        "certificate": "FAIL",
        "key": "FAIL",
        "callers": "WARN",
        "server": "FAIL",
        "rights": "FAIL",
    }
    assert "camera/dep-1: it is not a notifier's" in found["certificate"][1]
    assert "Others can read the key of callers" in found["key"][1]
    assert f"{address}: Address already in use; well if this gateway runs there" in found["callers"][1]
    assert "nobody answers; is cekalwatch-server running there" in found["server"][1]
    assert found["rights"][1] == "not asked, since no server answers"


def test_what_cannot_be_served_is_refused_with_what_to_do(tmp_path: Path) -> None:
    files = Site(tmp_path).device(DeviceRole.NOTIFIER, "duty")
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        taken = refusal(written(tmp_path / "one", "127.0.0.1:9", files.folder, listen=address))
    assert str(taken) == f"{address} cannot be listened at: is another program there?"
    assert taken.exit_code is Exit.UNAVAILABLE
    none = tmp_path / "none.pem"
    for changes, why in (
        ({"listen": "0.0.0.0:8444"}, "there is no certificate for callers: set web_certificate"),
        ({"listen": "8444"}, "HOST:PORT"),
        ({"web_key": str(none)}, "go together: set both"),
        ({"web_key": str(none), "web_certificate": str(none)}, "none.pem cannot be used for callers .No such file"),
        ({"key_file": str(none)}, "A new key: openssl rand"),
        ({"secret": "hidden word"}, "secret: there is no such setting"),
    ):
        error = refusal(written(tmp_path / "gateway", "127.0.0.1:9", files.folder, **changes))
        assert error.exit_code is Exit.CONFIG, error
        assert re.search(why, str(error)), error
        assert "hidden" not in str(error)
    file = written(tmp_path / "gateway", "127.0.0.1:9", files.folder)
    misspelt = refusal(file, CEKALWATCH_GATEWAY_LISTN="127.0.0.1:1")
    assert "CEKALWATCH_GATEWAY_LISTN (did you mean CEKALWATCH_GATEWAY_LISTEN?)" in str(misspelt)
    write_private(tmp_path / "gateway" / "key", b"short")
    assert "has no key of 32 to 512 characters" in str(refusal(file))
    far = written(tmp_path / "gateway", "far.example:1", tmp_path / "nowhere")
    assert "enrol this device first" in str(refusal(far))


@pytest.mark.skipif(not shutil.which("promtool"), reason="apt-get install prometheus")
async def test_prometheus_has_the_series_of_a_gateway_and_nothing_of_an_alert(
    office: PortOffice, tmp_path: Path
) -> None:
    (tmp_path / "prometheus").mkdir()
    files = office.site.device(DeviceRole.NOTIFIER, "duty")
    file = written(office.site.folder / "gateway", office.address, files.folder, metrics_listen="127.0.0.1:0")
    with measured_gateway(GatewaySettings.load(file)) as (gateway, port), gateway.filling():
        await stands(gateway)
        alert_id = await office.raise_alert()
        async with caller(create_app(gateway)) as client, prometheus(tmp_path / "prometheus", 1, gateway=port) as asked:
            for path in ("/v1/events?wait_seconds=30", "/v1/states", f"/v1/{alert_id}"):
                await client.get(path)
            missing = {
                'up{job="cekalwatch-gateway"}': 1,
                "cekalwatch_gateway_connected": 1,
                "cekalwatch_gateway_events_held": 1,
                'cekalwatch_gateway_requests_total{method="GET",route="/v1/states",status="200"}': 1,
                'cekalwatch_gateway_requests_total{method="none",route="none",status="404"}': 1,
                'cekalwatch_gateway_request_seconds_count{route="/v1/events"}': 1,
                'sum(cekalwatch_gateway_server_calls_total{call="TroubleService/WatchTroubles"})': 1,
            }

            async def told() -> bool:
                for expression, value in tuple(missing.items()):
                    if await asked.value(expression) == value:
                        del missing[expression]
                return not missing

            await becomes(told)
        async with httpx.AsyncClient(trust_env=False) as plain:
            text = (await plain.get(f"http://127.0.0.1:{port}/metrics")).text
    assert not [one for one in (alert_id, "D1", KEY) if one in text]

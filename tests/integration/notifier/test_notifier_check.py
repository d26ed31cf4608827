"""`cekalwatch-notifier check`: a PC that is in order, and each fault by its name."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.notifier.cli.app import app
from cekalwatch.program.errors import Exit
from cekalwatch.wire.identity import DeviceRole
from tests.support.scenarios.server import running
from tests.support.scenarios.site_pki import Site


def checked(config: Path, *options: str) -> tuple[int, dict[str, str], dict[str, str]]:
    outcome = CliRunner().invoke(app, ["check", "--json", "--config", str(config), *options])
    results = json.loads(outcome.stdout[outcome.stdout.index("[\n") :])  # after what the server here logs
    verdicts = {one["subject"]: one["verdict"] for one in results}
    return outcome.exit_code, verdicts, {one["subject"]: one["text"] for one in results}


def written(folder: Path, **settings: str) -> Path:
    config = folder / "notifier.toml"
    settings = {"state_dir": str(folder / "state")} | settings
    config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return config


@pytest.mark.slow
async def test_a_pc_in_order_passes_and_one_with_anothers_certificate_does_not(tmp_path: Path) -> None:
    site = Site(tmp_path)
    files = site.device(DeviceRole.NOTIFIER, "counter-1")
    async with running(site.settings(), site.diagnostics()) as server:
        config = written(
            tmp_path,
            server_addresses=server.address,
            agent_id="counter-1",
            tls_dir=str(files.folder),
            site=site.server.site,
        )
        code, verdicts, texts = await asyncio.to_thread(checked, config)
        other = await asyncio.to_thread(checked, config, "--agent-id", "counter-2")
    assert code == Exit.OK, texts
    assert {verdicts[part] for part in ("settings", "disk", "certificate", "site", "server")} == {"OK"}
    assert texts["settings"] == str(config)
    assert (other[0], other[1]["certificate"], other[1]["server"]) == (Exit.FAILED, "FAIL", "OK")
    assert "it is not that of the notifier counter-2" in other[2]["certificate"]


@pytest.mark.slow
def test_each_fault_is_told_and_none_hides_another(tmp_path: Path) -> None:
    site = Site(tmp_path)
    files = site.device(DeviceRole.NOTIFIER, "counter-1")
    config = written(
        tmp_path, server_addresses="127.0.0.1:1", agent_id="counter-1", tls_dir=str(files.folder), site="elsewhere"
    )
    code, verdicts, texts = checked(config)
    assert (code, verdicts["site"], verdicts["server"]) == (Exit.FAILED, "FAIL", "FAIL")
    assert "no alert would come" in texts["site"]
    assert "is cekalwatch-server running there" in texts["server"]
    files.key.chmod(0o644)
    assert "chmod 600" in checked(config)[2]["certificate"]


def test_a_wrong_setting_is_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    config = written(tmp_path, agent="counter-1")
    outcome = CliRunner().invoke(app, ["check", "--config", str(config)])
    assert "did you mean agent_id?" in str(outcome.exception)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody comes to answer where nobody listens."""
    monkeypatch.setattr("cekalwatch.program.checks.server.ANSWER_S", 4.0)

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from deploy.release.wheel import sha256
from deploy.windows.__main__ import main
from deploy.windows.product import PRODUCTS, Product
from tests.support.fakes import alert_server
from tests.support.repository import ROOT
from tests.support.windows.code_signing import PSF, Authority, signed_again
from tests.support.windows.python_embed import embedded_python


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Product, Path]:
    """The installers as `make msi` makes them, each twice, with an authority of the test's own; it takes minutes."""
    folder = tmp_path_factory.mktemp("shipped")
    authority = Authority(folder / "authority")
    archive = signed_again(embedded_python(ROOT / "build" / "windows"), authority.signer(PSF), folder / "python")
    given = ("--python", archive, "--python-hash", sha256(archive), "--roots", authority.root)
    signer = authority.signer("An office")
    signing = ("--certificate", signer.certificate, "--key", signer.key)
    assert main([str(one) for one in (*given, *signing, "--out", folder / "out")]) == 0
    made = {one: folder / "out" / f"{one.machine.package}-{version('cekalwatch')}.msi" for one in PRODUCTS}
    for installer in made.values():
        verify = ("osslsigncode", "verify", "-in", installer, "-CAfile", authority.root)
        assert subprocess.run(verify, stdout=subprocess.DEVNULL, check=False).returncode == 0
    return made


@pytest.fixture(scope="session")
def trees(shipped: Mapping[Product, Path], tmp_path_factory: pytest.TempPathFactory) -> Mapping[Product, Path]:
    """What is installed on a PC, by product."""
    out = tmp_path_factory.mktemp("trees")
    for product, installer in shipped.items():
        subprocess.run(
            ["msiextract", "--directory", out / product.kind, installer], stdout=subprocess.DEVNULL, check=True
        )
    return {one: next((out / one.kind).rglob("pythonw.exe")).parent for one in shipped}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for longer: under Wine with other work, everything takes long."""
    monkeypatch.setattr(alert_server, "WAIT_S", 280.0)

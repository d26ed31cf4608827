"""A token that speaks PKCS#11 and is made of software (SoftHSM, of Debian): it can be pulled out and plugged in."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pkcs11
import pytest

PIN = "246810"
SO_PIN = "13579111"
LABEL = "cekalwatch"


def module_path() -> Path:
    found = sorted(Path("/usr/lib").glob("**/libsofthsm2.so"))
    assert found, "SoftHSM is missing: apt-get install softhsm2"
    return found[0]


@dataclass
class SoftToken:
    """A token in a folder of its own. One at a time in a process: the module reads where it is when it starts."""

    folder: Path
    module: Path = field(default_factory=module_path)

    def __post_init__(self) -> None:
        self.tokens.mkdir(parents=True)
        self.configuration.write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\n")
        os.environ["SOFTHSM2_CONF"] = str(self.configuration)  # the module reads the process's own environment
        self.init(LABEL)
        self.pin_file.write_text(PIN)
        self.pin_file.chmod(0o600)

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def configuration(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    def init(self, label: str) -> None:
        """Put one more token into the reader."""
        pins = ("--pin", PIN, "--so-pin", SO_PIN)
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, *pins], check=True, capture_output=True
        )

    def uri(self, key: str, token: str = LABEL) -> str:
        """Where a key of that name is."""
        query = f"module-path={quote(str(self.module))}&pin-source=file:{quote(str(self.pin_file))}"
        return f"pkcs11:token={quote(token)};object={quote(key)}?{query}"

    def pull_out(self) -> None:
        self.tokens.rename(self.folder / "pulled out")

    def plug_in(self) -> None:
        (self.folder / "pulled out").rename(self.tokens)


def restart(module: Path) -> None:
    """Let the module end, so that it reads its configuration at its next use."""
    with contextlib.suppress(pkcs11.PKCS11Error):  # its token is pulled out: it has not begun then
        pkcs11.lib(str(module)).finalize()


@contextmanager
def soft_token(folder: Path) -> Iterator[SoftToken]:
    """Give a token; the module has ended afterwards, and the environment is as it was."""
    if not shutil.which("softhsm2-util"):
        pytest.fail("SoftHSM is missing: apt-get install softhsm2")
    before = os.environ.get("SOFTHSM2_CONF")
    token = SoftToken(folder)
    restart(token.module)
    try:
        yield token
    finally:
        restart(token.module)
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before

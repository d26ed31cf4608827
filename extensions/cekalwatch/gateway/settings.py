"""The gateway's settings: a TOML file, environment variables `CEKALWATCH_GATEWAY_…`, command line options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import platformdirs
from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import refuse_shared
from cekalwatch.program.web_settings import WebSettings
from cekalwatch.wire.address import address_form

MIN_KEY: Final = 32
MAX_KEY: Final = 512
"""Characters of the key in `key_file`."""
_FOLDER: Final = Path(platformdirs.user_data_dir("cekalwatch-gateway", appauthor=False))
DEFAULT_TLS_DIR: Final = _FOLDER / "tls"
DEFAULT_KEY_FILE: Final = _FOLDER / "gateway.key"
DEFAULT_LISTEN: Final = "127.0.0.1:8444"


class GatewaySettings(WebSettings):
    """Every setting of `cekalwatch-gateway`, with its default."""

    model_config = SettingsConfigDict(env_prefix="CEKALWATCH_GATEWAY_")

    tls_dir: Path = DEFAULT_TLS_DIR
    """Folder with certificate.pem, key.pem and authority.pem of this device, of the role notifier. While it does not
    exist, plaintext is spoken, and only to a server on this machine."""
    listen: Annotated[str, AfterValidator(address_form)] = DEFAULT_LISTEN
    """HOST:PORT at which the other system calls the gateway; 0.0.0.0 for all addresses of this machine."""
    key_file: Path = DEFAULT_KEY_FILE
    """File that nobody else may read, with the key that callers send: 32 to 512 characters of ASCII."""
    max_list_bytes: Annotated[int, Field(ge=1000, le=256_000_000)] = 32_000_000
    """Largest list file that is taken, in bytes."""

    def caller_key(self) -> bytes:
        """Return the key that callers send; raises ProgramError."""
        try:
            refuse_shared("the key of callers", self.key_file, self.key_file.stat().st_mode, "make a new key")
            key = self.key_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise ProgramError(f"{self.key_file} cannot be read: {error.strerror}. {NEW_KEY}", Exit.CONFIG) from None
        except UnicodeDecodeError:
            key = ""
        if not MIN_KEY <= len(key) <= MAX_KEY:
            raise ProgramError(
                f"{self.key_file} has no key of {MIN_KEY} to {MAX_KEY} characters. {NEW_KEY}", Exit.CONFIG
            )
        return key.encode()


NEW_KEY: Final = "A new key: openssl rand -hex 32, into a file of mode 600 that the setting key_file names"

"""The settings of a gateway: one TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from cekalwatch.client.errors import SetUpError
from cekalwatch.wire.address import address_form, is_loopback
from cekalwatch.wire.tls import TlsError, require_private

MIN_KEY: Final = 32
MAX_KEY: Final = 512
"""Characters of the key in `key_file`."""

Address = Annotated[str, AfterValidator(address_form)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class GatewaySettings:
    """Every setting of `cekalwatch-gateway`, with its default."""

    servers: Annotated[tuple[Address, ...], Field(min_length=1, max_length=16)]
    """HOST:PORT of the server, or of each of several that share a database."""
    tls_dir: Path
    """Folder with certificate.pem, key.pem and authority.pem of this device, of the role notifier."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    """Name of this device, as its certificate has it."""
    key_file: Path
    """File that nobody else may read, with the key that callers send: 32 to 512 characters of ASCII."""
    listen: Address = "127.0.0.1:8444"
    """HOST:PORT at which it listens."""
    certificate: Path | None = None
    """Certificate that callers see, with its chain, PEM. Without it, this machine alone is served, in plaintext."""
    key: Path | None = None
    """Private key of `certificate`, PEM."""
    max_list_bytes: Annotated[int, Field(ge=1000, le=256_000_000)] = 32_000_000
    """Largest list file that is taken, in bytes."""

    def __post_init__(self) -> None:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key go together: set both, or neither")
        if self.certificate is None and not is_loopback(self.listen):
            raise ValueError(f"{self.listen} is for other machines too: set certificate and key")

    def caller_key(self) -> bytes:
        """Return the key that callers send; raises SetUpError."""
        try:
            require_private(self.key_file)
            key = self.key_file.read_text(encoding="ascii").strip()
        except TlsError as error:
            raise SetUpError(str(error).replace("private key", "key")) from None
        except (OSError, UnicodeDecodeError):
            key = ""
        if not MIN_KEY <= len(key) <= MAX_KEY:
            raise SetUpError(f"{self.key_file} has no key of {MIN_KEY} to {MAX_KEY} characters: openssl rand -hex 32")
        return key.encode()


def load(file: Path) -> GatewaySettings:
    """Read the settings; raises SetUpError, which names the setting and shows no value."""
    try:
        return TypeAdapter(GatewaySettings).validate_python(tomllib.loads(file.read_text("utf-8")))
    except OSError as error:
        raise SetUpError(f"{file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetUpError(f"{file} is no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise SetUpError(f"{file}: {'.'.join(map(str, first['loc'])) or 'settings'}: {first['msg']}") from None

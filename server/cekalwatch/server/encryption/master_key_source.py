"""Where the master key comes from: a file, an environment variable, a command that prints it, or a token that keeps it.

Errors say what to do, and never show the text that was read.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import create_private, refuse_shared
from cekalwatch.server.encryption.master_key import MasterKey, SecretMasterKey
from cekalwatch.server.hardware.opening import open_token
from cekalwatch.server.hardware.uri import SCHEME, TokenUri

if TYPE_CHECKING:
    from cekalwatch.server.hardware.token import Token

COMMAND_TIMEOUT_S = 30.0
HOW_TO_MAKE = "make one with: openssl rand -base64 32"


class MasterKeySource(Protocol):
    """One way to get the master key."""

    @property
    def name(self) -> str:
        """Name of the source for messages."""

    def read(self) -> MasterKey:
        """Return the key; raises ProgramError when there is none, or its source is not safe."""

    def read_or_make(self) -> MasterKey:
        """Return the key; make it first if this source can; raises ProgramError."""
        return self.read()


@dataclass(frozen=True)
class KeyFile(MasterKeySource):
    """A file that only its owner can read; it is made with a new key at first use."""

    path: Path

    @property
    def name(self) -> str:
        """The path, in words."""
        return f"the file {self.path}"

    def read(self) -> MasterKey:
        """Return the key; refuses a file that others can read."""
        try:
            with self.path.open(encoding="ascii") as file:
                mode = os.fstat(file.fileno()).st_mode
                refuse_shared("the master key", self.path, mode, "consider who may have read it")
                return _key(file.read(), self.name)
        except FileNotFoundError:
            raise ProgramError(
                f"There is no master key in {self.path}, and the database is sealed with one. Put the file back from "
                "where it is kept, or set master_key_from to where the key is",
                Exit.CONFIG,
            ) from None
        except UnicodeDecodeError:
            raise _wrong(self.name) from None
        except OSError as error:
            raise ProgramError(f"Cannot read the master key in {self.path}: {error.strerror}", Exit.CONFIG) from None

    def read_or_make(self) -> MasterKey:
        """Return the key, made first if there is none. If two programs start at once, one uses the other's key."""
        try:
            if not self.path.exists():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                create_private(self.path, f"{SecretMasterKey.generate().text}\n".encode("ascii"))
        except OSError as error:
            raise ProgramError(f"Cannot make the master key in {self.path}: {error.strerror}", Exit.CONFIG) from None
        return self.read()


@dataclass(frozen=True)
class KeyVariable(MasterKeySource):
    """An environment variable that holds the key."""

    variable: str

    @property
    def name(self) -> str:
        """The variable, in words."""
        return f"the environment variable {self.variable}"

    def read(self) -> MasterKey:
        """Return the key that the variable holds."""
        return _key(os.environ.get(self.variable, ""), self.name)


@dataclass(frozen=True)
class KeyCommand(MasterKeySource):
    """A command that prints the key, such as one that asks a key store. It runs without a shell."""

    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The program only, since arguments may be secret."""
        return f"the command {self.arguments[0]}"

    def read(self) -> MasterKey:
        """Return the key that the command prints. What it writes to standard error is shown: it is meant for people."""
        try:
            run = subprocess.run(self.arguments, check=True, stdout=subprocess.PIPE, timeout=COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{self.name} did not print a master key in time", Exit.CONFIG) from None
        except subprocess.CalledProcessError as error:
            raise ProgramError(f"{self.name} failed with exit code {error.returncode}", Exit.CONFIG) from None
        except OSError as error:
            raise ProgramError(f"Cannot run {self.name}: {error.strerror}", Exit.CONFIG) from None
        return _key(run.stdout.decode("ascii", errors="replace"), self.name)


class TokenMasterKey(MasterKey):
    """A secret key in a token, which computes with it and never reveals it."""

    def __init__(self, token: Token) -> None:
        self._token = token

    @cached_property
    def key_id(self) -> str:
        """As with every master key; the token is asked once."""
        return super().key_id

    def derive(self, data: bytes) -> bytes:
        """Return the HMAC-SHA256 of `data` under the key; raises TokenError."""
        return self._token.hmac(data)


@dataclass(frozen=True)
class KeyToken(MasterKeySource):
    """A token that speaks PKCS#11; it makes the key at first use when it holds none of that name."""

    uri: TokenUri

    @property
    def name(self) -> str:
        """The key and the token, in words."""
        return str(self.uri)

    def read(self) -> MasterKey:
        """Return the key; raises TokenError when the token is away, or holds none."""
        return self._asked(open_token(self.uri))

    def read_or_make(self) -> MasterKey:
        """Return the key, which the token makes first when it holds none."""
        token = open_token(self.uri)
        if not token.has_secret():
            token.make_secret()
        return self._asked(token)

    def _asked(self, token: Token) -> MasterKey:
        key = TokenMasterKey(token)
        key.key_id  # noqa: B018  # reports an absent or unsuitable token at the start
        return key


def parse_source(text: str, data_dir: Path | None = None) -> MasterKeySource:
    """Read "file:PATH", "env:NAME", "command:PROGRAM ARGUMENTS" or a PKCS#11 URI; raises ValueError.

    Refused PINs of a token are remembered in `data_dir`.
    """
    kind, _, rest = text.partition(":")
    match kind:
        case "file" if rest:
            return KeyFile(Path(rest))
        case "env" if rest:
            return KeyVariable(rest)
        case "command" if arguments := tuple(shlex.split(rest)):
            return KeyCommand(arguments)
        case _ if kind == SCHEME:
            return KeyToken(TokenUri.parse(text, data_dir))
    # The message omits the text: it may contain the key.
    raise ValueError("write file:PATH, env:NAME, command:PROGRAM ARGUMENTS or a PKCS#11 URI")


def _key(text: str, name: str) -> MasterKey:
    try:
        return SecretMasterKey.from_text(text)
    except ValueError:
        raise _wrong(name) from None


def _wrong(name: str) -> ProgramError:
    return ProgramError(f"There is no master key in {name}: 32 bytes in Base64 are wanted; {HOW_TO_MAKE}", Exit.CONFIG)

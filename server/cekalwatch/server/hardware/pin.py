"""Where the PIN of a token comes from: a file that only its owner can read, or an environment variable."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.secret_files import refuse_shared

MAX_PIN_BYTES = 256


@dataclass(frozen=True)
class PinSource:
    """One of both."""

    file: Path | None = None
    variable: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "file:PATH", a path, or "env:NAME"; raises ValueError."""
        kind, _, rest = text.partition(":")
        if kind == "env" and rest:
            return cls(variable=rest)
        path = rest if kind == "file" else text
        if path.startswith("//"):  # file:///etc/cekalwatch/pin
            path = "/" + path.lstrip("/")
        if not Path(path).is_absolute():
            raise ValueError("pin-source= is file:PATH with a whole path, or env:NAME")
        return cls(file=Path(path))

    @property
    def name(self) -> str:
        """How a person knows it."""
        return f"the file {self.file}" if self.file else f"the environment variable {self.variable}"

    def read(self) -> str:
        """Return the PIN; raises ProgramError when there is none, or others can read its file."""
        pin = self._content().strip()
        if not pin:
            raise ProgramError(f"There is no PIN in {self.name}", Exit.CONFIG)
        return pin

    def _content(self) -> str:
        if self.file is None:
            return os.environ.get(self.variable, "")
        try:
            with self.file.open(encoding="utf-8") as stream:
                refuse_shared("the PIN", self.file, os.fstat(stream.fileno()).st_mode, "change the PIN")
                return stream.read(MAX_PIN_BYTES)
        except UnicodeDecodeError:
            raise ProgramError(f"There is no PIN in {self.name}", Exit.CONFIG) from None
        except OSError as error:
            raise ProgramError(f"Cannot read the PIN in {self.file}: {error.strerror}", Exit.CONFIG) from None

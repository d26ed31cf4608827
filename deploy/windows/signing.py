"""Signs an installer with the certificate of who makes it, as Windows looks for it (Authenticode)."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.release.wheel import ReleaseError


@dataclass(frozen=True)
class Signer:
    """A code-signing certificate, and the authority that says when something was signed."""

    certificate: Path
    """PEM: the certificate, and those that lead from it to a root."""
    key: Path
    """PEM; osslsigncode asks for its password itself."""
    timestamp_url: str | None
    """Of an authority after RFC 3161; without a time stamp, a signature ends with its certificate."""

    def sign(self, installer: Path, title: str) -> None:
        """Sign `installer`, which Windows then calls `title`. Raises ReleaseError."""
        signed = installer.with_suffix(".signed")
        command = ["osslsigncode", "sign", "-h", "sha256", "-certs", str(self.certificate), "-key", str(self.key)]
        command += ["-n", title, *(("-ts", self.timestamp_url) if self.timestamp_url else ())]
        command += ["-in", str(installer), "-out", str(signed)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise ReleaseError(f"{installer.name} cannot be signed with {self.certificate}:\n{done.stdout[-2000:]}")
        signed.replace(installer)

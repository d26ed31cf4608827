"""A clean Debian in a folder, in which commands run as on a machine of its own; what is installed there stays there.

It has no service manager: units are judged by systemd's own tools, and their commands are started as they are written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

WAIT_S = 300.0
_ENTER = """
root=$1 network=$2 stick=$3; shift 3
test "$network" = offline && ip link set lo up
test -n "$stick" && mkdir -p "$root/media/usb" && mount --bind "$stick" "$root/media/usb"
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && exec chroot "$root" "$@"
"""


@dataclass(frozen=True)
class CleanDebian:
    """One machine."""

    root: Path
    network: Path | None = None
    """Network namespace in which commands run; None: this machine's own."""
    stick: Path | None = None
    """What is mounted at /media/usb."""

    @classmethod
    def unpacked(cls, archive: Path, root: Path) -> CleanDebian:
        """Make it from an archive of mmdebstrap, with this machine's ways to Debian's mirrors."""
        root.mkdir(parents=True)
        subprocess.run(["tar", "--numeric-owner", "-xf", archive, "-C", root], check=True)
        for name in ("etc/resolv.conf", "etc/apt/apt.conf.d"):
            source, target = Path("/") / name, root / name
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)
        # Nothing here has to outlive a power cut; dpkg waits for the disk at each file otherwise.
        (root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
        return cls(root)

    def command(
        self, command: Sequence[str], account: str, environment: Mapping[str, str], *, offline: bool = False
    ) -> list[str]:
        """Return what runs `command` there as `account`, with an environment of its own and its process id."""
        variables = {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "COLUMNS": "200"} | dict(environment)
        given = ["env", *(f"{name}={value}" for name, value in variables.items())]
        as_account = ["setpriv", "--reuid", account, "--regid", self._group(account), "--init-groups", "--reset-env"]
        inside = [*(as_account if account != "root" else []), *given, *command]
        namespaces = ["--mount", *(["--net"] if offline else [])]
        network = "offline" if offline else "online"
        within = ["nsenter", f"--net={self.network}"] if self.network and not offline else []
        enter = ["bash", "-ec", _ENTER, "-", str(self.root), network, str(self.stick or "")]
        return [*within, "unshare", *namespaces, *enter, *inside]

    def _group(self, account: str) -> str:
        """Return the number of the account's own group; that of `nobody` has another name."""
        accounts = (line.split(":") for line in (self.root / "etc/passwd").read_text().splitlines())
        return next(group for name, _, _, group, *_ in accounts if name == account)

    def run(
        self,
        *command: str,
        account: str = "root",
        typed: str = "",
        offline: bool = False,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(command, account, environment, offline=offline),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )

    def works(
        self,
        *command: str,
        account: str = "root",
        typed: str = "",
        offline: bool = False,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Run a command that must end well, and return what it printed."""
        done = self.run(*command, account=account, typed=typed, offline=offline, environment=environment)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(
        self, *command: str, account: str, log: Path, environment: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.Popen[bytes]:
        """Start a command, whose output goes to `log`."""
        with log.open("ab") as output:
            return subprocess.Popen(
                self.command(command, account, environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def install(self, *packages: Path, recommended: bool = False, offline: bool = False) -> str:
        """Install packages by apt, which brings what they depend on, and return what it printed."""
        for package in packages:
            shutil.copy(package, self.root / "tmp" / package.name)
        if not offline:
            self.works("apt-get", "update", "-q")
        recommends = [] if recommended else ["--no-install-recommends"]
        names = [f"/tmp/{package.name}" for package in packages]  # noqa: S108  # of the other machine
        return self.works("apt-get", "install", "-q", "-y", *recommends, *names, offline=offline)

    def copied(self, root: Path) -> CleanDebian:
        """Make another machine that is the same up to now."""
        root.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", "--one-file-system", self.root, root], check=True)
        return replace(self, root=root)

    def write(self, path: str, text: str) -> None:
        """Write a file that all accounts may read."""
        (self.root / path.lstrip("/")).write_text(text)

    def has(self, path: str) -> bool:
        """Whether there is something."""
        return os.path.lexists(self.root / path.lstrip("/"))

"""Images under the names of those in compose.yaml that come from a registry, which tests do not reach.

They are made of Debian's packages, and do with compose.yaml's variables, arguments and volumes what their makers'
images do.
"""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import ROOT

COMPOSE = ROOT / "deploy/container/compose.yaml"

Run = Callable[..., object]
"""Runs a command on the storage in which containers are."""


@dataclass(frozen=True)
class StandIn:
    """One of them."""

    service: str
    packages: Sequence[str]
    containerfile: str
    entrypoint: str = ""
    folder: str = "/tmp"  # noqa: S108  # of the image
    """One that account nobody may write."""

    @property
    def image(self) -> str:
        """The name that compose.yaml gives the image of its service."""
        (found,) = re.findall(rf"^  {self.service}:\n    image: (\S+)$", COMPOSE.read_text(), re.MULTILINE)
        return str(found)

    def make(self, folder: Path, run: Run) -> None:
        """Make the image, and leave nothing in `folder`."""
        folder.mkdir()
        root = folder / "root.tar"
        release = platform.freedesktop_os_release()["VERSION_CODENAME"]
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(self.packages)}"]
        command += ["--dpkgopt=force-unsafe-io"]  # no power cut has to be outlived here
        nobodys = f'--customize-hook=chroot "$1" install -d -m 1777 -o nobody -g nogroup {self.folder}'
        command += [nobodys, release, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (folder / "Containerfile").write_text(f"FROM scratch\nADD root.tar /\n{self.containerfile}")
        (folder / "entrypoint").write_text(self.entrypoint)
        (folder / "entrypoint").chmod(0o755)
        form = ("--quiet", "--format", "docker", "--isolation", "chroot")
        run("buildah", "build", *form, "--tag", self.image, str(folder))
        root.unlink()


POSTGRES = StandIn(
    "postgres",
    ("postgresql",),
    'COPY entrypoint /entrypoint\nENTRYPOINT ["/entrypoint"]\nVOLUME ["/var/lib/postgresql/data"]\nSTOPSIGNAL SIGINT\n',
    """#!/bin/sh
# As docker.io/library/postgres: root prepares the folder and reads the secret, postgres does the rest.
set -eu
data=/var/lib/postgresql/data
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
if [ "$(id -u)" = 0 ]; then
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export POSTGRES_PASSWORD
    chown postgres "$data" /run/postgresql
    chmod 700 "$data"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0"
fi
if [ ! -s "$data/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" > /tmp/password
    initdb -D "$data" --encoding=UTF8 --username="$POSTGRES_USER" --pwfile=/tmp/password $POSTGRES_INITDB_ARGS
    rm /tmp/password
    pg_ctl -D "$data" -o "-c listen_addresses=''" -w start
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -D "$data" -m fast -w stop
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
fi
unset POSTGRES_PASSWORD
exec postgres -D "$data" -c listen_addresses='*'
""",
)
PROMETHEUS = StandIn(
    "prometheus",
    ("prometheus",),
    'USER nobody\nVOLUME ["/prometheus"]\nENTRYPOINT ["/usr/bin/prometheus"]\n',
    folder="/prometheus",
)

"""Images under the names of those in compose.yaml that come from a registry, which tests do not reach.

They are made of Debian's packages, and do with compose.yaml's variables, arguments and volumes what their makers'
images do.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.packaging.debian.containers import Containers
from tests.support.repository import ROOT

COMPOSE = ROOT / "deploy/container/compose.yaml"
BASE = "localhost/stand-ins"


@dataclass(frozen=True)
class StandIn:
    """One of them."""

    service: str
    containerfile: str
    entrypoint: str = ""

    @property
    def image(self) -> str:
        """The name that compose.yaml gives the image of its service."""
        (found,) = re.findall(rf"^  {self.service}:\n    image: (\S+)$", COMPOSE.read_text(), re.MULTILINE)
        return str(found)


POSTGRES = StandIn(
    "postgres",
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
PROMETHEUS = StandIn("prometheus", 'USER nobody\nVOLUME ["/prometheus"]\nENTRYPOINT ["/usr/bin/prometheus"]\n')


def make_stand_ins(containers: Containers, kept: Path) -> None:
    """Make the images, of one Debian with both programs, whose archive stays in `kept` for later runs."""
    containers.run("podman", "import", "--quiet", _debian(containers, kept), BASE)
    for one in (POSTGRES, PROMETHEUS):
        folder = containers.folder / one.service
        folder.mkdir()
        (folder / "Containerfile").write_text(f"FROM {BASE}\n{one.containerfile}")
        (folder / "entrypoint").write_text(one.entrypoint)
        (folder / "entrypoint").chmod(0o755)
        form = ("--quiet", "--pull=never", "--format", "docker", "--isolation", "chroot")
        containers.run("buildah", "build", *form, "--tag", one.image, folder)


def _debian(containers: Containers, kept: Path) -> Path:
    """Return the archive, made when there is none of this release by the same command."""
    command: Sequence[str] = (
        *("mmdebstrap", "--quiet", "--format=tar", "--variant=minbase", "--include=postgresql,prometheus"),
        "--dpkgopt=force-unsafe-io",  # no power cut has to be outlived here
        '--customize-hook=chroot "$1" install -d -m 1777 -o nobody -g nogroup /prometheus',
        platform.freedesktop_os_release()["VERSION_CODENAME"],
    )
    archive = kept / f"{hashlib.sha256(repr(command).encode()).hexdigest()[:16]}.tar"
    if not archive.exists():
        kept.mkdir(parents=True, exist_ok=True)
        for left in (file for file in kept.glob("*.new") if not psutil.pid_exists(int(file.stem))):
            left.unlink()  # of a run that was killed
        draft = kept / f"{os.getpid()}.new"
        try:
            containers.build(*command, draft, cwd=kept)
            draft.rename(archive)
        finally:
            draft.unlink(missing_ok=True)
    return archive

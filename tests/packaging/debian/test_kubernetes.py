"""The pods of the Helm chart, played by podman: their commands, settings, mounts and secrets, on a PostgreSQL outside.

podman knows no StatefulSet, so a pod and a claim are made of it as Kubernetes makes them. PostgreSQL is this machine's
own, in the network of the containers.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.container.__main__ import ACCOUNT_ID
from tests.packaging.debian.containers import WAIT_S, Containers, ContainersRefusedError, own_containers
from tests.support.repository import ROOT
from tests.support.tools.helm_render import CHART, rendered

pytestmark = pytest.mark.timeout(1800)

VERSION = version("cekalwatch")
PROGRAMS = ("podman", "buildah", "runc", "nft", "/usr/libexec/podman/catatonit", "openssl")
POD = "port-server-0"
GATEWAY = "10.88.0.1"
"""This machine, as podman's network has it."""
PASSWORD = r"a:b\c d"  # what a file of passwords must have escaped
ANSWERS = f"""\
office = "Kantor Imigrasi Batam"
hosts = ["localhost", "{POD}"]
administrator = "sari"
administrator_name = "Sari Dewi"
database_url = "postgresql://cekalwatch@{GATEWAY}/cekalwatch?sslmode=verify-full&sslrootcert=/given/ca.crt&passfile=/given/pgpass"

[[sites]]
site = "batam-center"
time_zone = "Asia/Jakarta"

[[consoles]]
site = "batam-center"
name = "console"
hosts = ["konsol.batam.local"]
"""
HEALTH = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9465/healthz', timeout=8).read().decode())"


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    if missing := [name for name in PROGRAMS if not shutil.which(name)]:
        pytest.skip(f"containers cannot run here: {', '.join(missing)} is missing")
    try:
        with own_containers(tmp_path_factory.mktemp("containers") / "own") as made:
            yield made
    except ContainersRefusedError as refused:
        pytest.skip(f"containers cannot run here: {refused}")


@pytest.fixture(scope="module")
def images(containers: Containers) -> Containers:
    """The storage with both images, made of the packages or, where there is one, from CEKALWATCH_IMAGES."""
    made = Path(os.environ.get("CEKALWATCH_IMAGES", containers.folder / "images"))
    if not made.exists():
        packages = os.environ["CEKALWATCH_PACKAGES"]
        make = (sys.executable, "-m", "deploy.container", "--packages", packages, "--out", str(made))
        containers.build(*make, cwd=ROOT)
    for image in made.glob("*.tar"):
        containers.run("podman", "load", "--quiet", "--input", image)
    return containers


SET_UP = f"""
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
mkdir -m 700 /run/outside && cd /run/outside
printf %s "$1" > password
openssl req -x509 -newkey rsa:2048 -nodes -days 3 \\
    -keyout key -out certificate -subj /CN={GATEWAY} -addext subjectAltName=IP:{GATEWAY}
chown -R postgres . && chmod 600 key
as_postgres() {{ setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }}
as_postgres initdb -D data --username=cekalwatch --pwfile=password --encoding=UTF8
echo "hostssl all all all scram-sha-256
local all all trust" > data/pg_hba.conf
echo "listen_addresses = '*'
unix_socket_directories = '/run/outside'
ssl = on
ssl_cert_file = '/run/outside/certificate'
ssl_key_file = '/run/outside/key'" >> data/postgresql.conf
as_postgres pg_ctl -D data -w -l log start
createdb --host /run/outside --username=cekalwatch cekalwatch
"""


@pytest.fixture(scope="module")
def authority(images: Containers) -> str:
    """Who signs for PostgreSQL on this side of podman's bridge. It asks for TLS and a password."""
    images.run("sh", "-ec", SET_UP, "-", PASSWORD)
    return images.run("cat", "/run/outside/certificate")


def secret(name: str, **files: bytes) -> dict[str, Any]:
    data = {key: base64.b64encode(value).decode() for key, value in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def config_map(name: str, **files: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": files}


def of_folder(name: str, folder: Path) -> dict[str, Any]:
    return secret(
        name, **{file: (folder / file).read_bytes() for file in ("certificate.pem", "key.pem", "authority.pem")}
    )


def first_pod(stateful_set: dict[str, Any]) -> list[dict[str, Any]]:
    """The first pod of a StatefulSet and its claim, as the controller makes them."""
    template = stateful_set["spec"]["template"]
    (claim,) = stateful_set["spec"]["volumeClaimTemplates"]
    name = f"{claim['metadata']['name']}-{POD}"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    }
    pod["spec"]["volumes"].append({"name": "data", "persistentVolumeClaim": {"claimName": name}})
    return [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": claim["spec"]},
        pod,
    ]


def until(happens: Callable[[], bool], what: Callable[[], str]) -> None:
    last = time.monotonic() + WAIT_S
    while not happens():
        assert time.monotonic() < last, what()
        time.sleep(2)


def test_rendered_pods_serve_on_a_database_outside(images: Containers, authority: str) -> None:
    given, site = images.folder / "given", images.folder / "site"
    for folder in (given, site):
        folder.mkdir()
    (given / "ca.crt").write_text(authority)
    (given / "ca.crt").chmod(0o644)
    (given / "pgpass").write_text("*:*:*:*:" + PASSWORD.replace("\\", "\\\\").replace(":", "\\:") + "\n")
    (given / "answers.toml").write_text(ANSWERS)
    (site / "data").mkdir()
    for path in (given / "pgpass", given / "answers.toml", site / "data", site, given):
        shutil.chown(path, ACCOUNT_ID, ACCOUNT_ID)
        path.chmod(0o700 if path.is_dir() else 0o600)
    # The site is made on the machine of the authority.
    server = f"localhost/cekalwatch-server:{VERSION}"
    on_it = (
        "podman",
        "run",
        "--rm",
        "--tmpfs=/tmp",
        f"--volume={given}:/given",
        f"--volume={site}:/etc/cekalwatch",
        f"--volume={site}/data:/var/lib/cekalwatch",
    )
    images.run(*on_it, server, "init", "--answers", "/given/answers.toml", "--sheets", "/etc/cekalwatch/sheets")
    issue = ("pki", "issue", "--role", "server", "--name", "port-0", "--host", POD, "--out", "/etc/cekalwatch/port-0")
    images.run(*on_it, server, *issue)

    values = yaml.safe_load((CHART / "ci/two-servers-values.yaml").read_text())
    values["server"] |= {"replicas": 1, "certificates": ["cekalwatch-tls-0"]}
    values["server"]["database"]["hosts"] = [f"{GATEWAY}:5432"]
    values["console"]["serverAddresses"] = [f"{POD}:50051"]
    (answer,) = rendered([values])
    assert isinstance(answer, dict), answer
    made = [one for text in answer.values() for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    (settings,) = (one for one in made if one["kind"] == "ConfigMap")
    (stateful_set,) = (one for one in made if one["kind"] == "StatefulSet")
    played = [
        secret("cekalwatch-master-key", **{"master.key": (site / "data/master.key").read_bytes()}),
        secret("cekalwatch-database", password=PASSWORD.encode()),
        of_folder("cekalwatch-tls-0", site / "port-0"),
        config_map("cekalwatch-database-ca", **{"ca.crt": authority}),
        config_map("cekalwatch-revocations", **{"revoked.pem": (site / "data/pki/revoked.pem").read_text()}),
        settings,
        *first_pod(stateful_set),
    ]
    file = images.folder / "server.yaml"
    file.write_text(yaml.safe_dump_all(played))
    images.run("podman", "kube", "play", "--replace", file)

    def said() -> str:
        names = images.run("podman", "ps", "--all", "--format", "{{.Names}} {{.Status}}").splitlines()
        logs = (images.try_("podman", "logs", "--tail", "20", name.split()[0]) for name in names)
        return "\n".join([*names, *(one.stdout + one.stderr for one in logs)])

    def within(*command: str) -> subprocess.CompletedProcess[str]:
        return images.try_("podman", "exec", f"{POD}-server", *command)

    def serving() -> bool:
        asked = within("/usr/lib/cekalwatch-server/bin/python", "-I", "-c", HEALTH)
        return asked.returncode == 0 and asked.stdout.strip() == "SERVING"

    until(serving, said)
    assert within("id", "-u").stdout.strip() == str(ACCOUNT_ID)
    assert "Read-only file system" in within("sh", "-c", "touch /usr/x").stderr
    assert within("stat", "-c", "%a", "/run/secrets/pgpass", "/run/secrets/master.key").stdout.split() == ["600", "400"]
    assert "sari" in within("cekalwatch-server", "people", "list").stdout
    checked = within("cekalwatch-server", "check").stdout
    assert "FAIL" not in checked, checked
    # What is asked of the image is what the probe of the chart asks.
    (container,) = stateful_set["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe"):
        done = within(*container[probe]["exec"]["command"])
        assert done.returncode == 0, done.stderr

"""The pods of the Helm chart, played by podman: their commands, settings, mounts and secrets, on a PostgreSQL outside.

podman knows no StatefulSet, so a pod and a claim are made of it as Kubernetes makes them. PostgreSQL is this machine's
own, in the network of the containers.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.container.__main__ import ACCOUNT_ID
from tests.packaging.debian.containers import Containers, containers_or_skip
from tests.support.tools.helm_render import CHART, rendered

pytestmark = pytest.mark.timeout(1800)

VERSION = version("cekalwatch")
PROGRAMS = ("podman", "buildah", "runc", "nft", "/usr/libexec/podman/catatonit", "openssl")
POD = "port-server-0"
OUTSIDE = "10.88.0.1"
"""This machine, as podman's network has it."""
PASSWORD = r"a:b\c d"  # what a file of passwords must have escaped
ANSWERS = f"""\
office = "Kantor Imigrasi Batam"
hosts = ["localhost", "{POD}"]
administrator = "sari"
administrator_name = "Sari Dewi"
database_url = "postgresql://cekalwatch@{OUTSIDE}/cekalwatch?sslmode=verify-full&sslrootcert=/given/ca.crt&passfile=/given/pgpass"

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
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """A storage with our image; skips where containers cannot run."""
    with containers_or_skip(tmp_path_factory.mktemp("containers") / "own", *PROGRAMS) as made:
        made.load_server_image()
        yield made


SET_UP = f"""
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
mkdir -m 700 /run/outside && cd /run/outside
printf %s "$1" > password
openssl req -x509 -newkey rsa:2048 -nodes -days 3 \\
    -keyout key -out certificate -subj /CN={OUTSIDE} -addext subjectAltName=IP:{OUTSIDE}
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
    """The first pod of a StatefulSet and its claim, as its controller makes them, with what podman leaves out.

    It fills in variables, has one memory for all containers of a pod, and gives Secrets to the group `fsGroup`; here
    the pod has the group of the Secrets.
    """
    template = yaml.safe_load(yaml.safe_dump(stateful_set["spec"]["template"]).replace("$(POD_NAME)", POD))
    (claim,) = stateful_set["spec"]["volumeClaimTemplates"]
    name = f"{claim['metadata']['name']}-{POD}"
    spec = template["spec"]
    for volume in spec["volumes"]:  # podman gives each container a memory of its own, and shares what is on the disk
        volume.get("emptyDir", {}).pop("medium", "")
    spec["volumes"].append({"name": "data", "persistentVolumeClaim": {"claimName": name}})
    spec["securityContext"] |= {"runAsGroup": 0}
    metadata = {"name": POD, "labels": template["metadata"]["labels"]}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": claim["spec"]},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
    ]


def test_the_rendered_pod_of_a_server_serves_on_a_database_outside(images: Containers, authority: str) -> None:
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
    values["server"]["database"]["hosts"] = [f"{OUTSIDE}:5432"]
    values["console"]["serverAddresses"] = [f"{POD}:50051"]
    (answer,) = rendered([values])
    assert isinstance(answer, dict), answer
    texts = (text for name, text in answer.items() if name.endswith(".yaml"))
    made = [one for text in texts for one in yaml.safe_load_all(text) if one]
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

    done = images.try_("podman", "kube", "play", "--network=podman", file)
    assert done.returncode == 0, f"{done.stderr}\n{images.logs()}"

    def within(*command: str) -> subprocess.CompletedProcess[str]:
        return images.try_("podman", "exec", f"{POD}-server", *command)

    def serving() -> bool:
        asked = within("/usr/lib/cekalwatch-server/bin/python", "-I", "-c", HEALTH)
        return asked.returncode == 0 and asked.stdout.strip() == "SERVING"

    images.until(serving, "serving")
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

"""What the files of the container say, compared with what the server has. The image is not made here: it takes long."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from pathlib import Path

import pytest

from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.answers import DEFAULT_ENROLMENT, DEFAULT_LISTEN
from cekalwatch.wire.address import split_address
from deploy.container.__main__ import ACCOUNT_ID, CONSOLE, IMAGES, SERVER, main
from deploy.container.image_file import without_traces
from deploy.container.images import check_base, read_digests, with_digests
from deploy.release.wheel import ReleaseError
from tests.support.repository import ROOT

IMAGE = SERVER.containerfile.read_text()
COMPOSE = (SERVER.containerfile.parent / "compose.yaml").read_text()
PAGE = (ROOT / "docs" / "container.md").read_text()
PORTS = [split_address(address)[1] for address in (DEFAULT_LISTEN, DEFAULT_ENROLMENT)]


def test_settings_of_the_image_are_settings_of_the_server(monkeypatch: pytest.MonkeyPatch):
    given = dict(re.findall(r"(CEKALWATCH_SERVER_\w+)=(\S+)", IMAGE))
    for name in [name for name in os.environ if name.startswith("CEKALWATCH_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    metrics = ServerSettings.load().metrics.listen
    assert metrics == "127.0.0.1:9465"
    assert f"http://{metrics}/healthz" in IMAGE
    assert f'"{metrics}"' in (ROOT / "deploy/monitoring/prometheus.yml").read_text()


def test_ports_are_those_that_init_chooses():
    assert re.findall(r"^EXPOSE (.+)$", IMAGE, re.MULTILINE) == [" ".join(map(str, PORTS))]
    assert [f"{port}:{port}" for port in PORTS] == re.findall(r'"(\d+:\d+)"', COMPOSE)


def test_port_of_the_console_is_that_of_its_settings():
    (port,) = re.findall(r"^EXPOSE (.+)$", CONSOLE.containerfile.read_text(), re.MULTILINE)
    assert split_address(ConsoleSettings().listen)[1] == int(port)


def test_volumes_are_what_the_package_makes():
    made = (ROOT / "deploy/packages/debian/cekalwatch-server.tmpfiles").read_text()
    (volumes,) = re.findall(r"^VOLUME (.+)$", IMAGE, re.MULTILINE)
    for folder in re.findall(r'"(/[a-z/]+)"', volumes):
        assert f"d {folder} " in made
        assert f":{folder}" in COMPOSE


def test_nothing_runs_as_root_and_no_secret_is_in_the_file():
    for image in IMAGES.values():
        assert f"USER {image.program}\n" in image.containerfile.read_text()
        assert f"HOME={image.home} " in image.containerfile.read_text()
    assert f"chown {ACCOUNT_ID} pgpass" in PAGE
    assert re.findall(r"^\s+(?:POSTGRES_PASSWORD|PGPASSWORD)\b", COMPOSE, re.MULTILINE) == []
    assert "read_only: true" in COMPOSE.split("\n  postgres:\n")[0]
    files = set(re.findall(r"file: \./secrets/(\S+)", COMPOSE))
    assert files == {"pgpass", "postgres_password", "answers.toml"}
    assert [name for name in files if name not in PAGE] == []


DIGESTS = {image: f"sha256:{number:064x}" for number, image in enumerate(read_digests())}


def test_a_release_names_images_of_others_by_digest():
    pinned = with_digests(COMPOSE, DIGESTS)
    images = re.findall(r"^    image: (\S+)", pinned, re.MULTILINE)
    assert len(images) == 3
    assert [image for image in images if not image.startswith("localhost/cekalwatch-server:")] == [
        f"{image.rpartition(':')[0]}@{digest}" for image, digest in DIGESTS.items()
    ]
    assert with_digests(pinned, {}) == pinned, "who has digests needs no list of them"


@pytest.mark.parametrize("digest", [None, "", "17", "sha256:abc", "sha256:" + "A" * 64])
def test_a_tag_without_a_digest_is_refused(digest: str | None):
    image = "docker.io/library/postgres:17"
    known = {name: value for name, value in DIGESTS.items() if name != image}
    with pytest.raises(ReleaseError, match=rf"{image} has no digest in images\.toml"):
        with_digests(COMPOSE, known if digest is None else known | {image: digest})


@pytest.mark.parametrize("base", ["debian:13", "debian", "--platform=linux/amd64 debian:13", "debian@sha256:abc"])
def test_a_base_image_without_a_digest_is_refused(base: str):
    check_base(IMAGE)
    check_base(f"FROM debian:13@sha256:{0:064x}\n")
    with pytest.raises(ReleaseError, match="by digest"):
        check_base(IMAGE.replace("FROM scratch", f"FROM {base}"))


def test_a_release_image_is_not_begun_without_digests(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The digests that are shipped are empty until who makes a release writes them."""
    assert main(["--key", str(tmp_path / "key"), "--packages", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    if all(read_digests().values()):
        assert "run make packages" in said
    else:
        assert "has no digest in images.toml" in said
    assert not (tmp_path / "out").exists()


def written_by_buildah(file: Path, container: str, layer: bytes) -> Path:
    """An image as buildah 1.39 writes it, in the parts that matter."""
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "container": container * 64,
        "container_config": {"Hostname": container * 12},
        "config": {"Hostname": container * 12, "Cmd": ["serve"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    described = json.dumps(config).encode()
    name = f"{hashlib.sha256(described).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": ["localhost/cekalwatch-server:1"], "Layers": [f"{digest}.tar"]}]
    parts = {f"{digest}.tar": layer, name: described, f"{container * 64}/VERSION": b"1.0"}
    parts["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(file, "w") as archive:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file


def test_an_image_does_not_name_the_container_that_it_was_built_in(tmp_path: Path):
    for container in ("a", "b"):
        without_traces(
            written_by_buildah(tmp_path / f"{container}.tar", container, b"layer"), tmp_path / f"{container}-out.tar"
        )
    first, second = ((tmp_path / f"{name}-out.tar").read_bytes() for name in ("a", "b"))
    assert first == second
    with tarfile.open(tmp_path / "a-out.tar") as archive:
        parts = {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]
    (described,) = json.loads(parts["manifest.json"])
    assert described["RepoTags"] == ["localhost/cekalwatch-server:1"]
    assert [parts[layer] for layer in described["Layers"]] == [b"layer"]
    config = parts[described["Config"]]
    assert described["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    assert json.loads(config)["config"]["Cmd"] == ["serve"]

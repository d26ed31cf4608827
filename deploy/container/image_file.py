"""The file of an image, written again so that the same content gives the same bytes.

buildah puts the random name and the host name of its working container into the description of each image.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import IO

OF_THE_BUILD = ("container", "container_config")


def without_traces(made: Path, out: Path) -> None:
    """Write the image in `made`, a docker-archive, to `out`, without what names the container that it was built in."""
    with tarfile.open(made) as before, tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as after:
        (image,) = json.loads(_read(before, "manifest.json"))
        description = json.loads(_read(before, image["Config"]))
        for name in OF_THE_BUILD:
            description.pop(name, None)
        description["config"]["Hostname"] = ""
        config = json.dumps(description, sort_keys=True).encode()
        image["Config"] = f"{hashlib.sha256(config).hexdigest()}.json"
        manifest = json.dumps([image], sort_keys=True).encode()
        _add(after, image["Config"], io.BytesIO(config), len(config))
        for layer in image["Layers"]:
            entry = before.getmember(layer)
            content = before.extractfile(entry)
            assert content
            _add(after, layer, content, entry.size)
        _add(after, "manifest.json", io.BytesIO(manifest), len(manifest))


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    content = archive.extractfile(name)
    assert content
    return content.read()


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o444
    archive.addfile(entry, content)

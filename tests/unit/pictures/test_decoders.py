"""Where pictures are decoded: in these places and no others, and each looks at the structure first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.repository import ROOT

FOLDERS = ("common", "server", "camera_client", "officer_notifier", "web_console", "extensions", "deploy")
DECODERS = frozenset(
    {"imdecode", "imdecodemulti", "imread", "imreadmulti", "imreadanimation", "imdecodeanimation"}
    | {"fromData", "loadFromData", "QImageReader", "QMovie", "frombuffer_jpeg"}
)
"""Calls that decode, by their names, whatever they are called on."""
OPENERS = frozenset({("Image", "open"), ("QImage", "load"), ("QPixmap", "load"), ("ImageFile", "Parser")})
FILES = frozenset({"QImage", "QPixmap", "QIcon"})
"""Classes that decode a file whose name they are given."""
PLACES = {
    "camera_client/cekalwatch/camera/sources/files.py": "read_photograph",
    "camera_client/cekalwatch/camera/detection/exercise_player.py": "read_plain_jpeg",
    "server/cekalwatch/server/recognition/photographs.py": "read_photograph",
    "server/cekalwatch/server/recognition/crops.py": "read_plain_jpeg",
    "officer_notifier/cekalwatch/notifier/desktop/widgets/picture_decoder.py": "read_plain_jpeg",
}
"""Each decoder, and what it calls before."""
OWN = {
    "deploy/demo/faces.py": 1,
}
"""What decodes only what it has encoded itself, and how often."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Each call of a module, by the name that is called."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node


def decodes(name: str, call: ast.Call) -> bool:
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    of = getattr(owner, "id", getattr(owner, "attr", ""))
    of_file = name in FILES and any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in call.args)
    return name in DECODERS or (of, name) in OPENERS or of_file


def test_pictures_are_decoded_in_these_places_only() -> None:
    found = {
        str(path.relative_to(ROOT)): sum(decodes(name, call) for name, call in calls(path))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {path: count for path, count in found.items() if count} == dict.fromkeys(PLACES, 1) | OWN


def test_each_of_them_reads_the_structure_first() -> None:
    for place, reader in PLACES.items():
        lines = {name: call.lineno for name, call in calls(ROOT / place) if name == reader or decodes(name, call)}
        assert min(lines, key=lines.__getitem__) == reader, place

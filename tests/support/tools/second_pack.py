"""A second model pack for tests: the pack `light` with its recogniser's numbers negated.

Within the pack it recognises as well as the pack `light`; a template of one and a probe of the other would get the
lowest scores of all for the same face, so that a comparison across models shows as a miss.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import onnx

from cekalwatch.vision.manifest import file_sha256, load_pack, write_manifest
from tests.support.tools.packs import MODELS, accurate_pack, light_pack, standard_pack

NAME = "negated"


@cache
def model_packs() -> Path:
    """Return a folder of model packs with `light`, `negated`, `standard` and `accurate`, made once for a run."""
    folder = MODELS.parent / f"two-models-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    two_packs(folder)
    for pack in (standard_pack(), accurate_pack()):
        shutil.copytree(pack, folder / pack.name)
    return folder


def two_packs(folder: Path) -> None:
    """Make a folder of model packs with `light` and `negated`."""
    shutil.copytree(light_pack(), folder / "light")
    shutil.copytree(light_pack(), folder / NAME)
    pack = load_pack(folder / NAME)
    network = pack.path(pack.recogniser.file)
    model = onnx.load(network)
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["before-negation" if name == output.name else name for name in node.output]
        node.input[:] = ["before-negation" if name == output.name else name for name in node.input]
    model.graph.node.append(onnx.helper.make_node("Neg", ["before-negation"], [output.name]))
    onnx.save(model, network)
    write_manifest(replace(pack, name=NAME, sha256=dict(pack.sha256) | {network.name: file_sha256(network)}))

"""Small networks of the same make as the real ones, run by onnxruntime before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from cekalwatch.server.recognition.engines.recogniser import TemplateError, normalised
from cekalwatch.server.recognition.packs.networks import (
    NetworkError,
    drop_tiny_weights,
    fold_constants,
    free_batch,
    free_sface,
    free_ultraface,
    free_yunet,
    joined,
    read_network,
    swap_input_colours,
)
from cekalwatch.vision.runtime import Tensor, open_session


def recogniser(seed: int = 0) -> onnx.ModelProto:
    """A convolution over three colours, then Reshape [1, -1]: 4x4 pixels to 8 numbers, for one face."""
    weights = np.random.default_rng(seed).normal(size=(2, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["input", "weights"], ["features"], kernel_shape=[3, 3]),
        helper.make_node("Reshape", ["features", "shape"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 8])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([1, -1], dtype=np.int64), "shape"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def run(model: onnx.ModelProto, faces: Tensor) -> Tensor:
    onnx.checker.check_model(model)
    (features,) = open_session(model.SerializeToString(), 1).run(None, {"input": faces})
    return features


FACES = np.random.default_rng(9).normal(size=(5, 3, 4, 4)).astype(np.float32)


def test_swapped_colours_give_the_same_from_swapped_pictures():
    model = recogniser()
    before = run(model, FACES[:1])
    swap_input_colours(model)
    assert run(model, np.ascontiguousarray(FACES[:1, ::-1])) == pytest.approx(before, abs=1e-6)
    assert run(model, FACES[:1]) != pytest.approx(before, abs=1e-3)


def test_a_freed_batch_gives_what_one_at_a_time_gave():
    single, batched = recogniser(), recogniser()
    free_batch(batched, 8)
    wanted = np.concatenate([run(single, face[None]) for face in FACES])
    assert run(batched, FACES) == pytest.approx(wanted, abs=1e-6)
    with pytest.raises(NetworkError, match="Reshape"):
        free_batch(batched, 8)


def test_dropping_tiny_weights_changes_no_result():
    model = recogniser()
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[0, 0] = 1e-38
    weights[1, 2, 0, 0] = -1e-40
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))
    before = run(model, FACES[:1])
    assert drop_tiny_weights(model) == 10
    assert np.array_equal(run(model, FACES[:1]), before)
    assert drop_tiny_weights(model) == 0


def ultraface_like() -> onnx.ModelProto:
    """One level with one anchor a place, and boxes decoded with constants for 4x4 places."""
    random = np.random.default_rng(1)
    anchors = random.uniform(size=(1, 16, 2)).astype(np.float32)
    values: dict[str, NDArray[Any]] = {
        "w_scores": random.normal(size=(2, 3, 1, 1)).astype(np.float32),
        "w_offsets": random.normal(size=(4, 3, 1, 1)).astype(np.float32),
        "two": np.array([1, -1, 2], dtype=np.int64),
        "four": np.array([1, -1, 4], dtype=np.int64),
        "starts": np.array([0], dtype=np.int64),
        "ends": np.array([2], dtype=np.int64),
        "axes": np.array([2], dtype=np.int64),
        "anchors": anchors,
    }
    nodes = [
        helper.make_node("Conv", ["input", "w_scores"], ["s1"]),
        helper.make_node("Transpose", ["s1"], ["s2"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["s2", "two"], ["s3"]),
        helper.make_node("Concat", ["s3"], ["s4"], axis=1),
        helper.make_node("Softmax", ["s4"], ["scores"], axis=2),
        helper.make_node("Conv", ["input", "w_offsets"], ["o1"]),
        helper.make_node("Transpose", ["o1"], ["o2"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["o2", "four"], ["o3"]),
        helper.make_node("Concat", ["o3"], ["joined"], axis=1),
        helper.make_node("Slice", ["joined", "starts", "ends", "axes"], ["centre"]),
        helper.make_node("Add", ["centre", "anchors"], ["moved"]),
        helper.make_node("Concat", ["moved", "moved"], ["boxes"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "ultraface",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 4, 4])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 16, 2]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 16, 4]),
        ],
        [numpy_helper.from_array(array, name) for name, array in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_ultraface_takes_any_size_and_gives_offsets_before_decoding():
    fixed, free = ultraface_like(), ultraface_like()
    free_ultraface(free)
    onnx.checker.check_model(free)
    old, new = open_session(fixed.SerializeToString(), 1), open_session(free.SerializeToString(), 1)
    picture = FACES[:1]
    scores, boxes = old.run(None, {"input": picture})
    same_scores, offsets = new.run(["scores", "offsets"], {"input": picture})
    anchors = next(numpy_helper.to_array(t) for t in fixed.graph.initializer if t.name == "anchors")
    assert np.array_equal(scores, same_scores)
    assert offsets[..., :2] + anchors == pytest.approx(boxes[..., :2], abs=1e-6)
    wide = np.zeros((1, 3, 5, 7), dtype=np.float32)
    assert new.run(None, {"input": wide})[1].shape == (1, 35, 4)


def stored_in_blocks() -> onnx.ModelProto:
    """The recogniser's convolution with weights as integers in blocks, each with a scale and a zero point of its own.

    All weights are inputs too, as in old networks, and one input is read by nobody.
    """
    random = np.random.default_rng(5)
    values: dict[str, NDArray[Any]] = {
        "quantized": random.integers(-127, 127, (2, 27), dtype=np.int8),
        "scales": random.uniform(0.001, 0.1, (2, 3)).astype(np.float32),
        "zeros": random.integers(-9, 9, (2, 3), dtype=np.int8),
        "shape": np.array([2, 3, 3, 3], dtype=np.int64),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["quantized", "scales", "zeros"], ["floats"], axis=1, block_size=9),
        helper.make_node("Reshape", ["floats", "shape"], ["shaped"]),
        helper.make_node("Transpose", ["shaped"], ["weights"], perm=[0, 1, 3, 2]),
        helper.make_node("Conv", ["input", "weights"], ["features"], kernel_shape=[3, 3]),
        helper.make_node("Flatten", ["features"], ["output"]),
    ]
    given = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 4, 4])]
    given += [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in values.items()
    ]
    graph = helper.make_graph(
        nodes,
        "blocks",
        [*given, helper.make_tensor_value_info("unread", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(array, name) for name, array in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_folded_weights_compute_what_the_stored_integers_did():
    model = stored_in_blocks()
    stored = open_session(model.SerializeToString(), 1)
    (wanted,) = stored.run(None, {"input": FACES[:1], "unread": np.zeros(3, np.float32)})
    fold_constants(model)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Flatten"]
    assert [value.name for value in model.graph.input] == ["input"]
    assert [weights.name for weights in model.graph.initializer] == ["weights"]
    assert run(model, FACES[:1]) == pytest.approx(wanted, abs=1e-5)


def test_weights_that_nobody_can_compute_are_refused():
    model = stored_in_blocks()
    model.graph.node[1].op_type = "Frobnicate"
    with pytest.raises(NetworkError, match="weights cannot be computed"):
        fold_constants(model)


def test_other_networks_are_refused():
    with pytest.raises(NetworkError):
        read_network(b"nothing of the kind")
    with pytest.raises(NetworkError, match="UltraFace"):
        free_ultraface(recogniser())
    model = recogniser()
    model.graph.node[0].op_type = "Relu"
    with pytest.raises(NetworkError, match="convolution"):
        swap_input_colours(model)
    with pytest.raises(NetworkError, match="does not take one 112x112 face"):
        free_sface(recogniser(), 8)
    with pytest.raises(NetworkError, match="not YuNet"):
        free_yunet(recogniser())


def sface_like() -> onnx.ModelProto:
    """A network of SFace's opset: 4x4 pixels, from 0 to 255, to 8 numbers, for any number of faces."""
    model = recogniser(seed=1)
    free_batch(model, 8)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 21))
    return model


def light_like() -> onnx.ModelProto:
    model = recogniser(seed=2)
    free_batch(model, 8)
    return model


def run_joined(model: onnx.ModelProto, faces: Tensor) -> Tensor:
    onnx.checker.check_model(model)
    (features,) = open_session(model.SerializeToString(), 1).run(None, {model.graph.input[0].name: faces})
    return features


def test_a_joined_network_gives_both_at_length_1_by_their_shares():
    faces = 127.5 + 127.5 * FACES
    first, second = run(sface_like(), faces), run(light_like(), FACES)
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second)]
    made = run_joined(joined(sface_like(), light_like(), 0.7, 127.5, 127.5), faces)
    assert made == pytest.approx(np.hstack([np.sqrt(0.7) * unit[0], np.sqrt(0.3) * unit[1]]), abs=1e-5)


def test_zeros_of_either_network_become_no_template():
    model = joined(sface_like(), light_like(), 0.7, 127.5, 127.5)
    for name in ("first", "second"):
        silent = onnx.ModelProto()
        silent.CopyFrom(model)
        (weights,) = (each for each in silent.graph.initializer if each.name == f"{name}/weights")
        weights.CopyFrom(numpy_helper.from_array(np.zeros((2, 3, 3, 3), np.float32), weights.name))
        with pytest.raises(TemplateError):
            normalised(run_joined(silent, 255 * np.abs(FACES)))


def test_only_networks_whose_operators_are_known_are_joined():
    with pytest.raises(NetworkError, match="opset 21"):
        joined(light_like(), sface_like(), 0.7, 127.5, 127.5)
    changed = light_like()
    changed.graph.node[0].op_type = "ReduceSum"
    with pytest.raises(NetworkError, match="ReduceSum"):
        joined(sface_like(), changed, 0.7, 127.5, 127.5)

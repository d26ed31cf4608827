"""Changes to networks that are made once, when a pack is installed, so that running them needs no special cases.

It works on ONNX graphs in memory, and knows neither packs nor pictures.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import onnx
from onnx import compose, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

TINY: Final = 1e-15
"""In float32, weights nearer to zero than this have no effect on any sum with normal ones. Products with them are
denormal numbers, which processors compute many times slower: the recogniser of the pack `light` took 60 ms a face with
them and 8 ms without, with bit-identical results."""

YUNET_OUTPUTS: Final = frozenset(f"{what}_{stride}" for what in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32))

JOINED_OPSET: Final = 21
"""Operators of a joined network: those of SFace's."""
_SAME_SINCE_9: Final = frozenset({"Add", "Conv", "PRelu", "Reshape"})
"""Operators that compute the same in opset 9 and in `JOINED_OPSET`."""


class NetworkError(ValueError):
    """The network is not the one for which the change was written."""


def read_network(data: bytes) -> onnx.ModelProto:
    """Parse ONNX; raises NetworkError."""
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's parser raises types of its own
        raise NetworkError("this is not an ONNX network, or it is damaged") from error


def drop_tiny_weights(model: onnx.ModelProto) -> int:
    """Set weights below TINY to zero; return how many there were."""
    dropped = 0
    for weights in model.graph.initializer:
        if weights.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weights)
        tiny = (np.abs(values) < TINY) & (values != 0)
        if tiny.any():
            weights.CopyFrom(numpy_helper.from_array(np.where(tiny, np.float32(0), values), weights.name))
            dropped += int(tiny.sum())
    return dropped


def fold_constants(model: onnx.ModelProto) -> None:
    """Compute what depends on weights only, and store the results as weights; inputs with a fixed value are dropped.

    Weights that are stored as small integers (`DequantizeLinear`, `Reshape`, `Transpose`) become float32 ones, computed
    by ONNX's own reference. Raises NetworkError for an operator that it does not know.
    """
    graph = model.graph
    known = {tensor.name for tensor in graph.initializer}
    fixed, rest = [], []
    for node in graph.node:
        if known.issuperset(filter(None, node.input)):
            fixed.append(node)
            known.update(node.output)
        else:
            rest.append(node)
    used = {name for node in rest for name in node.input}
    wanted = [name for node in fixed for name in node.output if name in used]
    results = [onnx.ValueInfoProto(name=name) for name in wanted]
    constant = helper.make_graph(fixed, "constants", [], results, graph.initializer)
    try:
        values = ReferenceEvaluator(helper.make_model(constant, opset_imports=model.opset_import)).run(None, {})
    except Exception as error:  # the reference's operators raise types of their own
        raise NetworkError(f"its weights cannot be computed ({error})") from error
    given = [value for value in graph.input if value.name in used - known]
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    weights += [numpy_helper.from_array(np.asarray(value), name) for name, value in zip(wanted, values, strict=True)]
    del graph.node[:], graph.input[:], graph.initializer[:]
    graph.node.extend(rest)
    graph.input.extend(given)
    graph.initializer.extend(weights)
    # They name values that no longer exist.
    del graph.value_info[:]


def free_sface(model: onnx.ModelProto, size: int) -> None:
    """Let SFace, whose weights are folded, take any number of faces. Raises NetworkError."""
    (given, *others), (made, *_) = model.graph.input, model.graph.output
    if others or _shape(given) != [1, 3, 112, 112] or _shape(made) != [1, size]:
        raise NetworkError(f"the network does not take one 112x112 face, or does not give {size} numbers")
    for value in (given, made):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def free_yunet(model: onnx.ModelProto) -> None:
    """Let YuNet, whose weights are folded, take any picture size of whole 32 pixels. Raises NetworkError."""
    given, *others = model.graph.input
    if others or _shape(given)[:2] != [1, 3] or {output.name for output in model.graph.output} != YUNET_OUTPUTS:
        raise NetworkError("the network is not YuNet with landmarks")
    for dimension, name in zip(given.type.tensor_type.shape.dim[2:], ("height", "width"), strict=True):
        dimension.dim_param = name
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"cells_{output.name.partition('_')[2]}"


def swap_input_colours(model: onnx.ModelProto) -> None:
    """Exchange the first and third input channel of the first convolution: a network for BGR becomes one for RGB."""
    first = model.graph.node[0]
    if first.op_type != "Conv" or first.input[0] != model.graph.input[0].name:
        raise NetworkError("the network does not begin with a convolution")
    weights = _initializer(model, first.input[1])
    values = numpy_helper.to_array(weights)
    if values.ndim != 4 or values.shape[1] != 3:  # a convolution over colours
        raise NetworkError("the first convolution is not over three colours")
    weights.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[:, ::-1]), weights.name))


def free_batch(model: onnx.ModelProto, size: int) -> None:
    """Let a network for one face take any number: its last Reshape [1, -1] becomes [-1, size]."""
    last = model.graph.node[-1]
    if last.op_type != "Reshape":
        raise NetworkError("the network does not end with a Reshape")
    shape = _initializer(model, last.input[1])
    if numpy_helper.to_array(shape).tolist() != [1, -1]:
        raise NetworkError("the last Reshape is not to [1, -1]")
    shape.CopyFrom(numpy_helper.from_array(np.array([-1, size], dtype=np.int64), shape.name))
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    # The stated shapes of inner values are for one face.
    del model.graph.value_info[:]


def free_ultraface(model: onnx.ModelProto) -> None:
    """Let UltraFace take any input size: its outputs become `scores` and `offsets`, before the decoding to boxes.

    The decoding inside has its anchors for 320x240 as constants; the detector has its own.
    """
    graph = model.graph
    makers = {output: node for node in graph.node for output in node.output}
    offsets = _offsets_of(makers)
    scores = next((output for output in graph.output if output.name == "scores"), None)
    if scores is None or graph.input[0].name != "input":
        raise NetworkError("the network has no input `input` and output `scores`")
    nodes, wanted = [], {"scores", offsets.output[0]}
    for node in reversed(graph.node):
        if wanted & set(node.output):
            nodes.append(node)
            wanted |= set(node.input)
    weights = [tensor for tensor in graph.initializer if tensor.name in wanted]
    offsets.output[0] = "offsets"
    free = helper.make_graph(
        list(reversed(nodes)),
        graph.name or "ultraface",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, "height", "width"])],
        [
            helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1, "anchors", 2]),
            helper.make_tensor_value_info("offsets", onnx.TensorProto.FLOAT, [1, "anchors", 4]),
        ],
        weights,
    )
    graph.CopyFrom(free)


def joined(first: onnx.ModelProto, second: onnx.ModelProto, share: float, mean: float, std: float) -> onnx.ModelProto:
    """Return one network with the features of both: each at length 1, times the root of its share, one after the other.

    The cosine of two joined templates is `share` times the first network's and the rest of the second's. It takes what
    `first` takes, and gives it to `second` less `mean` and over `std`. Where one network gives zeros only, the result
    is not finite. The same networks give the same bytes. Raises NetworkError.
    """
    if {each.version for each in first.opset_import if not each.domain} != {JOINED_OPSET}:
        raise NetworkError(f"the first network is not of opset {JOINED_OPSET}")
    if other := {node.op_type for node in second.graph.node} - _SAME_SINCE_9:
        raise NetworkError(f"the second network has operators that may have changed: {', '.join(sorted(other))}")
    weights = {"mean": np.float32(mean), "std": np.float32(std), "axes": np.array([1])}
    one, two = (compose.add_prefix(each, f"{name}/").graph for name, each in (("first", first), ("second", second)))
    nodes = [
        *one.node,
        helper.make_node("Sub", [one.input[0].name, "mean"], ["shifted"]),
        helper.make_node("Div", ["shifted", "std"], [two.input[0].name]),
        *two.node,
    ]
    size = 0
    for name, graph, part in (("first", one, share), ("second", two, 1 - share)):
        features, weights[f"{name}/root"] = graph.output[0].name, np.float32(math.sqrt(part))
        size += _shape(graph.output[0])[-1]
        nodes += [
            helper.make_node("ReduceL2", [features, "axes"], [f"{name}/length"], keepdims=1),
            helper.make_node("Div", [features, f"{name}/length"], [f"{name}/unit"]),
            helper.make_node("Mul", [f"{name}/unit", f"{name}/root"], [f"{name}/part"]),
        ]
    nodes.append(helper.make_node("Concat", ["first/part", "second/part"], ["template"], axis=1))
    template = helper.make_tensor_value_info("template", onnx.TensorProto.FLOAT, ["batch", size])
    known = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "joined", one.input, [template], [*one.initializer, *two.initializer, *known])
    return helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)


def _offsets_of(makers: dict[str, onnx.NodeProto]) -> onnx.NodeProto:
    """Return the node that joins the offsets of all levels: the first Concat along anchors, up from `boxes`."""
    pending, seen = ["boxes"], set()
    while pending:
        node = makers.get(pending.pop(0))
        if node is None or node.output[0] in seen:
            continue
        seen.add(node.output[0])
        axes = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
        if node.op_type == "Concat" and axes == [1]:
            return node
        pending.extend(node.input)
    raise NetworkError("the network is not UltraFace")


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def _initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            return tensor
    raise NetworkError(f"the network has no weights {name!r}")

"""Write the half-precision twin of each network of a model folder, and name it in the manifest.

    python half.py --model DIR

`model.fp16.onnx` beside `model.onnx`: weights and sums of 16 bits, for a GPU. Inputs and outputs stay floats of 32 bits.
Operators whose numbers do not fit 16 bits stay in 32: softmax, logarithms and what lies between them. Needs onnx, numpy
and onnxruntime alone.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import onnx
from onnx import TensorProto
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

PRECISION = "fp16"
# A probability of one in a million is 0 in 16 bits, and its logarithm is no number.
IN_32_BITS = ("Softmax", "LogSoftmax", "Log", "Exp")


def in_32_bits(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that stay as they are: those operators, and all that follows them."""
    values, names = set(), []
    for node in graph.node:
        if node.op_type in IN_32_BITS or values.intersection(node.input):
            values.update(node.output)
            names.append(node.name)
    return names


def sorted_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Each node behind those that it reads from: the conversion leaves its casts at the end."""
    left, done = list(graph.node), []
    made = {name for node in left for name in node.output}
    while left:
        ready = [node for node in left if made.isdisjoint(node.input)]
        if not ready:
            raise ValueError("the graph has a circle")
        done += ready
        made -= {name for node in ready for name in node.output}
        left = [node for node in left if node not in ready]
    return done


def join(graph: onnx.GraphProto) -> None:
    """Lead past 16 bits what goes from one operator in 32 bits to the next: the conversion casts between them."""
    casts = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    to = {name: node.attribute[0].i for name, node in casts.items()}
    for node in graph.node:
        for place, name in enumerate(node.input):
            before = casts[name].input[0] if name in casts else ""
            if before in casts and (to[name], to[before]) == (TensorProto.FLOAT, TensorProto.FLOAT16):
                node.input[place] = casts[before].input[0]
    # From the end: what only an unread cast reads is unread, too.
    read, kept = {out.name for out in graph.output}, []
    for node in reversed(sorted_nodes(graph)):
        if not read.isdisjoint(node.output):
            read.update(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))


def export_half(source: Path, path: Path) -> None:
    """Write the twin of one network."""
    model = onnx.load(source)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node{number}"
    half = convert_float_to_float16(
        model, keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *IN_32_BITS],
        node_block_list=in_32_bits(model.graph),
    )
    join(half.graph)
    onnx.checker.check_model(half)
    onnx.save(half, path)


def variant(path: Path) -> str:
    """The manifest's lines for a twin."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f'[[net.variant]]\nprecision = "{PRECISION}"\nfile = "{path.name}"\nsha256 = "{digest}"\n\n'


def named(manifest: str, folder: Path) -> str:
    """The manifest with a twin for each network that has none; writes the twins."""
    first, *nets = manifest.split("[[net]]")
    for number, net in enumerate(nets):
        if f'precision = "{PRECISION}"' in net:
            continue
        [line] = [line for line in net.splitlines() if line.startswith("file = ")][:1]
        source = folder / line.split('"')[1]
        twin = source.with_suffix(f".{PRECISION}.onnx")
        export_half(source, twin)
        before, after = net.split("[net.input]")
        nets[number] = f"{before}{variant(twin)}[net.input]{after}"
    return "[[net]]".join([first, *nets])


def main() -> None:
    """Write the files, then the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    folder = parser.parse_args().model
    manifest = folder / "manifest.toml"
    manifest.write_text(named(manifest.read_text(), folder))


if __name__ == "__main__":
    main()

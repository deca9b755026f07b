"""The generator as an ONNX file, for the browser: large weights in eight bits, others in half
precision, arithmetic in float32.

    luma 1×1×H×W in [0, 1] ┐  chroma 1×2×H/2×W/2, palette 1×K×H/4×W/4 (logits),
    hints 1×3×H×W          ┴─ features 1×C×H/16×W/16

H and W are multiples of 32, from 64: whoever asks pads by repeating the last row and column, and
cuts off as much.
Features are the encoder's, for borrowing colours; they mean something where hints are zeros.
"""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ..files import write_bytes
from ..generator import STRIDE, STRIDES, Generator, for_inference

OPSET = 18  # of ONNX: what the runtime's WebGPU part knows, too
LARGE = 64  # numbers from which a weight is stored in half precision
LARGEST = 200_000  # likewise, in eight bits: nine tenths of all numbers, and results stay within
# 1/255 at their 99th percentile (tests/web/test_colours.py)
MOST_BLOCKS = 128  # of STRIDE along a side: beyond what any photograph needs
CPU = torch.device("cpu")


class _Exported(nn.Module):
    """A generator, and what its encoder sees."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, luma: Tensor, hints: Tensor) -> dict[str, Tensor]:
        config = self.generator.config
        seen = self.generator.see(luma, hints if config.hints else None)
        chroma, palette = self.generator.paint(luma, seen)
        out = {"chroma": chroma, "features": seen[STRIDES.index(16)]}
        return out | {"palette": palette} if config.palette else out


def export(generator: Generator, path: Path) -> None:
    """Write a generator as an ONNX file.

    Args:
        generator: of any config.
        path: of the file, which appears when it is complete.
    """
    module = _Exported(for_inference(generator, CPU, bfloat16=False)).eval()
    luma, hints = (torch.zeros(1, planes, 5 * STRIDE, 7 * STRIDE) for planes in (1, 3))
    height, width = (torch.export.Dim(name, min=2, max=MOST_BLOCKS) for name in ("h", "w"))
    sides = {2: STRIDE * height, 3: STRIDE * width}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names of sides, in the exporter itself
        program = torch.onnx.export(
            module,
            (luma, hints),
            dynamo=True,
            opset_version=OPSET,
            input_names=["luma", "hints"],
            output_names=list(module(luma, hints)),
            dynamic_shapes={"luma": sides, "hints": sides},
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _compress(model)
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())


def _compress(model: onnx.ModelProto) -> None:
    """Store weights smaller, with nodes behind them that make them float32 again, which the runtime
    does once: half precision, or for large convolutions whole numbers times a scale of each output
    channel."""
    nodes = []
    for weight in list(model.graph.initializer):
        values, name = numpy_helper.to_array(weight), weight.name
        if weight.data_type != TensorProto.FLOAT or values.size < LARGE:
            continue
        if values.ndim < 4 or values.size < LARGEST:
            small, made = values.astype("float16"), name
        else:
            scale = np.abs(values).max((1, 2, 3), keepdims=True, initial=1e-9) / 127
            small, made = np.rint(values / scale).astype("int8"), f"{name}.whole"
            scales = numpy_helper.from_array(scale, f"{name}.scale")
            model.graph.initializer.append(scales)
            nodes.append(helper.make_node("Mul", [made, scales.name], [name]))
        weight.CopyFrom(numpy_helper.from_array(small, f"{name}.stored"))
        nodes.append(helper.make_node("Cast", [weight.name], [made], to=TensorProto.FLOAT))
    for node in nodes:
        model.graph.node.insert(0, node)  # a cast, which comes second, before its product

"""What the GPU sampler's kernels become for a kind of GPU, found without having one: Triton brings its compiler along.

    python -m tests.gpu.compiled [--capability 90] [--visible 784] [--hidden 400] [--chains 500]

Prints for each kernel, as JSON, the registers of a thread, its local memory and stack in bytes (registers that did not
fit), shared memory in bytes, how often a tensor changes from one distribution over the threads to another, and how many
instructions for tensor cores there are. Not under TRITON_INTERPRET=1.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from worker.rbm.sampling.gpu import kernels
from worker.rbm.sampling.gpu.tiles import Tiles, padded
from worker.rbm.training.fused_step import SAMPLES_PER_TILE, UNITS_PER_SPLIT, UNITS_PER_TILE

POINTERS = {
    "half_step": {
        "inputs": "fp16", "outputs": "fp16", "weights": "fp16", "bias": "fp32", "keys": "i64", "first_step": "i64",
    },
    "hidden_probabilities": {"visible": "u8", "probabilities": "fp32", "weights": "fp16", "hbias": "fp32"},
    "split_probabilities": {"probabilities": "fp32", "high": "fp16", "low": "fp16", "means": "fp32"},
    "weight_gradient": {
        "data_visible": "fp16", "data_high": "fp16", "data_low": "fp16",
        "model_visible": "fp16", "model_high": "fp16", "model_low": "fp16", "mask": "u8", "weights": "fp32",
    },
    "load_parameters": {
        "weights": "fp32", "vbias": "fp32", "hbias": "fp32",
        "half_weights": "fp16", "padded_vbias": "fp32", "padded_hbias": "fp32",
    },
}  # fmt: skip

MULTIPLES_OF_16 = ("num_visible", "num_hidden")
"""Triton finds out when it is called; 784 and 400 are."""


def compiled(
    name: str, constants: dict[str, Any], capability: int, tiles: Tiles, max_registers: int | None = None
) -> dict[str, int]:
    """Compile one kernel and count what it takes."""
    kernel = getattr(kernels, name)
    pointers = POINTERS[name]
    signature = {argument: "constexpr" if argument.isupper() else "i32" for argument in kernel.arg_names}
    signature |= {argument: f"*{kind}" for argument, kind in pointers.items()}
    multiples = {*pointers, *MULTIPLES_OF_16} & set(kernel.arg_names)
    aligned = {(kernel.arg_names.index(argument),): [["tt.divisibility", 16]] for argument in multiples}
    source = ASTSource(kernel, signature, constexprs=constants, attrs=aligned)
    options = {"num_warps": tiles.num_warps, "num_stages": tiles.num_stages, "enable_fp_fusion": False}
    if max_registers is not None:
        options["maxnreg"] = max_registers
    result = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    return {
        **_resources(result.asm["cubin"]),
        "shared": int(result.metadata.shared),
        "conversions": len(re.findall(r"ttg\.convert_layout", result.asm["ttgir"])),
        "tensor_core": len(re.findall(r"HGMMA|HMMA|wgmma\.mma|mma\.sync|tcgen05\.mma", result.asm["ptx"])),
    }


def _resources(binary: bytes) -> dict[str, int]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary)
        file.flush()
        tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
        text = subprocess.run([tool, "-res-usage", file.name], check=True, capture_output=True, text=True).stdout
    return {
        word: int(re.findall(rf"\b{key}:(\d+)", text)[-1])
        for word, key in (("registers", "REG"), ("local", "LOCAL"), ("stack", "STACK"))
    }


def report(
    capability: int, num_visible: int, num_hidden: int, num_chains: int, tiles: Tiles
) -> dict[str, dict[str, int]]:
    """Every kernel with the sizes of one machine."""
    visible, hidden = tiles.padded_units(num_visible), tiles.padded_units(num_hidden)
    chains = tiles.padded_chains(num_chains)
    tile = {"CHAINS": tiles.chains, "UNITS": tiles.units, "INPUTS": tiles.inputs}
    stride = {"VISIBLE_STRIDE": visible, "HIDDEN_STRIDE": hidden}
    to_hidden = {
        "LAYER": 0, "NUM_INPUTS": padded(num_visible, tiles.inputs), "NUM_UNITS": num_hidden,
        "INPUT_STRIDE": visible, "OUTPUT_STRIDE": hidden, "PADDED_CHAINS": chains, **tile,
    }  # fmt: skip
    to_visible = {
        "LAYER": 1, "NUM_INPUTS": padded(num_hidden, tiles.inputs), "NUM_UNITS": num_visible,
        "INPUT_STRIDE": hidden, "OUTPUT_STRIDE": visible, "PADDED_CHAINS": chains, **tile,
    }  # fmt: skip
    positive = {**stride, "SAMPLES": tiles.chains, "UNITS": tiles.units, "INPUTS": tiles.inputs}
    loading = {**stride, "ROWS": 16, "COLUMNS": 256}
    samples = {"SAMPLES": SAMPLES_PER_TILE, "VISIBLE": UNITS_PER_TILE, "HIDDEN": UNITS_PER_TILE}
    split = {"SAMPLES": SAMPLES_PER_TILE, "UNITS": UNITS_PER_SPLIT}
    return {
        "half_step, hidden": compiled("half_step", to_hidden, capability, tiles, tiles.max_registers),
        "half_step, visible": compiled("half_step", to_visible, capability, tiles, tiles.max_registers),
        "split_probabilities": compiled("split_probabilities", split, capability, tiles),
        "weight_gradient": compiled("weight_gradient", samples, capability, tiles),
        "hidden_probabilities": compiled("hidden_probabilities", positive, capability, tiles),
        "load_parameters": compiled("load_parameters", loading, capability, tiles),
    }


def main() -> None:
    """Parse, compile, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("capability", 90), ("visible", 784), ("hidden", 400), ("chains", 500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="TRITON_DEFAULT_FP_FUSION")
    print(
        json.dumps(
            report(arguments.capability, arguments.visible, arguments.hidden, arguments.chains, Tiles()), indent=1
        )
    )


if __name__ == "__main__":
    main()

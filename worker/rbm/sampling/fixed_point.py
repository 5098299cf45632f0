"""The CPU sampler: fixed-point fields, updated only where a unit flipped, and counter-based random numbers.

Weights and biases are rounded to multiples of 2^-e, where e is the largest exponent (at most 28) for which no field
can overflow 32 bits. Fields are then exact integers: sums do not depend on their order, so the fields can follow the
few units that flipped in a step (about 40 of 784 and 45 of 400 in a trained machine) instead of being summed anew,
and the same bits come out for any number of threads, any batch of replicas and any CPU. The rounding error of a field
is at most (active units + 1) 2^-(e+1), comparable to float32 summation: e is 23 for a trained 784 x 400 machine.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int32, UInt8
from torch import Tensor

from worker.rbm.machine import Machine
from worker.rbm.registry import SamplerRegistration
from worker.rbm.row_sums import TILE
from worker.rbm.sampling import kernels
from worker.rbm.sampling.prepared import check_request, check_visible, draw_keys

kernel_lock = threading.Lock()
"""One thread at a time: numba's plain thread pool aborts the process when two threads enter it at once."""


@dataclass(frozen=True)
class FixedPointMachine:
    """Machines whose parameters are integers times 2^-e, one exponent for each replica.

    Attributes:
        tiles: round(W 2^e), cut into tiles of `TILE` hidden units, 0 beyond the last one.
        tiles_transposed: the same of the transposed weights, cut into tiles of visible units.
        vbias: round(b 2^e).
        hbias: round(c 2^e).
        scale: 2^-e.
    """

    tiles: Int32[np.ndarray, "replica hidden_tile visible column"]
    tiles_transposed: Int32[np.ndarray, "replica visible_tile hidden column"]
    vbias: Int32[np.ndarray, "replica visible"]
    hbias: Int32[np.ndarray, "replica hidden"]
    scale: Float32[np.ndarray, " replica"]

    def sample(
        self,
        visible: UInt8[Tensor, "replica chain visible"],
        gibbs_steps: int,
        generators: Sequence[torch.Generator],
    ) -> tuple[UInt8[Tensor, "replica chain visible"], UInt8[Tensor, "replica chain hidden"]]:
        """Run Gibbs steps; see `worker.rbm.sampling.sample_gibbs`."""
        nobody_asks = torch.empty(self._shape[0], 0, self._shape[2])
        return self._run(visible, gibbs_steps, generators, nobody_asks)

    def sample_and_infer(
        self,
        visible: UInt8[Tensor, "replica chain visible"],
        gibbs_steps: int,
        generators: Sequence[torch.Generator],
    ) -> tuple[UInt8[Tensor, "replica chain visible"], Float32[Tensor, "replica chain hidden"]]:
        """The last visible states of `sample`, and p(h|v) of them: their fields are there after the last step."""
        probabilities = torch.empty(self._shape[0], visible.shape[1], self._shape[2])
        last_visible, _ = self._run(visible, gibbs_steps, generators, probabilities)
        return last_visible, probabilities

    def _run(
        self, visible: Tensor, gibbs_steps: int, generators: Sequence[torch.Generator], probabilities: Tensor
    ) -> tuple[Tensor, Tensor]:
        check_request(self._shape, visible, gibbs_steps, generators)
        keys = draw_keys(generators).numpy().view(np.uint64)
        last_visible = visible.clone(memory_format=torch.contiguous_format)
        last_hidden = torch.empty(self._shape[0], visible.shape[1], self._shape[2], dtype=torch.uint8)
        states = last_visible.numpy(), last_hidden.numpy(), probabilities.numpy()
        with kernel_lock:
            kernels.run_chains(*self._arrays(), *states, keys, np.uint64(gibbs_steps))
        return last_visible, last_hidden

    def hidden_probabilities(
        self, visible: UInt8[Tensor, "replica sample visible"]
    ) -> Float32[Tensor, "replica sample hidden"]:
        """p(h_i = 1 | v) = sigmoid(c_i + sum_j v_j W_ji)."""
        check_visible(self._shape, visible)
        probabilities = torch.empty(self._shape[0], visible.shape[1], self._shape[2])
        with kernel_lock:
            kernels.hidden_probabilities(
                self.tiles, self.hbias, self.scale, visible.contiguous().numpy(), probabilities.numpy()
            )
        return probabilities

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.vbias.shape[0], self.vbias.shape[1], self.hbias.shape[1]

    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self.tiles, self.tiles_transposed, self.vbias, self.hbias, self.scale


def to_fixed_point(machine: Machine) -> FixedPointMachine:
    """Round a machine's parameters to fixed point, with the finest exponent that cannot overflow.

    e = min(28, 30 - x), where 2^x is the least power of two above the largest sum of |W| and |bias| over the inputs of
    a unit.
    """
    weights = machine.weight_matrix.contiguous().numpy()
    vbias, hbias = machine.vbias.contiguous().numpy(), machine.hbias.contiguous().numpy()
    replicas, num_visible, num_hidden = weights.shape
    tiles = np.empty((replicas, -(-num_hidden // TILE), num_visible, TILE), np.int32)
    tiles_transposed = np.empty((replicas, -(-num_visible // TILE), num_hidden, TILE), np.int32)
    with kernel_lock:
        exponents = kernels.exponents(weights, vbias, hbias)
        kernels.quantise(weights, exponents, tiles, tiles_transposed)
    factor = np.ldexp(np.float64(1), exponents)[:, None]
    return FixedPointMachine(
        tiles=tiles,
        tiles_transposed=tiles_transposed,
        vbias=np.rint(vbias * factor).astype(np.int32),
        hbias=np.rint(hbias * factor).astype(np.int32),
        scale=np.ldexp(np.float32(1), -exponents).astype(np.float32),
    )


REGISTRATION = SamplerRegistration(
    name="fixed_point",
    label="Gibbs, CPU",
    description="Alternating Gibbs sampling with exact fixed-point fields that follow the flipped units.",
    unit="Gibbs steps",
    source="Paper, section 2; random numbers: Salmon et al. 2011, Philox4x32-10",
    function=to_fixed_point,
    devices=("cpu",),
)

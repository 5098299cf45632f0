"""Triton kernels of the GPU sampler and its training: half a Gibbs step in one kernel.

States are 0 or 1 and exact in float16, so a product of float16 weights that is summed in float32 has the precision of
tf32 (11 significant bits for a weight) at twice its speed. A weight is off by at most 2^-11 of itself (2^-25 where it
is below 2^-14), a field by the sum of that over the active units; the parameters themselves stay float32.

Buffers are padded to whole tiles, so no load of a sampling kernel needs a mask. Padding holds weights of 0 and biases
of `PADDING_BIAS`, with which a unit is on with probability 9e-27, below what the random numbers resolve: never.

Every kernel gives the same bits on the same device whatever replicas share the batch: a random number is a function of
(key of the replica; unit, chain, step, layer) and a sum runs in an order that the tiles alone decide.
"""

# ruff: noqa: N803, PLR0917 -- compile-time arguments are in capitals, and all are passed in one order

from typing import no_type_check

import triton
import triton.language as tl

PHILOX_ROUNDS = tl.constexpr(7)
HIDDEN_LAYER, VISIBLE_LAYER = tl.constexpr(0), tl.constexpr(1)
TWO_TO_MINUS_32, TWO_TO_MINUS_33 = tl.constexpr(2.0**-32), tl.constexpr(2.0**-33)
LARGEST_HALF = tl.constexpr(65504.0)
PADDING_BIAS = -60.0

INTERPRETED: bool = triton.knobs.runtime.interpret
"""Whether the kernels below were made for Triton's interpreter: TRITON_INTERPRET=1 when this module was loaded."""


@triton.jit
@no_type_check
def random_words(key, chain, first_block, step, LAYER: tl.constexpr, CHAINS: tl.constexpr, BLOCKS: tl.constexpr):
    """Four [CHAINS, BLOCKS] tensors of random words: Philox4x32 at counter (block, chain, step, layer).

    7 rounds pass BigCrush; the CPU's sampler takes the customary 10.

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011), table 2.
    """
    zeros = tl.zeros((CHAINS, BLOCKS), tl.uint32)
    block = zeros + (first_block + tl.arange(0, BLOCKS)).to(tl.uint32)[None, :]
    chain = zeros + chain.to(tl.uint32)[:, None]
    return tl.philox(key, block, chain, (zeros + step).to(tl.uint32), zeros + LAYER, PHILOX_ROUNDS)


@triton.jit
@no_type_check
def draw(field, word):
    """1 with probability sigmoid(field), else 0: u < 1 / (1 + exp(-field)), written without the division.

    u = word 2^-32 + 2^-33 in float32: a probability below 2^-33 counts as 0, small ones are resolved to 2^-32, those
    near 1 to 2^-24.
    """
    uniform = word.to(tl.float32) * TWO_TO_MINUS_32 + TWO_TO_MINUS_33
    return (uniform * (1.0 + tl.exp(-field)) < 1.0).to(tl.float16)


@triton.jit
@no_type_check
def draw_pair(fields, word):
    """Two units from one random word: the first reads it as it is, the second with its halves exchanged."""
    first, second = tl.split(fields)
    return tl.join(draw(first, word), draw(second, (word << 16) | (word >> 16)))


@triton.jit
@no_type_check
def draw_units(
    field, key, chain, first_unit, step, LAYER: tl.constexpr, CHAINS: tl.constexpr, UNITS: tl.constexpr
):  # fmt: skip
    """States of a [CHAINS, UNITS] tile from its fields, eight units for each call of Philox.

    A unit has 16 random bits of its own and takes the 16 of its neighbour as lower ones. They decide only where its own
    do not, once in 2^16 draws. So each unit's probability is resolved to 2^-32, as if it had a word to itself; the
    price is a covariance of two neighbours' states, given the other layer, of at most 2^-16.

    Of 32 units, call l draws units 8 w + 2 l and 8 w + 2 l + 1 from its word w (l, w = 0 .. 3): just the ones that one
    thread holds of a row of the accumulator of a matrix product, so neither fields nor numbers change threads.
    """
    block = first_unit // 8
    w0, w1, w2, w3 = random_words(key, chain, block, step, LAYER, CHAINS, UNITS // 8)
    # [chain, 32 units, w / 2, w % 2, l, half] to [chain, call, half, w / 2, w % 2].
    fields = tl.permute(tl.reshape(field, (CHAINS, UNITS // 32, 2, 2, 4, 2)), (0, 1, 4, 5, 2, 3))
    even, odd = tl.split(tl.reshape(fields, (CHAINS, UNITS // 8, 2, 2, 2)))
    fields_0, fields_2 = tl.split(even)
    fields_1, fields_3 = tl.split(odd)
    even = tl.join(draw_pair(fields_0, w0), draw_pair(fields_2, w2))
    odd = tl.join(draw_pair(fields_1, w1), draw_pair(fields_3, w3))
    states = tl.reshape(tl.join(even, odd), (CHAINS, UNITS // 32, 4, 2, 2, 2))
    return tl.reshape(tl.permute(states, (0, 1, 4, 5, 2, 3)), (CHAINS, UNITS))


@triton.jit
@no_type_check
def draw_tile(
    inputs, outputs, weights, bias, key, chain_tile, unit_tile, step,
    LAYER: tl.constexpr, NUM_INPUTS: tl.constexpr, INPUT_STRIDE: tl.constexpr, OUTPUT_STRIDE: tl.constexpr,
    CHAINS: tl.constexpr, UNITS: tl.constexpr, INPUTS: tl.constexpr,
):  # fmt: skip
    """Draw one tile of a layer from the other layer's states: matrix product, bias, sigmoid, random number, store.

    Pointers are to one replica. The weights are [visible, hidden] in memory for both layers; the visible layer's
    product reads them transposed on the way to the tensor cores.
    """
    chain = chain_tile * CHAINS + tl.arange(0, CHAINS)
    unit = unit_tile * UNITS + tl.arange(0, UNITS)
    field = tl.zeros((CHAINS, UNITS), tl.float32)
    for first in range(0, NUM_INPUTS, INPUTS):
        index = first + tl.arange(0, INPUTS)
        states = tl.load(inputs + chain[:, None] * INPUT_STRIDE + index[None, :])
        if LAYER == HIDDEN_LAYER:
            tile = tl.load(weights + index[:, None] * OUTPUT_STRIDE + unit[None, :])
            field = tl.dot(states, tile, field)
        else:
            tile = tl.load(weights + unit[:, None] * INPUT_STRIDE + index[None, :])
            field = tl.dot(states, tl.trans(tile), field)
    field += tl.load(bias + unit)[None, :]
    drawn = draw_units(field, key, chain, unit_tile * UNITS, step, LAYER, CHAINS, UNITS)
    tl.store(outputs + chain[:, None] * OUTPUT_STRIDE + unit[None, :], drawn)


@triton.jit(do_not_specialize=["first_replica", "step"])
@no_type_check
def half_step(
    inputs, outputs, weights, bias, keys, first_step, step, first_replica,
    LAYER: tl.constexpr, NUM_INPUTS: tl.constexpr, NUM_UNITS: tl.constexpr, PADDED_CHAINS: tl.constexpr,
    INPUT_STRIDE: tl.constexpr, OUTPUT_STRIDE: tl.constexpr,
    CHAINS: tl.constexpr, UNITS: tl.constexpr, INPUTS: tl.constexpr,
):  # fmt: skip
    """Draw one layer of some replicas; one program draws one tile.

    Programs go replica by replica, and within it by the tiles of a row of chains, so those that run at a time read the
    same states and weights. `first_step` is in memory, so that a recorded graph can be replayed for later steps.
    """
    chain_tiles: tl.constexpr = PADDED_CHAINS // CHAINS
    unit_tiles: tl.constexpr = (NUM_UNITS + UNITS - 1) // UNITS
    program = tl.program_id(0)
    replica = (first_replica + program // (chain_tiles * unit_tiles)).to(tl.int64)
    units: tl.constexpr = INPUT_STRIDE * OUTPUT_STRIDE
    draw_tile(
        inputs + replica * (PADDED_CHAINS * INPUT_STRIDE), outputs + replica * (PADDED_CHAINS * OUTPUT_STRIDE),
        weights + replica * units, bias + replica * OUTPUT_STRIDE, tl.load(keys + replica),
        program // unit_tiles % chain_tiles, program % unit_tiles, tl.load(first_step) + step,
        LAYER, NUM_INPUTS, INPUT_STRIDE, OUTPUT_STRIDE, CHAINS, UNITS, INPUTS,
    )  # fmt: skip


@triton.jit
@no_type_check
def load_parameters(
    weights, vbias, hbias, half_weights, padded_vbias, padded_hbias, num_visible, num_hidden,
    VISIBLE_STRIDE: tl.constexpr, HIDDEN_STRIDE: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Copy float32 parameters into the sampler's buffers, the weights as float16; padding is not written.

    A weight beyond float16's range counts as the largest that it holds: its unit is decided all the same.
    """
    replica = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (row < num_visible)[:, None] & (column < num_hidden)[None, :]
    source = weights + replica * num_visible * num_hidden + row[:, None] * num_hidden + column[None, :]
    value = tl.load(source, mask=inside, other=0.0)
    value = tl.minimum(tl.maximum(value, -LARGEST_HALF), LARGEST_HALF)
    target = half_weights + replica * (VISIBLE_STRIDE * HIDDEN_STRIDE) + row[:, None] * HIDDEN_STRIDE + column[None, :]
    tl.store(target, value.to(tl.float16), mask=inside)
    if tl.program_id(2) == 0:
        bias = tl.load(vbias + replica * num_visible + row, mask=row < num_visible)
        tl.store(padded_vbias + replica * VISIBLE_STRIDE + row, bias, mask=row < num_visible)
    if tl.program_id(1) == 0:
        bias = tl.load(hbias + replica * num_hidden + column, mask=column < num_hidden)
        tl.store(padded_hbias + replica * HIDDEN_STRIDE + column, bias, mask=column < num_hidden)


@triton.jit
@no_type_check
def hidden_probabilities(
    visible, probabilities, weights, hbias, num_samples, num_visible, num_hidden,
    VISIBLE_STRIDE: tl.constexpr, HIDDEN_STRIDE: tl.constexpr,
    SAMPLES: tl.constexpr, UNITS: tl.constexpr, INPUTS: tl.constexpr,
):  # fmt: skip
    """p(h|v) in float32 of uint8 states, both without padding; weights and biases are the sampler's buffers."""
    replica = tl.program_id(0).to(tl.int64)
    sample = tl.program_id(1) * SAMPLES + tl.arange(0, SAMPLES)
    unit = tl.program_id(2) * UNITS + tl.arange(0, UNITS)
    visible += replica * num_samples * num_visible
    weights += replica * (VISIBLE_STRIDE * HIDDEN_STRIDE)
    field = tl.zeros((SAMPLES, UNITS), tl.float32)
    for first in range(0, num_visible, INPUTS):
        index = first + tl.arange(0, INPUTS)
        inside = (sample < num_samples)[:, None] & (index < num_visible)[None, :]
        states = tl.load(visible + sample[:, None].to(tl.int64) * num_visible + index[None, :], mask=inside, other=0)
        tile = tl.load(weights + index[:, None] * HIDDEN_STRIDE + unit[None, :])
        field = tl.dot(states.to(tl.float16), tile, field)
    field += tl.load(hbias + replica * HIDDEN_STRIDE + unit)[None, :]
    target = probabilities + replica * num_samples * num_hidden + sample[:, None].to(tl.int64) * num_hidden
    inside = (sample < num_samples)[:, None] & (unit < num_hidden)[None, :]
    tl.store(target + unit[None, :], 1.0 / (1.0 + tl.exp(-field)), mask=inside)


@triton.jit(do_not_specialize=["num_samples"])
@no_type_check
def split_probabilities(
    probabilities, high, low, means, num_samples, num_hidden, SAMPLES: tl.constexpr, UNITS: tl.constexpr
):
    """Write each probability as the sum of two float16 numbers, 22 significant bits, and each unit's mean.

    A mean is summed over the samples in their order.
    """
    replica = tl.program_id(0).to(tl.int64)
    unit = tl.program_id(1) * UNITS + tl.arange(0, UNITS)
    total = tl.zeros((UNITS,), tl.float32)
    for first in range(0, num_samples, SAMPLES):
        sample = first + tl.arange(0, SAMPLES)
        inside = (sample < num_samples)[:, None] & (unit < num_hidden)[None, :]
        place = replica * num_samples * num_hidden + sample[:, None] * num_hidden + unit[None, :]
        p = tl.load(probabilities + place, mask=inside, other=0.0)
        half = p.to(tl.float16)
        tl.store(high + place, half, mask=inside)
        tl.store(low + place, (p - half.to(tl.float32)).to(tl.float16), mask=inside)
        total += tl.sum(p, axis=0)
    tl.store(means + replica * num_hidden + unit, total / num_samples, mask=unit < num_hidden)


@triton.jit
@no_type_check
def add_products(
    products, visible, high, low, replica, num_samples, num_visible, num_hidden, unit, hidden_unit,
    SAMPLES: tl.constexpr,
):  # fmt: skip
    """Add the sum of v p over the samples of one replica, in their order, to a tile of float32 sums.

    States are exact in float16 and a probability is the sum of two such numbers: as good as float32.
    """
    visible += replica * num_samples * num_visible
    high += replica * num_samples * num_hidden
    low += replica * num_samples * num_hidden
    for first in range(0, num_samples, SAMPLES):
        sample = (first + tl.arange(0, SAMPLES))[:, None]
        inside = sample < num_samples
        states = tl.load(
            visible + sample * num_visible + unit[None, :], mask=inside & (unit < num_visible)[None, :], other=0.0
        )
        place = sample * num_hidden + hidden_unit[None, :]
        inside &= (hidden_unit < num_hidden)[None, :]
        coarse = tl.load(high + place, mask=inside, other=0.0)
        fine = tl.load(low + place, mask=inside, other=0.0)
        transposed = tl.trans(states)
        products = tl.dot(transposed, coarse, products)
        products = tl.dot(transposed, fine, products)
    return products


@triton.jit(do_not_specialize=["num_data", "num_model"])
@no_type_check
def weight_gradient(
    data_visible, data_high, data_low, model_visible, model_high, model_low, mask, weights,
    num_data, num_model, num_visible, num_hidden,
    SAMPLES: tl.constexpr, VISIBLE: tl.constexpr, HIDDEN: tl.constexpr,
):  # fmt: skip
    """Fill `weights` with <v p>_data - <v p>_model on the mask, 0 outside it.

    One accumulator holds both: the model's sum, from which the data's, brought to the same number of samples, is taken;
    its sign turns with the last factor.
    """
    replica = tl.program_id(0).to(tl.int64)
    unit = tl.program_id(1) * VISIBLE + tl.arange(0, VISIBLE)
    hidden_unit = tl.program_id(2) * HIDDEN + tl.arange(0, HIDDEN)
    data = add_products(
        tl.zeros((VISIBLE, HIDDEN), tl.float32), data_visible, data_high, data_low, replica, num_data,
        num_visible, num_hidden, unit, hidden_unit, SAMPLES,
    )  # fmt: skip
    difference = add_products(
        data * (-1.0 * num_model / num_data), model_visible, model_high, model_low, replica, num_model,
        num_visible, num_hidden, unit, hidden_unit, SAMPLES,
    )  # fmt: skip
    place = replica * num_visible * num_hidden + unit[:, None] * num_hidden + hidden_unit[None, :]
    inside = (unit < num_visible)[:, None] & (hidden_unit < num_hidden)[None, :]
    kept = tl.load(mask + place, mask=inside, other=0)
    tl.store(weights + place, tl.where(kept != 0, difference * (-1.0 / num_model), 0.0), mask=inside)

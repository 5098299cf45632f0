"""Compiled loops of the fixed-point sampler.

Compiled at the first call and cached on disk. No function here carries type annotations at run time: numba infers
them, and the wrappers in `fixed_point` check what comes in. Arithmetic in float32 is written out operation by
operation, without fused multiply-add, so that every CPU and the numpy reference give the same bits.
"""

# ruff: noqa: PLR0917 -- compiled functions take no keyword-only arguments

from typing import no_type_check

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import prange
from numba.extending import intrinsic

from worker.rbm.row_sums import TILE, follow_rows

# A division that may raise is a branch, and a loop with a branch does not become vector code.
serial = numba.njit(cache=True, nogil=True, error_model="numpy")
inlined = numba.njit(cache=True, nogil=True, inline="always", error_model="numpy")
threaded = numba.njit(cache=True, nogil=True, parallel=True, error_model="numpy")

CHAINS_PER_TASK = 64
"""Chains that one task carries through a step together, at most: enough to use each tile of weights often."""

MAX_EXPONENT, MIN_EXPONENT = 28, -120

# numba turns uint64 with a plain int into float64, hence the typed constants.
ZERO, ONE, WORD = np.uint64(0), np.uint64(1), np.uint64(32)
LOW_WORD = np.uint64(0xFFFFFFFF)

GATHER, TOP_BYTE = np.uint64(0x0102040810204080), np.uint64(56)
"""Times the first, the lowest bits of eight bytes stand in order in the top byte."""

PHILOX_ROUNDS = 10
PHILOX_MULTIPLIER_0, PHILOX_MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
PHILOX_WEYL_0, PHILOX_WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
HIDDEN_LAYER, VISIBLE_LAYER = np.uint64(0), np.uint64(1)

LOG2_E, LN2_HIGH, LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
EXP_0, EXP_1, EXP_2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
EXP_3, EXP_4, EXP_5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
MAX_FIELD, UNITY = np.float32(87), np.float32(1)
ROUNDING_SHIFT = np.float32(1.5 * 2**23)
TWO_TO_MINUS_32, TWO_TO_MINUS_33 = np.float32(2.0**-32), np.float32(2.0**-33)
FLOAT_BIAS, MANTISSA_BITS = np.int32(127), np.int32(23)


@intrinsic
@no_type_check
def trailing_zeros(typing_context, word):
    """The number of zero bits below the lowest set bit of a word that is not 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return numba.types.uint64(numba.types.uint64), generate


@serial
@no_type_check
def fill_words(words, key, chain, step, layer):
    """Fill `words` (a multiple of 4) with 32-bit random words of counter (block, chain, step, layer).

    Word w of block b goes to words[w * blocks + b], so that the loop over blocks writes four contiguous runs.

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011), Philox4x32 with 10 rounds.
    """
    blocks = words.size // 4
    for block in range(blocks):
        c0, c1, c2, c3 = np.uint64(block) & LOW_WORD, chain, step, layer
        key_0, key_1 = key & LOW_WORD, key >> WORD
        for _ in range(PHILOX_ROUNDS):
            product_0, product_1 = PHILOX_MULTIPLIER_0 * c0, PHILOX_MULTIPLIER_1 * c2
            c0, c2 = (product_1 >> WORD) ^ c1 ^ key_0, (product_0 >> WORD) ^ c3 ^ key_1
            c1, c3 = product_1 & LOW_WORD, product_0 & LOW_WORD
            key_0, key_1 = (key_0 + PHILOX_WEYL_0) & LOW_WORD, (key_1 + PHILOX_WEYL_1) & LOW_WORD
        words[block] = np.uint32(c0)
        words[blocks + block] = np.uint32(c1)
        words[2 * blocks + block] = np.uint32(c2)
        words[3 * blocks + block] = np.uint32(c3)


@inlined
@no_type_check
def exp_of_minus(x):
    """exp(-x) for x clamped to [-87, 87]; relative error below 2e-7.

    exp(y) = 2^n exp(r), n = round(y / ln 2), |r| <= ln 2 / 2, by a polynomial of degree 7.

    Source: Moshier, Cephes mathematical library, expf.
    """
    y = min(max(-x, -MAX_FIELD), MAX_FIELD)
    n = (y * LOG2_E + ROUNDING_SHIFT) - ROUNDING_SHIFT
    r = (y - n * LN2_HIGH) - n * LN2_LOW
    polynomial = ((((EXP_0 * r + EXP_1) * r + EXP_2) * r + EXP_3) * r + EXP_4) * r + EXP_5
    exponent_bits = np.int32((np.int32(n) + FLOAT_BIAS) << MANTISSA_BITS)
    return (polynomial * (r * r) + r + UNITY) * exponent_bits.view(np.float32)


@serial
@no_type_check
def draw_units(field, words, scale, units):
    """units[i] = 1 with probability sigmoid(field[i] * scale): u < 1 / (1 + exp(-x)), written without the division.

    u = word 2^-32 + 2^-33, rounded to float32: a small probability is resolved to 2^-32, one near 1 to 2^-24.
    """
    for i in range(field.size):
        uniform = np.float32(words[i]) * TWO_TO_MINUS_32 + TWO_TO_MINUS_33
        x = np.float32(field[i]) * scale
        units[i] = np.uint8(uniform * (UNITY + exp_of_minus(x)) < UNITY)


@serial
@no_type_check
def find_flips(units, new_units, switched, counts):
    """List the units that went on in `switched[0]`, those that went off in `switched[1]`, and count both.

    `new_units` is copied over `units`. Units are bytes of 0 or 1, 64 of them at a time are gathered into one word, with
    a product that brings the lowest bits of eight bytes together; both arrays are padded to that.
    """
    on, off = 0, 0
    old_words, new_words = units.view(np.uint64), new_units.view(np.uint64)
    for group in range(old_words.size // 8):
        changed, now = ZERO, ZERO
        for k in range(8):
            new = new_words[8 * group + k]
            old = old_words[8 * group + k]
            old_words[8 * group + k] = new
            place = np.uint64(8 * k)
            changed |= (((old ^ new) * GATHER) >> TOP_BYTE) << place
            now |= ((new * GATHER) >> TOP_BYTE) << place
        while changed != ZERO:
            shift = trailing_zeros(changed)
            is_on = np.int64((now >> shift) & ONE)
            # Writing both lists and moving on in one of them is faster than a branch that cannot be predicted.
            switched[0, on] = switched[1, off] = np.uint32(64 * group) + np.uint32(shift)
            on += is_on
            off += 1 - is_on
            changed &= changed - ONE
    counts[0], counts[1] = on, off


@inlined
@no_type_check
def padded(size, multiple):
    """The least multiple of `multiple` that holds `size`."""
    return (size + multiple - 1) // multiple * multiple


@serial
@no_type_check
def follow_flips(fields, tiles, flips, counts):
    """Let the fields of all chains follow their flips in the opposite layer, tile by tile.

    Meanwhile the tile stays in the core's own cache, whichever rows the chains take from it.
    """
    num_tiles, num_rows, _ = tiles.shape
    num_chains, _, longest = flips.shape
    for tile in range(num_tiles):
        for chain in range(num_chains):
            switched_on = 2 * longest * chain
            follow_rows(
                fields, chain * fields.shape[1] + tile * TILE, tiles, tile * num_rows * TILE,
                flips, switched_on, counts[chain, 0], switched_on + longest, counts[chain, 1],
            )  # fmt: skip


@serial
@no_type_check
def copy_row(row, copied):
    """Fill the beginning of `copied`. An assignment to a slice would take seconds to compile, for its error text."""
    for i in range(row.size):
        copied[i] = row[i]


@serial
@no_type_check
def biases_as_fields(bias, num_chains, num_tiles):
    """The fields of a layer when all units of the other one are off, padded to whole tiles."""
    fields = np.zeros((num_chains, num_tiles * TILE), np.int32)
    for chain in range(num_chains):
        copy_row(bias, fields[chain])
    return fields


@serial
@no_type_check
def switch_on(visible, fields, tiles, units, flips, counts):
    """Switch visible units on that are all off, and let the hidden fields follow."""
    new_units = np.zeros(units.shape[1], np.uint8)
    for chain in range(visible.shape[0]):
        copy_row(visible[chain], new_units)
        find_flips(units[chain], new_units, flips[chain], counts[chain])
    follow_flips(fields, tiles, flips, counts)


@serial
@no_type_check
def draw_layer(units, fields, num_units, words, scale, new_units, flips, counts, key, first_chain, step, layer):
    """Draw one layer of every chain from its field, and list the flips."""
    for chain in range(units.shape[0]):
        fill_words(words, key, first_chain + np.uint64(chain), step, layer)
        draw_units(fields[chain, :num_units], words, scale, new_units)
        find_flips(units[chain], new_units, flips[chain], counts[chain])


@serial
@no_type_check
def sigmoid_of_row(field, scale, probabilities):
    """Fill `probabilities` with sigmoid(field * scale); the field may be longer."""
    for i in range(probabilities.size):
        x = np.float32(field[i]) * scale
        probabilities[i] = UNITY / (UNITY + exp_of_minus(x))


@serial
@no_type_check
def sigmoids(fields, scale, probabilities):
    """Fill `probabilities` with sigmoid(field * scale), row by row: only plain rows become vector code."""
    for row in range(probabilities.shape[0]):
        sigmoid_of_row(fields[row], scale, probabilities[row])


@serial
@no_type_check
def run_task(
    tiles, tiles_transposed, vbias, hbias, scale, visible, hidden, probabilities, key, first_chain, gibbs_steps
):
    """All steps of some chains of one replica; every buffer is made once, before the first step."""
    num_chains, num_visible = visible.shape
    num_hidden = hidden.shape[1]
    flips = np.empty((num_chains, 2, max(num_visible, num_hidden) + 1), np.uint32)
    counts = np.empty((num_chains, 2), np.int64)
    hidden_words = np.empty(padded(num_hidden, 4), np.uint32)
    visible_words = np.empty(padded(num_visible, 4), np.uint32)
    new_hidden = np.zeros(padded(num_hidden, 64), np.uint8)
    new_visible = np.zeros(padded(num_visible, 64), np.uint8)
    h = np.zeros((num_chains, new_hidden.size), np.uint8)
    v = np.zeros((num_chains, new_visible.size), np.uint8)
    hidden_fields = biases_as_fields(hbias, num_chains, tiles.shape[0])
    visible_fields = biases_as_fields(vbias, num_chains, tiles_transposed.shape[0])
    switch_on(visible, hidden_fields, tiles, v, flips, counts)
    step = ZERO
    while step < gibbs_steps:
        draw_layer(
            h, hidden_fields, num_hidden, hidden_words, scale, new_hidden, flips, counts,
            key, first_chain, step, HIDDEN_LAYER,
        )  # fmt: skip
        follow_flips(visible_fields, tiles_transposed, flips, counts)
        draw_layer(
            v, visible_fields, num_visible, visible_words, scale, new_visible, flips, counts,
            key, first_chain, step, VISIBLE_LAYER,
        )  # fmt: skip
        follow_flips(hidden_fields, tiles, flips, counts)
        step += ONE
    for chain in range(num_chains):
        copy_row(v[chain, :num_visible], visible[chain])
        copy_row(h[chain, :num_hidden], hidden[chain])
    sigmoids(hidden_fields, scale, probabilities)


@threaded
@no_type_check
def run_chains(tiles, tiles_transposed, vbias, hbias, scale, visible, hidden, probabilities, keys, gibbs_steps):
    """Run every chain of every replica, `visible` in place; `hidden` receives the last hidden states.

    `probabilities` receives p(h|v) of the last visible states; it has no rows if nobody asks for them.
    """
    num_replicas, num_chains, _ = visible.shape
    tasks = (num_chains + CHAINS_PER_TASK - 1) // CHAINS_PER_TASK
    share = (num_chains + tasks - 1) // tasks
    for task in prange(num_replicas * tasks):
        replica = task // tasks
        first = task % tasks * share
        last = min(num_chains, first + share)
        if first < last:
            run_task(
                tiles[replica], tiles_transposed[replica], vbias[replica], hbias[replica], scale[replica],
                visible[replica, first:last], hidden[replica, first:last], probabilities[replica, first:last],
                keys[replica], np.uint64(first), gibbs_steps,
            )  # fmt: skip


@serial
@no_type_check
def fields_of(tiles, hbias, visible):
    """The hidden fields of some visible states, padded to whole tiles; exact."""
    num_samples, num_visible = visible.shape
    fields = biases_as_fields(hbias, num_samples, tiles.shape[0])
    flips = np.empty((num_samples, 2, num_visible + 1), np.uint32)
    units = np.zeros((num_samples, padded(num_visible, 64)), np.uint8)
    switch_on(visible, fields, tiles, units, flips, np.empty((num_samples, 2), np.int64))
    return fields


@serial
@no_type_check
def probabilities_of_task(tiles, hbias, scale, visible, probabilities):
    """Fill `probabilities` with p(h|v) of some samples of one replica."""
    sigmoids(fields_of(tiles, hbias, visible), scale, probabilities)


@threaded
@no_type_check
def hidden_probabilities(tiles, hbias, scale, visible, probabilities):
    """Fill `probabilities` with the sigmoid of the hidden layer's exact fixed-point fields."""
    num_replicas, num_samples, _ = visible.shape
    tasks = (num_samples + CHAINS_PER_TASK - 1) // CHAINS_PER_TASK
    for task in prange(num_replicas * tasks):
        replica, first = task // tasks, task % tasks * CHAINS_PER_TASK
        last = min(num_samples, first + CHAINS_PER_TASK)
        probabilities_of_task(
            tiles[replica], hbias[replica], scale[replica],
            visible[replica, first:last], probabilities[replica, first:last],
        )  # fmt: skip


@serial
@no_type_check
def largest_bound(weights, vbias, hbias):
    """The largest |bias| + sum of |weights| over the inputs of a unit, of one replica, in float64.

    A row is summed in eight parts, always the same ones, which a processor adds side by side.
    """
    num_visible, num_hidden = weights.shape
    eights = num_hidden // 8 * 8
    columns = np.empty(num_hidden, np.float64)
    for i in range(num_hidden):
        columns[i] = abs(hbias[i])
    parts = np.empty(8, np.float64)
    bound = 0.0
    for j in range(num_visible):
        for k in range(8):
            parts[k] = 0.0
        for i in range(0, eights, 8):
            for k in range(8):
                magnitude = np.float64(abs(weights[j, i + k]))
                parts[k] += magnitude
                columns[i + k] += magnitude
        row = np.float64(abs(vbias[j]))
        for k in range(8):
            row += parts[k]
        for i in range(eights, num_hidden):
            magnitude = np.float64(abs(weights[j, i]))
            row += magnitude
            columns[i] += magnitude
        bound = max(bound, row)
    for i in range(num_hidden):
        bound = max(bound, columns[i])
    return bound


@threaded
@no_type_check
def exponents(weights, vbias, hbias):
    """The exponent e of each replica: the largest, up to 28, for which no sum over inputs reaches 2^30."""
    num_replicas = weights.shape[0]
    result = np.empty(num_replicas, np.int32)
    for replica in prange(num_replicas):
        bound = largest_bound(weights[replica], vbias[replica], hbias[replica])
        exponent = MAX_EXPONENT
        while exponent > MIN_EXPONENT and bound * 2.0**exponent >= 2.0**30:
            exponent -= 1
        result[replica] = exponent
    return result


@serial
@no_type_check
def round_row(weights, factor, rounded):
    """Fill `rounded` with round(weights factor), halves to even, and with 0 beyond them."""
    for i in range(weights.size):
        rounded[i] = np.int32(np.rint(weights[i] * factor))
    for i in range(weights.size, rounded.size):
        rounded[i] = 0


@threaded
@no_type_check
def quantise(weights, exponents, tiles, tiles_transposed):
    """Fill `tiles` with round(weights 2^e), halves to even, and `tiles_transposed` with its transpose; 0 beyond."""
    num_replicas, num_visible, num_hidden = weights.shape
    blocks = tiles_transposed.shape[1]
    for task in prange(num_replicas * blocks):
        replica, block = task // blocks, task % blocks
        first, last = block * TILE, min(num_visible, (block + 1) * TILE)
        factor = np.float32(2.0 ** exponents[replica])
        for j in range(first, last):
            for tile in range(tiles.shape[1]):
                start, end = tile * TILE, min(num_hidden, (tile + 1) * TILE)
                round_row(weights[replica, j, start:end], factor, tiles[replica, tile, j])
        for i in range(num_hidden):
            tile, place = i // TILE, i % TILE
            for j in range(first, last):
                tiles_transposed[replica, block, i, j - first] = tiles[replica, tile, j, place]
            for place in range(last - first, TILE):
                tiles_transposed[replica, block, i, place] = 0

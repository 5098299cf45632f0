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

serial = numba.njit(cache=True, nogil=True)
inlined = numba.njit(cache=True, nogil=True, inline="always")
threaded = numba.njit(cache=True, nogil=True, parallel=True)

CHAINS_PER_TASK = 64
"""Chains that one task carries through a step together: enough to use each weight read from memory often."""

MAX_EXPONENT, MIN_EXPONENT = 28, -120

# numba turns uint64 with a plain int into float64, hence the typed constants.
ZERO, ONE, THREE, FOUR, EIGHT, WORD = (np.uint64(value) for value in (0, 1, 3, 4, 8, 32))
LOW_WORD = np.uint64(0xFFFFFFFF)

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
def find_flips(units, new_units, switched_on, switched_off):
    """List the units that differ, copy `new_units` over `units`, return how many went on and off.

    Reads eight units (one byte each, 0 or 1) at a time, because most do not flip; both arrays are padded to that.
    """
    on, off = ZERO, ZERO
    old_words, new_words = units.view(np.uint64), new_units.view(np.uint64)
    for w in range(old_words.size):
        new = new_words[w]
        changed = old_words[w] ^ new
        if changed == ZERO:
            continue
        old_words[w] = new
        while changed != ZERO:
            shift = trailing_zeros(changed)
            unit = np.uint64(w) * EIGHT + (shift >> THREE)
            is_on = (new >> shift) & ONE
            # Writing both lists and moving on in one of them is faster than a branch that cannot be predicted.
            switched_on[on], switched_off[off] = unit, unit
            on += is_on
            off += ONE - is_on
            changed &= changed - ONE
    return on, off


@serial
@no_type_check
def add_rows(field, weights, rows, count):
    """Add the listed rows to the field. Four at a time: more makes the compiler give up its vector code."""
    k = ZERO
    while k + FOUR <= count:
        a, b = weights[rows[k]], weights[rows[k + ONE]]
        c, d = weights[rows[k + ONE + ONE]], weights[rows[k + THREE]]
        for j in range(field.size):
            field[j] += (a[j] + b[j]) + (c[j] + d[j])
        k += FOUR
    while k < count:
        a = weights[rows[k]]
        for j in range(field.size):
            field[j] += a[j]
        k += ONE


@serial
@no_type_check
def subtract_rows(field, weights, rows, count):
    """Subtract the listed rows from the field."""
    k = ZERO
    while k + FOUR <= count:
        a, b = weights[rows[k]], weights[rows[k + ONE]]
        c, d = weights[rows[k + ONE + ONE]], weights[rows[k + THREE]]
        for j in range(field.size):
            field[j] -= (a[j] + b[j]) + (c[j] + d[j])
        k += FOUR
    while k < count:
        a = weights[rows[k]]
        for j in range(field.size):
            field[j] -= a[j]
        k += ONE


@inlined
@no_type_check
def padded(size, multiple):
    """The least multiple of `multiple` that holds `size`."""
    return (size + multiple - 1) // multiple * multiple


@serial
@no_type_check
def half_step(units, new_units, words, field, opposite_field, weights, scale, lists, key, chain, step, layer):
    """Draw one layer of one chain from its field, and let the opposite layer's field follow the flips."""
    fill_words(words, key, chain, step, layer)
    draw_units(field, words, scale, new_units)
    on, off = find_flips(units, new_units, lists[0], lists[1])
    add_rows(opposite_field, weights, lists[0], on)
    subtract_rows(opposite_field, weights, lists[1], off)


@serial
@no_type_check
def run_task(weights, weights_transposed, vbias, hbias, scale, visible, hidden, key, first_chain, gibbs_steps):
    """All steps of some chains of one replica; every buffer is made once, before the first step."""
    num_chains, num_visible = visible.shape
    num_hidden = hidden.shape[1]
    lists = np.empty((2, max(num_visible, num_hidden) + 1), np.uint64)
    hidden_words = np.empty(padded(num_hidden, 4), np.uint32)
    visible_words = np.empty(padded(num_visible, 4), np.uint32)
    new_hidden = np.zeros(padded(num_hidden, 8), np.uint8)
    new_visible = np.zeros(padded(num_visible, 8), np.uint8)
    h = np.zeros((num_chains, new_hidden.size), np.uint8)
    v = np.zeros((num_chains, new_visible.size), np.uint8)
    hidden_field = np.empty((num_chains, num_hidden), np.int32)
    visible_field = np.empty((num_chains, num_visible), np.int32)
    for chain in range(num_chains):
        hidden_field[chain] = hbias
        visible_field[chain] = vbias
        new_visible[:num_visible] = visible[chain]
        on, _ = find_flips(v[chain], new_visible, lists[0], lists[1])
        add_rows(hidden_field[chain], weights, lists[0], on)
    step = ZERO
    while step < gibbs_steps:
        # Layer by layer over all chains: the rows of one weight matrix stay in the cache meanwhile.
        for chain in range(num_chains):
            half_step(
                h[chain], new_hidden, hidden_words, hidden_field[chain], visible_field[chain], weights_transposed,
                scale, lists, key, first_chain + np.uint64(chain), step, HIDDEN_LAYER,
            )  # fmt: skip
        for chain in range(num_chains):
            half_step(
                v[chain], new_visible, visible_words, visible_field[chain], hidden_field[chain], weights,
                scale, lists, key, first_chain + np.uint64(chain), step, VISIBLE_LAYER,
            )  # fmt: skip
        step += ONE
    for chain in range(num_chains):
        visible[chain] = v[chain, :num_visible]
        hidden[chain] = h[chain, :num_hidden]


@threaded
@no_type_check
def run_chains(weights, weights_transposed, vbias, hbias, scale, visible, hidden, keys, gibbs_steps):
    """Run every chain of every replica, `visible` in place; `hidden` receives the last hidden states."""
    num_replicas, num_chains, _ = visible.shape
    tasks = (num_chains + CHAINS_PER_TASK - 1) // CHAINS_PER_TASK
    for task in prange(num_replicas * tasks):
        replica = task // tasks
        first = task % tasks * CHAINS_PER_TASK
        last = min(num_chains, first + CHAINS_PER_TASK)
        run_task(
            weights[replica], weights_transposed[replica], vbias[replica], hbias[replica], scale[replica],
            visible[replica, first:last], hidden[replica, first:last], keys[replica], np.uint64(first), gibbs_steps,
        )  # fmt: skip


@threaded
@no_type_check
def hidden_probabilities(weights, hbias, scale, visible, probabilities):
    """Fill `probabilities` with the sigmoid of the hidden layer's exact fixed-point fields."""
    num_replicas, num_samples, num_visible = visible.shape
    num_hidden = hbias.shape[1]
    for task in prange(num_replicas * num_samples):
        replica, sample = task // num_samples, task % num_samples
        lists = np.empty((2, num_visible + 1), np.uint64)
        units = np.zeros(padded(num_visible, 8), np.uint8)
        new_units = np.zeros(padded(num_visible, 8), np.uint8)
        new_units[:num_visible] = visible[replica, sample]
        field = hbias[replica].copy()
        on, _ = find_flips(units, new_units, lists[0], lists[1])
        add_rows(field, weights[replica], lists[0], on)
        for i in range(num_hidden):
            x = np.float32(field[i]) * scale[replica]
            probabilities[replica, sample, i] = UNITY / (UNITY + exp_of_minus(x))


@serial
@no_type_check
def largest_bound(weights, vbias, hbias):
    """The largest |bias| + sum of |weights| over the inputs of a unit, of one replica, in float64."""
    num_visible, num_hidden = weights.shape
    columns = np.empty(num_hidden, np.float64)
    for i in range(num_hidden):
        columns[i] = abs(hbias[i])
    bound = 0.0
    for j in range(num_visible):
        row = abs(np.float64(vbias[j]))
        for i in range(num_hidden):
            magnitude = np.float64(abs(weights[j, i]))
            row += magnitude
            columns[i] += magnitude
        bound = max(bound, row)
    return max(bound, columns.max())


@serial
@no_type_check
def exponents(weights, vbias, hbias):
    """The exponent e of each replica: the largest, up to 28, for which no sum over inputs reaches 2^30."""
    num_replicas = weights.shape[0]
    result = np.empty(num_replicas, np.int32)
    for replica in range(num_replicas):
        bound = largest_bound(weights[replica], vbias[replica], hbias[replica])
        exponent = MAX_EXPONENT
        while exponent > MIN_EXPONENT and bound * 2.0**exponent >= 2.0**30:
            exponent -= 1
        result[replica] = exponent
    return result


@threaded
@no_type_check
def quantise(weights, exponents, rows, columns):
    """Fill `rows` with round(weights 2^e), halves to even, and `columns` with its transpose."""
    num_replicas, num_visible, num_hidden = weights.shape
    block = 16
    blocks = (num_visible + block - 1) // block
    for task in prange(num_replicas * blocks):
        replica, first = task // blocks, task % blocks * block
        last = min(num_visible, first + block)
        factor = np.float32(2.0 ** exponents[replica])
        for j in range(first, last):
            for i in range(num_hidden):
                rows[replica, j, i] = np.int32(np.rint(weights[replica, j, i] * factor))
        for i in range(num_hidden):
            for j in range(first, last):
                columns[replica, i, j] = rows[replica, j, i]

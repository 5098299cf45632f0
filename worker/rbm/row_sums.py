"""Sums of listed rows of a matrix, `TILE` columns at a time, with the sums held in vector registers.

A matrix is cut into tiles of `TILE` columns, [tile row TILE]. A tile of a machine of the usual size fits into a core's
own cache, so that many sums of different rows read it from there, and the running sums of `TILE` columns fit into the
registers of a processor with 16 vectors of 256 bits. Others compile the same code into more, narrower operations.

numba does not keep sums in registers over a loop of its own, hence the two loops written out in LLVM here. Its cache on
disk does not notice a change of this file: change the files that call it too, or remove their `__pycache__`.
"""

# ruff: noqa: PLR0917 -- compiled functions take no keyword-only arguments

from collections.abc import Callable, Sequence
from typing import Any, no_type_check

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

TILE = 80
"""Columns of a tile: ten vectors of eight, and five whole lines of the cache."""

_LANES = 8
_INDEX = ir.IntType(64)


@intrinsic
@no_type_check
def follow_rows(typing_context, totals, at, tiles, tile_at, listed, plus_at, num_plus, minus_at, num_minus):
    """totals[at : at + TILE] += the listed rows of one tile, -= the other listed rows; int32, exact in any order.

    Args:
        totals: int32, contiguous; `at` is where the sums begin, counted over the whole array.
        tiles: int32 [tile row TILE], contiguous; `tile_at` is where the tile begins.
        listed: uint32 row numbers: `num_plus` from `plus_at` on, and `num_minus` from `minus_at` on.
    """
    numbers = (types.intp,) * 4
    signature = types.void(totals, types.intp, tiles, types.intp, listed, *numbers)

    def generate(context, builder, given, arguments):
        total, tile, rows = (_data(context, builder, given.args[k], arguments[k]) for k in (0, 2, 4))
        vector = ir.VectorType(ir.IntType(32), _LANES)
        sums = _Sums(builder, vector, builder.gep(total, [arguments[1]]))
        table = builder.gep(tile, [arguments[3]])
        for first, count, combine in (
            (arguments[5], arguments[6], builder.add),
            (arguments[7], arguments[8], builder.sub),
        ):
            start = builder.gep(rows, [first])
            with cgutils.for_range(builder, count) as loop:
                row = _row(builder, table, start, loop.index, TILE)
                sums.update([_vector(builder, row, k, vector) for k in range(sums.size)], combine)
        sums.store()
        return context.get_dummy_value()

    return signature, generate


@intrinsic
@no_type_check
def sum_rows(typing_context, totals, at, matrix, column, stride, listed, count):
    """totals[at : at + TILE] = the sum of the listed rows' columns from `column` on; float32, four rows at a time.

    total += (a + b) + (c + d) for each four rows in their order, then total += a for those that are left.

    Args:
        totals: float32, contiguous; `at` is where the sums begin, counted over the whole array.
        matrix: float32, contiguous, rows of `stride` columns.
        listed: uint32 row numbers, `count` of them.
    """
    signature = types.void(totals, types.intp, matrix, types.intp, types.intp, listed, types.intp)

    def generate(context, builder, given, arguments):
        total, data, rows = (_data(context, builder, given.args[k], arguments[k]) for k in (0, 2, 5))
        vector = ir.VectorType(ir.FloatType(), _LANES)
        sums = _Sums(builder, vector, builder.gep(total, [arguments[1]]), zero=True)
        table, count = builder.gep(data, [arguments[3]]), arguments[6]
        four = ir.Constant(_INDEX, 4)
        fours = builder.udiv(count, four)
        done = builder.mul(fours, four)
        with cgutils.for_range(builder, fours) as loop:
            first = builder.mul(loop.index, four)
            places = [builder.add(first, ir.Constant(_INDEX, k)) for k in range(4)]
            a, b, c, d = (_row(builder, table, rows, place, arguments[4]) for place in places)
            added = []
            for k in range(sums.size):
                va, vb, vc, vd = (_vector(builder, row, k, vector) for row in (a, b, c, d))
                added.append(builder.fadd(builder.fadd(va, vb), builder.fadd(vc, vd)))
            sums.update(added, builder.fadd)
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            row = _row(builder, table, rows, builder.add(done, loop.index), arguments[4])
            sums.update([_vector(builder, row, k, vector) for k in range(sums.size)], builder.fadd)
        sums.store()
        return context.get_dummy_value()

    return signature, generate


class _Sums:
    """`TILE` running sums in variables of their own, which the compiler turns into registers."""

    def __init__(self, builder: Any, vector: Any, place: Any, *, zero: bool = False) -> None:
        self.size = TILE // _LANES
        self._builder, self._vector, self._place = builder, vector, place
        variables = (cgutils.alloca_once(builder, vector) for _ in range(self.size))  # type: ignore[no-untyped-call]
        self._variables = list(variables)
        for k, variable in enumerate(self._variables):
            start = ir.Constant(vector, None) if zero else _vector(builder, place, k, vector)
            builder.store(start, variable)

    def update(self, values: Sequence[Any], combine: Callable[[Any, Any], Any]) -> None:
        """Combine each sum with a value."""
        for variable, value in zip(self._variables, values, strict=True):
            self._builder.store(combine(self._builder.load(variable), value), variable)

    def store(self) -> None:
        """Write the sums to their place."""
        for k, variable in enumerate(self._variables):
            target = _at(self._builder, self._place, k, self._vector)
            self._builder.store(self._builder.load(variable), target, align=4)


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _row(builder: Any, table: Any, rows: Any, place: Any, stride: Any) -> Any:
    """The address of the listed row at that place of the list."""
    number = builder.zext(builder.load(builder.gep(rows, [place])), _INDEX)
    width = ir.Constant(_INDEX, stride) if isinstance(stride, int) else stride
    return builder.gep(table, [builder.mul(number, width)])


def _at(builder: Any, address: Any, number: int, vector: Any) -> Any:
    moved = builder.gep(address, [ir.Constant(_INDEX, number * _LANES)])
    return builder.bitcast(moved, vector.as_pointer())


def _vector(builder: Any, address: Any, number: int, vector: Any) -> Any:
    """The vector that begins `number` vectors behind an address; nothing is aligned to more than a number."""
    return builder.load(_at(builder, address, number, vector), align=4)

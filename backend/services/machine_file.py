"""Read a machine's safetensors file without torch, and refuse one that no worker could use, fault by fault."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.contracts.catalogue import DatasetEntry, catalogue
from backend.contracts.machine_files import (
    FLOAT_TYPES,
    LARGEST_PARAMETER,
    MASK,
    MAX_FILE_BYTES,
    MAX_METADATA_BYTES,
    MAX_WEIGHTS,
    REQUIRED_TENSORS,
)
from backend.contracts.messages import FieldProblem
from backend.services.errors import InvalidRequest
from backend.services.machine_parameters import mask_of, read_tensors

HEADER_LENGTH_BYTES = 8
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip
_AXES = {"weight_matrix": 2, "vbias": 1, "hbias": 1, MASK: 1}
_WHOLE = "/"

Header = dict[str, Any]


@dataclass(frozen=True)
class MachineFile:
    """What a machine's file says of it.

    Attributes:
        initial_dilution: fraction of weights outside the mask.
        dataset: the data set that has as many pixels as the machine has visible units.
        metadata: the texts that the file carries.
    """

    num_visible: int
    num_hidden: int
    initial_dilution: float
    dataset: str
    metadata: Mapping[str, str]


def read_machine_file(data: bytes) -> MachineFile:
    """Check a machine's file and say what is in it.

    Raises:
        InvalidRequest: naming every fault: what was given, what is allowed, what to do. `pointer` is `/` for the file
            as a whole, else the tensor's name.
    """
    header, metadata = _header(data)
    tensors = _tensors(data, header)
    weights = tensors["weight_matrix"]
    dataset = _dataset_of(weights.shape[0])
    mask = _mask(tensors, weights)
    faults = [*_biases(tensors, weights.shape), *_values(tensors), *_mask_faults(weights, mask)]
    if faults:
        raise InvalidRequest(faults)
    return MachineFile(
        num_visible=weights.shape[0],
        num_hidden=weights.shape[1],
        initial_dilution=int((~mask).sum()) / mask.size,
        dataset=dataset.name,
        metadata=metadata,
    )


def _refuse(detail: str, pointer: str = _WHOLE) -> InvalidRequest:
    return InvalidRequest([FieldProblem(pointer=pointer, detail=detail)])


def _header(data: bytes) -> tuple[Header, dict[str, str]]:
    """The entries of the tensors, and the metadata; the layout of the bytes is whole."""
    size = len(data)
    if size == 0:
        raise _refuse("the file is empty: send a safetensors file as the body of the request")
    if size > MAX_FILE_BYTES:
        raise _refuse(f"the file has {size:,} bytes; at most {MAX_FILE_BYTES:,} are taken")
    length = int.from_bytes(data[:HEADER_LENGTH_BYTES], "little")
    start = HEADER_LENGTH_BYTES + length
    if size < HEADER_LENGTH_BYTES or start > size:
        raise _refuse(
            f"these {size:,} bytes are no safetensors file, or one that was cut off: its first 8 bytes announce a "
            f"header of {length:,} bytes. Write it with safetensors and send it whole"
        )
    try:
        header = json.loads(data[HEADER_LENGTH_BYTES:start].decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _refuse(
            f"the header of the file is not JSON, so it is no safetensors file: {str(error)[:200]}"
        ) from error
    if not isinstance(header, dict) or data[HEADER_LENGTH_BYTES : HEADER_LENGTH_BYTES + 1] != b"{":
        raise _refuse("the header of the file is no JSON object, so it is no safetensors file")
    metadata = _metadata(header.pop("__metadata__", None))
    _check_layout(header, size - start)
    return header, metadata


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _metadata(given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise _refuse("__metadata__ of the header is not an object of texts: write numbers as texts", "/__metadata__")
    num_bytes = sum(
        len(name.encode(errors="replace")) + len(text.encode(errors="replace")) for name, text in given.items()
    )
    if num_bytes > MAX_METADATA_BYTES:
        raise _refuse(
            f"__metadata__ has {num_bytes:,} bytes; at most {MAX_METADATA_BYTES:,} are kept: leave some out",
            "/__metadata__",
        )
    if any("\0" in name + text for name, text in given.items()):
        raise _refuse("__metadata__ contains a zero character, which cannot be kept: leave it out", "/__metadata__")
    return given


def _check_layout(header: Header, num_bytes: int) -> None:
    """The tensors lie one after the other and fill the file, as the format demands."""
    faults = [fault for name, about in header.items() if (fault := _entry_fault(name, about))]
    if faults:
        raise InvalidRequest(faults)
    place = 0
    for name, about in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = about["data_offsets"]
        wanted = math.prod(about["shape"]) * _BITS[about["dtype"]] // 8
        if first != place or last - first != wanted:
            raise _refuse(
                f"its bytes are said to be {first:,} to {last:,}; {about['dtype']} of shape {about['shape']} has "
                f"{wanted:,} bytes, from {place:,} on: the file is damaged, write it again",
                f"/{name}",
            )
        place = last
    if place != num_bytes:
        raise _refuse(
            f"the header describes {place:,} bytes of tensors and the file has {num_bytes:,}: it was cut off or "
            f"something was added; send it whole"
        )


def _entry_fault(name: str, about: object) -> FieldProblem | None:
    ok = (
        isinstance(about, dict)
        and set(about) == {"dtype", "shape", "data_offsets"}
        and isinstance(about["dtype"], str)
        and _counts(about["shape"])
        and _counts(about["data_offsets"])
        and len(about["data_offsets"]) == 2
    )
    if not ok or not isinstance(about, dict):
        return FieldProblem(pointer=f"/{name[:80]}", detail="its entry is not {dtype, shape, data_offsets}")
    if about["dtype"] not in _BITS:
        detail = f"its type is {about['dtype'][:40]!r}, which machines do not have: {_allowed_types(name)}"
        return FieldProblem(pointer=f"/{name[:80]}", detail=detail)
    return None


def _counts(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)


def _allowed_types(name: str) -> str:
    if name == MASK:
        return "write it as U8, one bit a weight (numpy.packbits)"
    return f"write it as {' or '.join(FLOAT_TYPES)}, for instance with .astype('float32')"


def _tensors(data: bytes, header: Header) -> dict[str, NDArray[Any]]:
    """The tensors of a machine, whose names, types, number of axes and sizes are right."""
    present = ", ".join(sorted(header)[:20]) or "no tensor"
    faults = [
        FieldProblem(pointer=f"/{name}", detail=f"is missing: the file has {present}; give weight_matrix, vbias, hbias")
        for name in REQUIRED_TENSORS
        if name not in header
    ]
    for name, about in header.items():
        if name not in _AXES:
            detail = "is no tensor of a machine: weight_matrix, vbias, hbias and mask are; leave it out"
            faults.append(FieldProblem(pointer=f"/{name[:80]}", detail=detail))
        elif fault := _form_fault(name, about["dtype"], about["shape"]):
            faults.append(FieldProblem(pointer=f"/{name}", detail=fault))
    if faults:
        raise InvalidRequest(faults)
    return read_tensors(data)


def _form_fault(name: str, dtype: str, shape: Sequence[int]) -> str | None:
    allowed = ("U8",) if name == MASK else FLOAT_TYPES
    if dtype not in allowed:
        return f"is {dtype} of shape {list(shape)}: {_allowed_types(name)}"
    if len(shape) != _AXES[name]:
        meant = {2: "[visible, hidden]", 1: "one axis"}[_AXES[name]]
        return f"has shape {list(shape)}; it must have {meant}"
    if 0 in shape:
        return f"has shape {list(shape)}; no axis may be 0"
    if name == "weight_matrix" and math.prod(shape) > MAX_WEIGHTS:
        return f"has {shape[0]:,} x {shape[1]:,} weights; at most {MAX_WEIGHTS:,} are taken"
    return None


def _dataset_of(num_visible: int) -> DatasetEntry:
    known = catalogue().datasets
    found = next((one for one in known if one.num_visible == num_visible), None)
    if found is None:
        sizes = ", ".join(f"{one.num_visible} ({one.label})" for one in known)
        raise _refuse(
            f"has {num_visible:,} visible units; data sets here have {sizes}, and a machine is measured against one. "
            f"If the file has its hidden units first, transpose the matrix",
            "/weight_matrix",
        )
    return found


def _biases(tensors: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> list[FieldProblem]:
    return [
        FieldProblem(pointer=f"/{name}", detail=f"has {tensors[name].size:,} values; {size:,} units need as many")
        for name, size in (("vbias", shape[0]), ("hbias", shape[1]))
        if tensors[name].size != size
    ]


def _values(tensors: Mapping[str, NDArray[Any]]) -> list[FieldProblem]:
    faults = []
    for name in REQUIRED_TENSORS:
        values = tensors[name]
        bad = ~np.isfinite(values)
        if bad.any():
            detail = f"{_where(bad)} not finite (NaN or infinity); every value must be a finite number"
            faults.append(FieldProblem(pointer=f"/{name}", detail=detail))
        elif (large := np.abs(values) > LARGEST_PARAMETER).any():
            detail = f"{_where(large)} above {LARGEST_PARAMETER:,.0f} in magnitude; trained machines stay below 100"
            faults.append(FieldProblem(pointer=f"/{name}", detail=detail))
    return faults


def _where(places: NDArray[np.bool_]) -> str:
    count, first = int(places.sum()), np.argwhere(places)[0].tolist()
    return f"{count:,} of {places.size:,} values (the first at {first}) {'is' if count == 1 else 'are'}"


def _mask(tensors: Mapping[str, NDArray[Any]], weights: NDArray[Any]) -> NDArray[np.bool_]:
    """The mask, if it has as many bits as there are weights."""
    wanted = (weights.size + 7) // 8
    given = tensors[MASK].size if MASK in tensors else wanted
    if given != wanted:
        raise _refuse(
            f"has {given:,} bytes; {weights.shape[0]} x {weights.shape[1]} weights need {wanted:,}, one bit each, "
            f"row by row (numpy.packbits)",
            f"/{MASK}",
        )
    return mask_of(tensors, weights)


def _mask_faults(weights: NDArray[Any], mask: NDArray[np.bool_]) -> list[FieldProblem]:
    outside = (weights != 0) & ~mask
    if outside.any():
        detail = (
            f"{int(outside.sum()):,} weights outside the mask are not 0 (the first at "
            f"{np.argwhere(outside)[0].tolist()}): set them to 0, or their bits of the mask to 1"
        )
        return [FieldProblem(pointer=f"/{MASK}", detail=detail)]
    if not mask.any():
        detail = "every weight is outside the mask: nothing connects the units; give at least one weight"
        return [FieldProblem(pointer=f"/{MASK}", detail=detail)]
    return []

"""Machine files, read without torch: every fault is found, and what is taken the worker can read."""

import json

import numpy as np
import pytest

from backend.contracts.machine_files import LARGEST_PARAMETER
from backend.services.errors import InvalidRequest
from backend.services.machine_file import read_machine_file
from tests.machine_files import FAULTS, machine_file, tensors
from worker.rbm.machine_file import read_machine


def taken(data: bytes) -> bool:
    try:
        read_machine_file(data)
    except InvalidRequest:
        return False
    return True


@pytest.mark.parametrize("case", FAULTS)
def test_every_fault_is_found_where_it_is(case: str) -> None:
    make, pointer, words = FAULTS[case]
    with pytest.raises(InvalidRequest) as refused:
        read_machine_file(make())
    assert [(one.pointer, words in one.detail) for one in refused.value.errors] == [(pointer, True)], (
        refused.value.errors
    )


@pytest.mark.parametrize("precision", [np.float16, np.float32])
@pytest.mark.parametrize("masked", [True, False])
def test_what_it_says_is_what_the_worker_reads(precision: type, masked: bool) -> None:
    own = {name: tensors()[name].astype(precision) for name in ("weight_matrix", "vbias", "hbias")}
    data = machine_file(**own, **({} if masked else {"mask": None}), metadata={"name": "Mine"})
    found, (machine, metadata) = read_machine_file(data), read_machine(data)
    assert (found.num_visible, found.num_hidden) == (machine.num_visible, machine.num_hidden)
    assert found.initial_dilution == (~machine.mask).sum().item() / machine.num_weights
    assert (found.metadata, found.dataset) == (metadata, "mnist")


def test_the_largest_value_is_still_taken() -> None:
    values = np.zeros(7, np.float32)
    values[3] = -LARGEST_PARAMETER
    assert taken(machine_file(hbias=values))


def test_what_is_taken_the_worker_can_read_whatever_became_of_the_header() -> None:
    """Kills: a looser reading of the layout than the format's own library has."""
    data = machine_file(metadata={"name": "x"})
    length = int.from_bytes(data[:8], "little")
    generator = np.random.default_rng(5)
    num_taken = 0
    for _ in range(600):
        header = bytearray(data[8 : 8 + length])
        place = int(generator.integers(length))
        header[place] = int(generator.choice(list(b'0123456789,:[]{}" ')))
        changed = data[:8] + bytes(header) + data[8 + length :]
        if taken(changed):
            num_taken += 1
            read_machine(changed)
    assert num_taken > 0


@pytest.mark.parametrize("change", ["order", "gap"])
def test_the_order_of_the_tensors_is_free_but_gaps_are_not(change: str) -> None:
    data = machine_file()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if change == "order":
        header = dict(reversed(header.items()))
    else:
        for about in header.values():
            about["data_offsets"] = [place + 8 for place in about["data_offsets"]]
    text = json.dumps(header).encode()
    changed = len(text).to_bytes(8, "little") + text + bytes(8 * (change == "gap")) + data[8 + length :]
    assert taken(changed) == (change == "order")

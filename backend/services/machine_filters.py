"""The receptive fields of a machine's hidden units: the weights that lead to each."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backend.services.errors import ArtifactDamaged, Conflict, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.machine_parameters import read_tensors
from backend.services.machines import machine_row

FilterOrder = Literal["norm", "index"]


@dataclass(frozen=True)
class Filters:
    """Weights of some hidden units.

    Attributes:
        weights: float32 of shape (units, side, side).
        units: which hidden units, in the order of `weights`.
        digest: SHA-256 of the machine's file.
    """

    weights: NDArray[np.float32]
    units: NDArray[np.int64]
    digest: str


def hidden_filters(lab: Laboratory, machine_id: str, order: FilterOrder, first: int, count: int) -> Filters:
    """Weights of `count` hidden units from place `first` on.

    Args:
        order: `norm`: by the norm of their weights, largest first; `index`: as they are in the file.

    Raises:
        NotFound: no such machine.
        Conflict: its visible units make no square picture, or there is no unit at that place.
        ArtifactDamaged: the stored bytes are missing, do not match or are no machine.
    """
    with storage_in_words():
        with lab.database.read() as session:
            machine = machine_row(session, machine_id)
            digest, num_visible, num_hidden = machine.artifact_digest, machine.num_visible, machine.num_hidden
        side = math.isqrt(num_visible)
        if side * side != num_visible:
            raise Conflict(
                f"{num_visible} visible units make no square picture: read the weights from its file instead"
            )
        if first >= num_hidden:
            raise Conflict(f"first is {first} and the machine has {num_hidden} hidden units: 0 to {num_hidden - 1}")
        data = lab.artifacts.get(digest)
    try:
        weights = read_tensors(data)["weight_matrix"].astype(np.float32)
        fields = weights.T.reshape(num_hidden, side, side)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactDamaged(f"the file {digest} is no machine: {error}") from error
    ranked = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable") if order == "norm" else np.arange(num_hidden)
    units = ranked[first : first + count].astype(np.int64)
    return Filters(fields[units], units, digest)

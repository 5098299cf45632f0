"""Spectra of W^T W for each initial dilution, and where they cross.

Source: paper, section 4.1, figure 4b.
"""

from collections import defaultdict

import torch

from backend.contracts.identity import derive_seed
from backend.contracts.results import SpectrumResult
from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.analyse import Outcome, progress
from worker.experiments.run import ExperimentFailed, Run
from worker.rbm.analysis import plain
from worker.rbm.analysis.spectrum import Spectrum, crossing_index, spectrum
from worker.rbm.machine import Machine, stack
from worker.rbm.machine_file import read_machine

ANALYSIS = "spectrum"
SERIES = ("mean", "std", "lowest", "highest", "marchenko_pastur")


def analyse(run: Run, cell: ClaimedCell) -> Outcome:
    """The spectra of all machines that were trained; those that diverged are left out."""
    batches: dict[float, list[Machine]] = defaultdict(list)
    for one in run.inputs(cell):
        if one.artifact is not None:
            machine, _ = read_machine(run.artifacts.get(one.artifact))
            batches[one.axes["initial_dilution"]].append(machine)
    if not batches:
        raise ExperimentFailed("no machine was trained: there is no spectrum")
    spectra: dict[float, Spectrum] = {}
    for place, (initial_dilution, machines) in enumerate(sorted(batches.items())):
        progress(run, cell, place / len(batches))
        spectra[initial_dilution] = spectrum(stack(machines))
    generator = torch.Generator().manual_seed(derive_seed("spectrum", cell.id))
    crossing = crossing_index({p0: one.eigenvalues for p0, one in spectra.items()}, generator)
    return Outcome.of(
        SpectrumResult.model_validate(
            {
                "series": [
                    {
                        "initial_dilution": p0,
                        "num_replicas": len(one.eigenvalues),
                        **{name: plain(getattr(one, name)) for name in SERIES},
                    }
                    for p0, one in spectra.items()
                ],
                "crossing": plain(crossing),
            }
        )
    )

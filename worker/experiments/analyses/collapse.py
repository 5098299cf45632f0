"""The collapse of the quality curves on p - alpha p0.

Source: paper, section 4.1, figure 4a and eq. 7.
"""

import torch

from backend.contracts.identity import derive_seed
from backend.contracts.results import CollapseResult
from backend.storage.repositories.jobs import ClaimedCell
from worker.experiments.analyse import Outcome
from worker.experiments.analyses.curves_of_inputs import METRIC, grouped, points_by_replica, quality_curves
from worker.experiments.run import ExperimentFailed, Run
from worker.rbm.analysis import plain
from worker.rbm.analysis.collapse import fit_collapse
from worker.rbm.analysis.half_quality import half_quality_line
from worker.rbm.analysis.quality_curves import filled
from worker.rbm.analysis.transition import transition

ANALYSIS = "collapse"


def analyse(run: Run, cell: ClaimedCell) -> Outcome:
    """Fit the collapse to the curves of all machines that were judged."""
    curves = [
        one
        for p0, inputs in grouped(run.inputs(cell), lambda one: one.axes["initial_dilution"]).items()
        if (one := quality_curves(p0, points_by_replica(inputs))) is not None
    ]
    if not curves:
        raise ExperimentFailed(f"no cell has a value of {METRIC}: there is nothing to collapse")
    generator = torch.Generator().manual_seed(derive_seed("collapse", cell.id))
    return Outcome.of(
        CollapseResult.model_validate(
            {
                "metric": METRIC,
                "fit": plain(fit_collapse(curves, generator)),
                "line": plain(half_quality_line(curves, generator)),
                "transitions": [
                    {
                        "initial_dilution": one.initial_dilution,
                        **plain(transition(one.levels, filled(one))),
                    }
                    for one in curves
                ],
            }
        )
    )

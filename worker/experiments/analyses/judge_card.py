"""The card of a judge: what it learned from, how it was tested, and examples as pictures.

Source: paper, appendix A, figure 7.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from backend.contracts.identity import derive_seed
from backend.contracts.results import JudgeCardResult
from backend.storage.repositories.jobs import ClaimedCell
from worker.datasets import load_dataset
from worker.experiments.analyse import Outcome
from worker.experiments.analyses.judged_machines import JudgedMachine, judged_machines
from worker.experiments.measuring import training_data
from worker.experiments.run import ExperimentFailed, Run
from worker.rbm.judge import DigitJudge, synthetic
from worker.rbm.judge.judge_file import read_judge
from worker.rbm.judge.survival import broken_levels, intact_levels

ANALYSIS = "judge-card"
SHOWN = 12

Levels = Sequence[Mapping[str, Any]]


def analyse(run: Run, cell: ClaimedCell) -> Outcome:
    """The judge's own card, every level of every machine with survival and quality, and examples of each kind."""
    digest, data = _judge_file(run, cell)
    judge, card = read_judge(data)
    dataset = load_dataset(cell.parameters["dataset"])
    _, data_covariance = training_data(dataset.name)
    learned_from = set(card["machines"])
    machines = judged_machines(run, cell)
    levels = [
        {"machine": machine, "place": place, "unseen": machine.samples.name not in learned_from, **level}
        for machine in machines
        for place, level in enumerate(_levels(judge, machine, data_covariance))
    ]
    generator = torch.Generator().manual_seed(derive_seed("judge-card", cell.id))
    kinds = _kinds(levels, torch.from_numpy(dataset.test_images), generator)
    kept = ("criterion", "recipe", "num_machine_digits", "num_broken", "num_broken_levels", "examination")
    return Outcome.of(
        JudgeCardResult.model_validate(
            {
                "judge": digest,
                "size_bytes": len(data),
                **{name: card[name] for name in kept},
                "levels": [_level_result(level) for level in levels],
                "examples": [_examples(judge, label, shown) for label, shown in kinds],
            }
        )
    )


def _judge_file(run: Run, cell: ClaimedCell) -> tuple[str, bytes]:
    for one in run.inputs(cell):
        if one.parameters.get("analysis") == "judge" and one.artifact is not None:
            return one.artifact, run.artifacts.get(one.artifact)
    raise ExperimentFailed("the judge was not trained: there is nothing to describe")


def _levels(judge: DigitJudge, machine: JudgedMachine, data_covariance: torch.Tensor) -> Iterator[dict[str, Any]]:
    survivals = machine.samples.survivals(data_covariance)
    flags = zip(intact_levels(survivals), broken_levels(survivals), strict=True)
    sorts = ["intact" if intact else "broken" if broken else "between" for intact, broken in flags]
    for alive, sort, samples in zip(survivals, sorts, machine.samples.samples, strict=True):
        yield {"survival": alive, "sort": sort, "quality": float(judge.confidence(samples).double().mean())}


def _level_result(level: Mapping[str, Any]) -> dict[str, Any]:
    machine: JudgedMachine = level["machine"]
    return {
        "machine_class": machine.machine_class,
        "initial_dilution": machine.initial_dilution,
        "replica": machine.replica,
        "pruning": machine.samples.levels[level["place"]],
        **{name: level[name] for name in ("unseen", "survival", "sort", "quality")},
    }


def _kinds(levels: Levels, test_images: torch.Tensor, generator: torch.Generator) -> list[tuple[str, torch.Tensor]]:
    def of_machines(sort: str, *, unseen: bool) -> torch.Tensor:
        """One sample of each level, as many levels as are shown, spread over them."""
        chosen = [one for one in levels if one["sort"] == sort and one["unseen"] is unseen]
        places = np.linspace(0, len(chosen) - 1, min(SHOWN, len(chosen))).round().astype(int)
        images = [chosen[place]["machine"].samples.samples[chosen[place]["place"]][0] for place in places]
        return torch.stack(images) if images else test_images[:0]

    rows = torch.randperm(len(test_images), generator=generator)[:SHOWN]
    return [
        ("Held-out digits", test_images[rows]),
        ("Digits of intact machines", of_machines("intact", unseen=False)),
        ("Broken machines, learned from", of_machines("broken", unseen=False)),
        ("Broken machines, unseen", of_machines("broken", unseen=True)),
        ("Between intact and broken, left out", of_machines("between", unseen=False)),
        ("Strokes", synthetic.strokes(SHOWN, 2, generator)),
        ("Noise", synthetic.noise(SHOWN, generator)),
    ]


def _examples(judge: DigitJudge, label: str, images: torch.Tensor) -> dict[str, Any]:
    packed = np.packbits(images.numpy(), axis=1)
    return {
        "label": label,
        "confidence": judge.confidence(images).tolist(),
        "images": [base64.b64encode(row.tobytes()).decode("ascii") for row in packed],
    }

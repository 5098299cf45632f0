"""Identities of a few cells, pinned: a change here means that nothing trained before is ever found again."""

from pydantic import Field

from backend.contracts.cells import evaluation_cell, machine_cell
from backend.contracts.parameters import GenerationParameters, TrainingParameters
from backend.contracts.plan import CellPlan

DIGEST = "d" * 64


def machine(training: TrainingParameters, dilution: float = 0.4, seed: int = 7) -> CellPlan:
    return machine_cell(
        dataset="mnist", dataset_digest=DIGEST, initial_dilution=dilution, training=training, seed=seed, axes={}
    )


def evaluation(generation: GenerationParameters, pruning: float = 0.7) -> CellPlan:
    return evaluation_cell(
        dataset="mnist",
        dataset_digest=DIGEST,
        machine_key="k" * 64,
        machine_seed=7,
        pruning=pruning,
        pruning_rule="magnitude",
        generation=generation,
        axes={},
    )


def test_pinned_identities() -> None:
    found = [
        machine(TrainingParameters()).id,
        machine(TrainingParameters(gibbs_steps=10, num_updates=2000, batch_size=128, num_chains=128), 0.0, 0).id,
        evaluation(GenerationParameters()).id,
        evaluation(GenerationParameters(num_samples=256, gibbs_steps=200), 0.98).id,
    ]
    assert found == [
        "fa8099dcbbb67be8fe1c94344f9376d3e5026c4ecafdf5394e2e33b031fc85ae",
        "3f0a0404fa02e112421dc96d36cb9a2fd74df0688deeaa7c04e12aac4c9920f8",
        "73a05b2fbbb1e58cca80737ad72dc8f9a61cf702259aedbd07f260d52fedcdf8",
        "0c09a0c918527066b3c764f1845c29e9d16c72d14f4956a7b8b75c838307e962",
    ]


def test_a_new_parameter_with_a_default_changes_no_identity() -> None:
    class Tomorrow(TrainingParameters):
        temperature: float = Field(1.0)

    class GenerationTomorrow(GenerationParameters):
        temperature: float = Field(1.0)

    assert machine(Tomorrow()).id == machine(TrainingParameters()).id
    assert machine(Tomorrow(temperature=0.9)).id != machine(TrainingParameters()).id
    assert evaluation(GenerationTomorrow()).id == evaluation(GenerationParameters()).id


def test_every_parameter_is_part_of_the_identity() -> None:
    cells = [
        machine(TrainingParameters()),
        machine(TrainingParameters(), dilution=0.41),
        machine(TrainingParameters(), seed=8),
        *(
            machine(TrainingParameters.model_validate({name: value}))
            for name, value in {
                "num_hidden": 401,
                "algorithm": "cd",
                "gibbs_steps": 999,
                "num_updates": 9_999,
                "batch_size": 499,
                "num_chains": 499,
                "learning_rate": 0.031,
                "learning_rate_decay": "linear",
                "gradient": "centred",
                "weight_decay": 0.1,
                "momentum": 0.5,
            }.items()
        ),
        machine(TrainingParameters(learning_rate_decay="linear", final_learning_rate=0.002)),
        machine(TrainingParameters(momentum=0.5, nesterov=True)),
    ]
    assert len({cell.id for cell in cells}) == len(cells)

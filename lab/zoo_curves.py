"""Measure the machines of the starter zoo anew: `python -m lab.zoo_curves [--url http://127.0.0.1:8050]`.

Orders the levels from a running laboratory, waits, and puts the laboratory's own answers beside the machines: a
`.curves.json` for each, which every start records. To be run when the zoo, the metrics or the standard judge changes.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from backend.client import Client
from backend.contracts.messages import Machine, MachineCurve
from backend.contracts.parameters import GenerationParameters
from backend.contracts.states import CellState
from lab.first_start import ZOO

GENERATION = GenerationParameters(num_samples=1000, gibbs_steps=1000)
LEVELS = {"magnitude": 21, "random": 11, "hidden_unit": 11}
LOOK_EVERY = 5.0  # seconds


def measure(client: Client) -> None:
    """Every machine by every rule; the files are written when all is measured."""
    machines = {machine.name: machine for machine in client.machines(origin="zoo").items}
    missing = [cell for machine in machines.values() for cell in _order(client, machine)]
    while missing := [cell for cell in missing if client.cell(cell).state != CellState.DONE]:
        print(f"{len(missing)} levels to come", flush=True)
        time.sleep(LOOK_EVERY)
    for entry in json.loads((ZOO / "zoo.json").read_text(encoding="utf-8")):
        _write(ZOO / entry["curves"], client.machine_curves(machines[entry["name"]].id).curves)


def _order(client: Client, machine: Machine) -> Iterator[str]:
    """Levels at equal distances from the machine's own dilution to 1."""
    for rule, count in LEVELS.items():
        for level in np.linspace(machine.initial_dilution, 1, count):
            yield client.request_samples(machine.id, round(float(level), 4), rule, GENERATION).cell_id


def _write(file: Path, curves: Sequence[MachineCurve]) -> None:
    """One curve a line."""
    measured = (GENERATION.num_samples, GENERATION.gibbs_steps)
    ours = [curve.model_dump_json() for curve in curves if (curve.num_samples, curve.gibbs_steps) == measured]
    file.write_text("[\n" + ",\n".join(ours) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8050")
    with Client(parser.parse_args().url) as open_client:
        measure(open_client)

"""Write what this worker offers to `backend/contracts/catalogue.json`: `python -m worker.catalogue [--check]`.

The service and the dashboard learn of metrics, pruning rules, samplers and data sets from that file alone. `--check`
writes nothing; the exit status is 1 when the file is stale.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import backend.contracts
from backend.contracts.catalogue import CATALOGUE_FILE, Catalogue, Entry, MetricEntry
from worker import datasets, judges
from worker.rbm import registry

FILE = Path(backend.contracts.__file__).with_name(CATALOGUE_FILE)


def collect() -> Catalogue:
    """The catalogue of the methods and data sets that this worker finds in its folders."""
    return Catalogue.model_validate(
        {
            "metrics": [_fields(entry, MetricEntry) for entry in registry.describe("metrics")],
            "pruning_rules": [_fields(entry, Entry) for entry in registry.describe("pruning_rules")],
            "samplers": [_fields(entry, Entry) for entry in registry.describe("samplers")],
            "datasets": [dict(datasets.describe(name)) for name in datasets.dataset_names()],
            "judges": [dict(judges.describe(name)) for name in judges.judge_digests()],
        }
    )


def spelled(catalogue: Catalogue) -> str:
    """The catalogue as the text of its file."""
    return catalogue.model_dump_json(indent=2) + "\n"


def _fields(entry: Mapping[str, Any], model: type[Entry]) -> dict[str, Any]:
    return {name: entry[name] for name in model.model_fields}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the file; the exit status is 1 when the check finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m worker.catalogue", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when the file is stale")
    parser.add_argument("--file", type=Path, default=FILE, help="the catalogue's file")
    chosen = parser.parse_args(arguments)
    text = spelled(collect())
    if not chosen.check:
        chosen.file.write_text(text, encoding="utf-8")
        return 0
    if chosen.file.exists() and chosen.file.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{chosen.file} is stale: run `python -m worker.catalogue` and commit the file\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

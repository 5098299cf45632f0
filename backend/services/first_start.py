"""What a laboratory finds on its shelves when it starts for the first time."""

import hashlib
import json
from pathlib import Path
from typing import Any

from backend.contracts.messages import Study, StudyCreate
from backend.services.errors import ArtifactDamaged, storage_in_words
from backend.services.laboratory import Laboratory
from backend.services.submit import submit_once
from backend.storage.repositories.artifacts import StoredArtifact, add_artifact
from backend.storage.repositories.machines import add_machine

DEMO = StudyCreate(
    name="First look: dilution and pruning on MNIST", type="dilution-sweep", preset="Two cores", parameters={}
)
DEMO_SUBMITTED = "demo study submitted"


def register_zoo(lab: Laboratory, folder: Path) -> None:
    """Put the machines of `zoo.json` on the shelf; those that are there stay as they are.

    Raises:
        ArtifactDamaged: a file is missing or not the one that `zoo.json` describes.
    """
    for entry in json.loads((folder / "zoo.json").read_text(encoding="utf-8")):
        _register(lab, folder, entry)


def submit_demo(lab: Laboratory) -> Study | None:
    """Submit the demo study, on the first start only; None on every other."""
    return submit_once(lab, DEMO, DEMO_SUBMITTED)


def _register(lab: Laboratory, folder: Path, entry: dict[str, Any]) -> None:
    try:
        data = (folder / entry["file"]).read_bytes()
    except OSError as error:
        raise ArtifactDamaged(f"{entry['file']} of the starter zoo cannot be read: {error}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry["sha256"]:
        raise ArtifactDamaged(
            f"{entry['file']} of the starter zoo has SHA-256 {digest}, expected {entry['sha256']}: restore it"
        )
    with storage_in_words():
        lab.artifacts.put(data)
        with lab.database.write() as session:
            add_artifact(session, StoredArtifact(digest, "machine", len(data)))
            add_machine(
                session,
                key=digest,
                name=entry["name"],
                origin="zoo",
                initial_dilution=entry["initial_dilution"],
                num_visible=entry["num_visible"],
                num_hidden=entry["num_hidden"],
                parameters={
                    "dataset": "mnist",
                    "initial_dilution": entry["initial_dilution"],
                    "training": entry["training"],
                },
                provenance={"description": entry["description"], **entry["provenance"]},
                artifact_digest=digest,
            )

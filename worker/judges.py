"""The judges that come with this version: `models_store/judges/<name>.safetensors`, each with its card beside it."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path

from backend.storage.artifacts import ArtifactStore
from worker.rbm.metrics.inputs import Judge

SHELF = Path(__file__).parent.parent / "models_store" / "judges"


@cache
def judge_digests() -> dict[str, str]:
    """SHA-256 of each judge's file, by name."""
    return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(SHELF.glob("*.safetensors"))}


def shelved_judge(digest: str) -> bytes | None:
    """The file of a judge that comes with this version, None for any other digest."""
    names = [name for name, own in judge_digests().items() if own == digest]
    return (SHELF / f"{names[0]}.safetensors").read_bytes() if names else None


@lru_cache(maxsize=2)
def load_judge(digest: str, artifacts: ArtifactStore) -> Judge:
    """The judge of that digest: from the shelf, or one that was trained here.

    Raises:
        ArtifactMissing: neither has it.
        ArtifactCorrupted: the stored bytes do not match.
    """
    from worker.rbm.judge.judge_file import read_judge

    judge, _ = read_judge(shelved_judge(digest) or artifacts.get(digest))
    return judge


def describe(name: str) -> dict[str, str]:
    """What the catalogue says of a judge."""
    return {
        "name": name,
        "label": name.capitalize(),
        "description": f"See models_store/judges/{name}.md for what it learned from and how it was tested.",
        "source": "Paper, appendix A",
        "digest": judge_digests()[name],
    }

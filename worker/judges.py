"""The judges that come with this version: `models_store/judges/<name>.safetensors`, each with its card beside it."""

import hashlib
from functools import cache
from pathlib import Path

SHELF = Path(__file__).parent.parent / "models_store" / "judges"


@cache
def judge_digests() -> dict[str, str]:
    """SHA-256 of each judge's file, by name."""
    return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(SHELF.glob("*.safetensors"))}


def shelved_judge(digest: str) -> bytes | None:
    """The file of a judge that comes with this version, None for any other digest."""
    names = [name for name, own in judge_digests().items() if own == digest]
    return (SHELF / f"{names[0]}.safetensors").read_bytes() if names else None


def describe(name: str) -> dict[str, str]:
    """What the catalogue says of a judge."""
    return {
        "name": name,
        "label": name.capitalize(),
        "description": f"See models_store/judges/{name}.md for what it learned from and how it was tested.",
        "source": "Paper, appendix A",
        "digest": judge_digests()[name],
    }

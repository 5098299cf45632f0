import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from backend.storage.artifacts import ArtifactStore
from backend.storage.errors import ArtifactCorrupted, ArtifactMissing, StoreUnavailable


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """A local folder, and a file system that fsspec reaches by URL."""
    return ArtifactStore(str(tmp_path / "store") if request.param == "folder" else f"memory://{tmp_path.name}")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_come_back_under_their_digest(store: ArtifactStore) -> None:
    digest = store.put(b"weights")
    assert digest == hashlib.sha256(b"weights").hexdigest()
    assert store.exists(digest)
    assert store.get(digest) == b"weights"
    assert store.put(b"weights") == digest


def test_deleting_twice_is_deleting(store: ArtifactStore) -> None:
    digest = store.put(b"weights")
    store.delete(digest)
    store.delete(digest)
    assert not store.exists(digest)
    with pytest.raises(ArtifactMissing, match=digest):
        store.get(digest)


def test_a_path_is_not_a_digest(store: ArtifactStore) -> None:
    for name in ("../../etc/passwd", "A" * 64, ""):
        with pytest.raises(ArtifactMissing, match="is not a digest"):
            store.get(name)


@pytest.mark.parametrize("damage", [b"weight", b"weightz", b""])
def test_damaged_bytes_are_found_by_their_hash(tmp_path: Path, damage: bytes) -> None:
    store = ArtifactStore(str(tmp_path))
    digest = store.put(b"weights")
    files(tmp_path)[0].write_bytes(damage)
    with pytest.raises(ArtifactCorrupted, match=digest):
        store.get(digest)


def test_a_truncated_file_is_written_anew(tmp_path: Path) -> None:
    store = ArtifactStore(str(tmp_path))
    digest = store.put(b"weights")
    files(tmp_path)[0].write_bytes(b"wei")
    store.put(b"weights")
    assert store.get(digest) == b"weights"


def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    """The limit on file size makes `write` fail in the middle, as a full disk does."""
    program = f"""
import resource, signal
from backend.storage.artifacts import ArtifactStore
from backend.storage.errors import StoreUnavailable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    ArtifactStore({str(tmp_path)!r}).put(b"x" * 1_000_000)
except StoreUnavailable as error:
    print(error)
"""
    assert resource.RLIMIT_FSIZE is not None
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "1,000,000 bytes could not be stored" in result.stdout
    assert files(tmp_path) == []


def test_a_store_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder", encoding="utf-8")
    with pytest.raises(StoreUnavailable, match="could not be stored"):
        ArtifactStore(str(tmp_path / "store")).put(b"weights")
    assert os.listdir(tmp_path) == ["store"]

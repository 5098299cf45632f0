"""The models store: bytes named by their SHA-256, in a local folder or in any fsspec file system."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from backend.storage.errors import ArtifactCorrupted, ArtifactMissing, StoreUnavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")


class ArtifactStore:
    """Content-addressed bytes: written whole or not at all, verified at every read.

    Args:
        url: a local folder or an fsspec URL such as `s3://bucket/folder`.
    """

    def __init__(self, url: str) -> None:
        self._files, root = fsspec.core.url_to_fs(url)
        self._root = f"{root.rstrip('/')}/objects"

    def put(self, data: bytes) -> str:
        """Store bytes and return their digest. Storing the same bytes again writes nothing.

        Raises:
            StoreUnavailable: the store cannot be written, for instance because its disk is full.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        try:
            if not self._is_whole(path, len(data)):
                self._write(path, data)
        except OSError as error:
            raise StoreUnavailable(f"{len(data):,} bytes could not be stored in {self._root}: {error}") from error
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a digest, verified.

        Raises:
            ArtifactMissing: nothing is stored under this digest.
            ArtifactCorrupted: the bytes do not match the digest (truncated or altered).
            StoreUnavailable: the store cannot be read.
        """
        try:
            data: bytes = self._files.cat_file(self._path(digest))
        except FileNotFoundError as error:
            raise ArtifactMissing(f"no bytes are stored for {digest}") from error
        except OSError as error:
            raise StoreUnavailable(f"{digest} could not be read from {self._root}: {error}") from error
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise ArtifactCorrupted(f"the {len(data):,} bytes stored for {digest} have the digest {found}")
        return data

    def exists(self, digest: str) -> bool:
        """Whether something is stored under this digest."""
        return bool(self._files.exists(self._path(digest)))

    def delete(self, digest: str) -> None:
        """Remove the bytes of a digest; nothing happens when there are none."""
        try:
            self._files.rm_file(self._path(digest))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreUnavailable(f"{digest} could not be removed from {self._root}: {error}") from error

    def _path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise ArtifactMissing(f"{digest[:80]!r} is not a digest: 64 hexadecimal digits are")
        return f"{self._root}/{digest[:2]}/{digest}"

    def _is_whole(self, path: str, size: int) -> bool:
        # A file of another size is a leftover of a crash of the machine: it is written anew.
        return bool(self._files.exists(path)) and int(self._files.size(path)) == size

    def _write(self, path: str, data: bytes) -> None:
        if isinstance(self._files, LocalFileSystem):
            _write_atomically(Path(path), data)
        else:
            self._files.pipe_file(path, data)  # object stores show an object only when it is whole


def _write_atomically(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

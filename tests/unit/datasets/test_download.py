"""Downloads are checked, and the second mirror serves when the first does not."""

import gzip
import hashlib
import struct
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from worker.datasets.download import Download, read_idx
from worker.datasets.make_bundle import binarise
from worker.datasets.mnist import DOWNLOAD


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL that serves it on loopback."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def idx_file(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return gzip.compress(header + values.tobytes(), mtime=0)


def checksum(content: bytes) -> str:
    return "md5:" + hashlib.md5(content).hexdigest()


def test_the_second_mirror_serves_when_the_first_has_nothing(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    content = idx_file(np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    (folder / "images.gz").write_bytes(content)
    download = Download((url + "nothing/", url), {"images.gz": checksum(content)})

    found = download.fetch(tmp_path / "cache")

    assert found["images.gz"].read_bytes() == content


def test_a_file_with_another_checksum_is_refused_and_not_kept(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    (folder / "images.gz").write_bytes(b"something else")
    download = Download((url, url), {"images.gz": checksum(b"the real thing")})

    with pytest.raises(ConnectionError, match=r"images\.gz could not be downloaded"):
        download.fetch(tmp_path / "cache")
    assert not (tmp_path / "cache" / "images.gz").exists()


def test_read_idx_gives_the_published_values(tmp_path: Path) -> None:
    values = np.arange(30, dtype=np.uint8).reshape(5, 3, 2)
    (tmp_path / "a.gz").write_bytes(idx_file(values))
    np.testing.assert_array_equal(read_idx(tmp_path / "a.gz"), values)


def test_read_idx_refuses_a_file_that_was_cut_short(tmp_path: Path) -> None:
    whole = gzip.decompress(idx_file(np.zeros((5, 3, 2), dtype=np.uint8)))
    (tmp_path / "a.gz").write_bytes(gzip.compress(whole[:-1]))
    with pytest.raises(ValueError, match="29 values"):
        read_idx(tmp_path / "a.gz")


def test_binarise_is_one_strictly_above_grey_level_127() -> None:
    """Kills: threshold `>=`, threshold 128."""
    grey = np.array([[[0, 127], [128, 255]]], dtype=np.uint8)
    np.testing.assert_array_equal(np.unpackbits(binarise(grey), axis=1, count=4), [[0, 0, 1, 1]])


def test_mnist_has_two_mirrors_and_a_checksum_for_each_file() -> None:
    assert len(DOWNLOAD.mirrors) == 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in DOWNLOAD.mirrors)
    assert all(value.startswith("md5:") and len(value) == 36 for value in DOWNLOAD.checksums.values())

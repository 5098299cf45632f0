"""Downloads with checksums from several mirrors, and the IDX format that MNIST is published in."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch
import requests
from numpy.typing import NDArray

IDX_UINT8 = 0x08


@dataclass(frozen=True)
class Download:
    """Files that every mirror serves under the same names.

    Attributes:
        mirrors: base URLs, each ending in `/`, tried in this order.
        checksums: file name -> `algorithm:hexdigest`.
    """

    mirrors: tuple[str, ...]
    checksums: Mapping[str, str]

    def fetch(self, cache: Path) -> dict[str, Path]:
        """Bring all files into `cache` (nothing is downloaded twice) and return where each lies.

        Raises:
            ConnectionError: no mirror gave the file with the right checksum; says what each answered.
        """
        return {name: self._fetch_one(name, checksum, cache) for name, checksum in self.checksums.items()}

    def _fetch_one(self, name: str, checksum: str, cache: Path) -> Path:
        answers = []
        for mirror in self.mirrors:
            try:
                found = pooch.retrieve(mirror + name, known_hash=checksum, fname=name, path=cache)
            except (requests.RequestException, ValueError, OSError) as error:
                answers.append(f"{mirror}: {error}")
            else:
                return Path(found)
        raise ConnectionError(f"{name} could not be downloaded: " + "; ".join(answers))


def read_idx(file: Path) -> NDArray[np.uint8]:
    """Read a gzipped IDX file of bytes: 2 zero bytes, type 8, number of axes, big-endian sizes, then the values.

    Source: format description on the MNIST database's page.

    Raises:
        ValueError: not such a file, or cut short.
    """
    content = gzip.decompress(file.read_bytes())
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != IDX_UINT8:
        raise ValueError(f"{file.name} is not an IDX file of bytes: it begins with {content[:4].hex()}")
    num_axes = content[3]
    header = 4 + 4 * num_axes
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], dtype=">u4"))
    if len(content) - header != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{file.name} holds {len(content) - header} values, its header announces {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)

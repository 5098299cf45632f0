"""MNIST, binarised at grey level > 127: 60,000 training and 10,000 test images of 28 x 28 pixels.

The bundle `mnist.npz` holds one bit a pixel, so that everything works without a network. It is made from the original
grey levels by `python -m worker.datasets.make_bundle`.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits. Licence: CC BY-SA 3.0.
"""

from pathlib import Path

from worker.datasets.base import Dataset, Description, read_bundle
from worker.datasets.download import Download

GREY_THRESHOLD = 127
NUM_VISIBLE = 784
BUNDLE = Path(__file__).with_name("mnist.npz")

DESCRIPTION = Description(
    name="mnist",
    label="MNIST",
    description="Handwritten digits, 28 x 28 pixels, one bit a pixel (grey level > 127).",
    source="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits",
    digest="de2c18ddf22b1082720d7abbbc75dcb836d25320db5e4429bb36eb6ce29c0fa8",
    num_train=60_000,
    num_test=10_000,
    num_visible=NUM_VISIBLE,
    licence="CC BY-SA 3.0",
)

DOWNLOAD = Download(
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    checksums={
        "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
    },
)


def load() -> Dataset:
    """The bundled images. Raises `ValueError` if the bundle is damaged."""
    return read_bundle(BUNDLE, DESCRIPTION["name"], NUM_VISIBLE, DESCRIPTION["digest"])

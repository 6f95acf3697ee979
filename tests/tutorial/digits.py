"""Handwritten digits in the files that torchvision's MNIST reads.

The digits are those of scikit-learn (1,797 of 8 x 8 pixels, from the UCI machine learning repository), drawn
at MNIST's size. The file format is IDX, as described at http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

TEST = 297


def lay_out(root: Path) -> None:
    """Write training and test data below `root`, as if torchvision had downloaded them."""
    digits = load_digits()
    images = np.stack([_enlarged(image) for image in digits.images])
    labels = digits.target.astype(np.uint8)
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, part in (("train", slice(TEST, None)), ("t10k", slice(TEST))):
        _write(raw / f"{name}-images-idx3-ubyte", images[part])
        _write(raw / f"{name}-labels-idx1-ubyte", labels[part])


def _enlarged(image: np.ndarray) -> np.ndarray:
    """Return a digit of 8 x 8 as one of 20 x 20 in the middle of 28 x 28."""
    pixels = np.clip(image * 16, 0, 255).astype(np.uint8)
    enlarged = Image.fromarray(pixels).resize((20, 20), Image.BILINEAR)
    return np.pad(np.asarray(enlarged), 4)


def _write(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())

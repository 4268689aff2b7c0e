#!/usr/bin/env python3
"""Writes fashion-mnist/: the first 2000 and 400 images of Fashion-MNIST's two parts with their labels, as IDX.

Usage: python3 tests/golden/fashion_mnist.py FOLDER, that of `build-scripts/data fashion-mnist`
"""

import gzip
import struct
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "fashion-mnist"


def head(source, name, rank, count):
    with gzip.open(source / name) as file:
        magic, _, *rest = struct.unpack(f">{rank + 1}I", file.read(4 * (rank + 1)))
        size = 1
        for extent in rest:
            size *= extent
        content = struct.pack(f">{rank + 1}I", magic, count, *rest) + file.read(count * size)
    (FOLDER / name).write_bytes(gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    source = Path(sys.argv[1])
    for part, count in [("train", 2000), ("t10k", 400)]:
        head(source, part + "-images-idx3-ubyte.gz", 3, count)
        head(source, part + "-labels-idx1-ubyte.gz", 1, count)
    (FOLDER / "copyright").write_bytes((source / "copyright").read_bytes())

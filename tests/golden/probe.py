#!/usr/bin/env python3
"""Writes probe/: overlapping clouds of four classes, what scikit-learn's logistic regression makes of them after batch
normalisation without weight and bias, and how many the nearest neighbours tell right, by numpy in float64.

Shares no code with Cloze, so the files can convict it. Usage: python3 tests/golden/probe.py, with numpy and scikit-learn
"""

import json
import struct
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

CLASSES, WIDTH, TRAIN, TEST = 4, 6, 160, 200
PENALTIES = [1e-1, 1e-2, 1e-4]
NEIGHBOURS, TEMPERATURE = 5, 0.07
FOLDER = Path(__file__).parent / "probe"
TYPES = {"float32": "F32", "float64": "F64", "int32": "I32"}


def save(path, arrays):
    header, begin = {}, 0
    for name, array in arrays.items():
        end = begin + array.nbytes
        header[name] = {"dtype": TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def clouds(random, centres, count):
    labels = random.integers(0, CLASSES, count).astype(np.int32)
    scales = 10.0 ** np.arange(-2, WIDTH - 2)  # so that probes without normalisation fail
    x = (centres[labels] + random.standard_normal((count, WIDTH))) * scales + 3 * scales
    return x.astype(np.float32), labels


def nearest(train, labels, test):
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = unit(test.astype(np.float64)) @ unit(train.astype(np.float64)).T
    told = []
    for row in cosines:
        votes = np.zeros(CLASSES)
        for i in np.argsort(-row, kind="stable")[:NEIGHBOURS]:
            votes[labels[i]] += np.exp(row[i] / TEMPERATURE)
        told.append(votes.argmax())
    return np.array(told, np.int32)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    random = np.random.default_rng(20261124)
    centres = 1.3 * random.standard_normal((CLASSES, WIDTH))
    train, train_labels = clouds(random, centres, TRAIN)
    test, test_labels = clouds(random, centres, TEST)
    mean = train.astype(np.float64).mean(0)
    scale = np.sqrt(train.astype(np.float64).var(0) + 1e-6)
    weights, told = [], []
    for penalty in PENALTIES:
        probe = LogisticRegression(C=1 / (penalty * TRAIN), tol=1e-12, max_iter=100_000)
        probe.fit((train - mean) / scale, train_labels)
        weights.append(probe.coef_)
        scores = probe.decision_function((test - mean) / scale)
        told.append(np.argsort(-scores, axis=1)[:, :2])
    told = np.array(told)
    share = [[(t[:, :1] == test_labels[:, None]).any(1).mean(), (t == test_labels[:, None]).any(1).mean()] for t in told]
    save(
        FOLDER / "expected.safetensors",
        {
            "weights": np.array(weights),
            "penalties": np.array(PENALTIES),
            "linear": np.array(share),
            "neighbours": np.array([(nearest(train, train_labels, test) == test_labels).mean()]),
            "train": train,
            "test": test,
            "train_labels": train_labels,
            "test_labels": test_labels,
        },
    )
    print(share, (nearest(train, train_labels, test) == test_labels).mean())

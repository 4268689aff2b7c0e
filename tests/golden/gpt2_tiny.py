#!/usr/bin/env python3
"""Writes gpt2-tiny/: a random GPT-2 in the layout of Hugging Face and its logits, by numpy alone, in float64.

Shares no code with Cloze, so the files can convict it. Usage: python3 tests/golden/gpt2_tiny.py
"""

import json
import struct
from pathlib import Path

import numpy as np

LAYERS, HEADS, WIDTH, VOCABULARY, POSITIONS = 2, 4, 32, 101, 16
EPSILON = 1e-5
FOLDER = Path(__file__).parent / "gpt2-tiny"
TYPES = {"float32": "F32", "float64": "F64", "int32": "I32"}


def save(path, arrays, metadata):
    header, begin = {"__metadata__": metadata}, 0
    for name, array in arrays.items():
        end = begin + array.nbytes
        header[name] = {"dtype": TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header).encode()
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def random_weights(random):
    def normal(*shape, scale=0.3, mean=0.0):
        return (mean + scale * random.standard_normal(shape)).astype(np.float32)

    weights = {"wte.weight": normal(VOCABULARY, WIDTH), "wpe.weight": normal(POSITIONS, WIDTH)}
    for layer in range(LAYERS):
        h = f"h.{layer}."
        weights[h + "ln_1.weight"] = normal(WIDTH, mean=1.0)
        weights[h + "ln_1.bias"] = normal(WIDTH)
        # the causal mask that old versions stored; loaders must pass over it
        weights[h + "attn.bias"] = np.tril(np.ones((1, 1, POSITIONS, POSITIONS), np.float32))
        weights[h + "attn.c_attn.weight"] = normal(WIDTH, 3 * WIDTH)
        weights[h + "attn.c_attn.bias"] = normal(3 * WIDTH)
        weights[h + "attn.c_proj.weight"] = normal(WIDTH, WIDTH)
        weights[h + "attn.c_proj.bias"] = normal(WIDTH)
        weights[h + "ln_2.weight"] = normal(WIDTH, mean=1.0)
        weights[h + "ln_2.bias"] = normal(WIDTH)
        weights[h + "mlp.c_fc.weight"] = normal(WIDTH, 4 * WIDTH)
        weights[h + "mlp.c_fc.bias"] = normal(4 * WIDTH)
        weights[h + "mlp.c_proj.weight"] = normal(4 * WIDTH, WIDTH)
        weights[h + "mlp.c_proj.bias"] = normal(WIDTH)
    weights["ln_f.weight"] = normal(WIDTH, mean=1.0)
    weights["ln_f.bias"] = normal(WIDTH)
    return weights


def layer_norm(x, weight, bias):
    centered = x - x.mean(-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(-1, keepdims=True) + EPSILON) * weight + bias


def gelu_new(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(x, w, h):
    batch, tokens, _ = x.shape
    qkv = x @ w[h + "attn.c_attn.weight"] + w[h + "attn.c_attn.bias"]
    q, k, v = (part.reshape(batch, tokens, HEADS, -1).transpose(0, 2, 1, 3) for part in np.split(qkv, 3, axis=-1))
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(WIDTH // HEADS)
    scores = np.where(np.tril(np.ones((tokens, tokens), bool)), scores, -np.inf)
    y = (softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(batch, tokens, WIDTH)
    return y @ w[h + "attn.c_proj.weight"] + w[h + "attn.c_proj.bias"]


def logits(weights, ids):
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    x = w["wte.weight"][ids] + w["wpe.weight"][: ids.shape[1]]
    for layer in range(LAYERS):
        h = f"h.{layer}."
        x = x + attention(layer_norm(x, w[h + "ln_1.weight"], w[h + "ln_1.bias"]), w, h)
        inner = layer_norm(x, w[h + "ln_2.weight"], w[h + "ln_2.bias"])
        inner = gelu_new(inner @ w[h + "mlp.c_fc.weight"] + w[h + "mlp.c_fc.bias"])
        x = x + inner @ w[h + "mlp.c_proj.weight"] + w[h + "mlp.c_proj.bias"]
    return layer_norm(x, w["ln_f.weight"], w["ln_f.bias"]) @ w["wte.weight"].T


def config():
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_embd": WIDTH,
        "n_positions": POSITIONS,
        "n_ctx": POSITIONS,
        "vocab_size": VOCABULARY,
        "layer_norm_epsilon": EPSILON,
        "resid_pdrop": 0.1,
        "embd_pdrop": 0.1,
        "attn_pdrop": 0.1,
    }


def main():
    random = np.random.Generator(np.random.PCG64(20261122))
    weights = random_weights(random)
    ids = random.integers(0, VOCABULARY, (2, POSITIONS)).astype(np.int32)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "config.json").write_text(json.dumps(config(), indent=2) + "\n")
    save(FOLDER / "model.safetensors", weights, {"format": "pt"})
    save(FOLDER / "expected.safetensors", {"ids": ids, "logits": logits(weights, ids)}, {"by": "numpy, float64"})


if __name__ == "__main__":
    main()

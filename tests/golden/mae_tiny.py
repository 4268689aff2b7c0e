#!/usr/bin/env python3
"""Writes mae-tiny/: a random masked autoencoder in the layout of Hugging Face, its prediction, losses and gradients for
given noise, by numpy alone, in float64. The backward pass is by hand, and checked here against central differences.

Shares no code with Cloze, so the files can convict it. Usage: python3 tests/golden/mae_tiny.py
"""

import json
import math
import struct
from pathlib import Path

import numpy as np

IMAGE, CHANNELS, PATCH = 20, 3, 4
LAYERS, HEADS, WIDTH = 2, 2, 16
DECODER_LAYERS, DECODER_HEADS, DECODER_WIDTH = 1, 4, 8
BATCH, RATIO, EPSILON = 2, 0.75, 1e-12
GRID = IMAGE // PATCH
PATCHES = GRID * GRID
KEPT = int(PATCHES * (1 - RATIO))
LARGER = 7  # patches of a side that positions are interpolated to
FOLDER = Path(__file__).parent / "mae-tiny"
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


def sin_cos(width):
    table = np.zeros((1, 1 + PATCHES, width))
    for row in range(GRID):
        for column in range(GRID):
            for i in range(width // 4):
                frequency = 10000 ** (-i / (width // 4))
                place = table[0, 1 + row * GRID + column]
                place[i] = math.sin(column * frequency)
                place[width // 4 + i] = math.cos(column * frequency)
                place[width // 2 + i] = math.sin(row * frequency)
                place[3 * width // 4 + i] = math.cos(row * frequency)
    return table.astype(np.float32)


def random_weights(random):
    def normal(*shape, scale=0.3, mean=0.0):
        return (mean + scale * random.standard_normal(shape)).astype(np.float32)

    weights = {}

    def linear(name, out, in_):
        weights[name + ".weight"] = normal(out, in_)
        weights[name + ".bias"] = normal(out)

    def norm(name, width):
        weights[name + ".weight"] = normal(width, mean=1.0)
        weights[name + ".bias"] = normal(width)

    def block(name, width):
        for part in ("query", "key", "value"):
            linear(f"{name}.attention.attention.{part}", width, width)
        linear(name + ".attention.output.dense", width, width)
        linear(name + ".intermediate.dense", 4 * width, width)
        linear(name + ".output.dense", width, 4 * width)
        norm(name + ".layernorm_before", width)
        norm(name + ".layernorm_after", width)

    weights["vit.embeddings.cls_token"] = normal(1, 1, WIDTH)
    weights["vit.embeddings.position_embeddings"] = sin_cos(WIDTH)
    weights["vit.embeddings.patch_embeddings.projection.weight"] = normal(WIDTH, CHANNELS, PATCH, PATCH)
    weights["vit.embeddings.patch_embeddings.projection.bias"] = normal(WIDTH)
    for layer in range(LAYERS):
        block(f"vit.encoder.layer.{layer}", WIDTH)
    norm("vit.layernorm", WIDTH)
    weights["decoder.mask_token"] = normal(1, 1, DECODER_WIDTH)
    weights["decoder.decoder_pos_embed"] = sin_cos(DECODER_WIDTH)
    linear("decoder.decoder_embed", DECODER_WIDTH, WIDTH)
    for layer in range(DECODER_LAYERS):
        block(f"decoder.decoder_layers.{layer}", DECODER_WIDTH)
    norm("decoder.decoder_norm", DECODER_WIDTH)
    linear("decoder.decoder_pred", PATCH * PATCH * CHANNELS, DECODER_WIDTH)
    return weights


class Net:
    """Layers that remember what they need to go back; gradients add up by name."""

    def __init__(self, weights):
        self.w = {name: array.astype(np.float64) for name, array in weights.items()}
        self.g = {name: np.zeros_like(array) for name, array in self.w.items()}

    def linear(self, name, x):
        y = x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

        def back(dy):
            rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
            self.g[name + ".weight"] += drows.T @ rows
            self.g[name + ".bias"] += drows.sum(0)
            return dy @ self.w[name + ".weight"]

        return y, back

    def norm(self, name, x):
        root = np.sqrt(x.var(-1, keepdims=True) + EPSILON)
        n = (x - x.mean(-1, keepdims=True)) / root

        def back(dy):
            self.g[name + ".weight"] += (dy * n).sum((0, 1))
            self.g[name + ".bias"] += dy.sum((0, 1))
            dn = dy * self.w[name + ".weight"]
            return (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True)) / root

        return n * self.w[name + ".weight"] + self.w[name + ".bias"], back

    def attention(self, name, x, heads):
        batch, tokens, width = x.shape
        scale = 1 / math.sqrt(width // heads)

        def split(a):
            return a.reshape(batch, tokens, heads, -1).transpose(0, 2, 1, 3)

        def join(a):
            return a.transpose(0, 2, 1, 3).reshape(batch, tokens, width)

        q, q_back = self.linear(name + ".attention.query", x)
        k, k_back = self.linear(name + ".attention.key", x)
        v, v_back = self.linear(name + ".attention.value", x)
        q, k, v = split(q), split(k), split(v)
        scores = q @ k.transpose(0, 1, 3, 2) * scale
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        y, out_back = self.linear(name + ".output.dense", join(p @ v))

        def back(dy):
            dz = split(out_back(dy))
            dp = dz @ v.transpose(0, 1, 3, 2)
            ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * scale
            dq, dk, dv = ds @ k, ds.transpose(0, 1, 3, 2) @ q, p.transpose(0, 1, 3, 2) @ dz
            return q_back(join(dq)) + k_back(join(dk)) + v_back(join(dv))

        return y, back

    def block(self, name, x, heads):
        n1, n1_back = self.norm(name + ".layernorm_before", x)
        a, a_back = self.attention(name + ".attention", n1, heads)
        s = x + a
        n2, n2_back = self.norm(name + ".layernorm_after", s)
        h, h_back = self.linear(name + ".intermediate.dense", n2)
        phi = 0.5 * (1 + np.vectorize(math.erf)(h / math.sqrt(2)))
        m, m_back = self.linear(name + ".output.dense", h * phi)

        def back(dy):
            density = np.exp(-h * h / 2) / math.sqrt(2 * math.pi)
            ds = dy + n2_back(h_back(m_back(dy) * (phi + h * density)))
            return ds + n1_back(a_back(ds))

        return s + m, back

    def stack(self, prefix, last, x, layers, heads):
        backs = []
        for layer in range(layers):
            x, back = self.block(f"{prefix}.{layer}", x, heads)
            backs.append(back)
        x, back = self.norm(last, x)
        backs.append(back)

        def whole(dy):
            for back in reversed(backs):
                dy = back(dy)
            return dy

        return x, whole

    def embed(self, images):
        """The convolution of patches, with the kernel [D, C, P, P] as it is."""
        name = "vit.embeddings.patch_embeddings.projection"
        grid = images.shape[1] // PATCH
        cut = images.reshape(len(images), grid, PATCH, grid, PATCH, CHANNELS)
        y = np.einsum("bipjqc,dcpq->bijd", cut, self.w[name + ".weight"]) + self.w[name + ".bias"]

        def back(dy):
            dy = dy.reshape(len(images), grid, grid, WIDTH)
            self.g[name + ".weight"] += np.einsum("bipjqc,bijd->dcpq", cut, dy)
            self.g[name + ".bias"] += dy.sum((0, 1, 2))

        return y.reshape(len(images), grid * grid, WIDTH), back

    def latent(self, images, positions, keep):
        """Class token and the kept patches after the encoder."""
        x, embed_back = self.embed(images)
        rows = np.arange(len(images))[:, None]
        x = x + positions[:, 1:]
        lead = self.w["vit.embeddings.cls_token"] + positions[:, :1]
        x = np.concatenate([np.repeat(lead, len(images), 0), x[rows, keep]], 1)
        x, stack_back = self.stack("vit.encoder.layer", "vit.layernorm", x, LAYERS, HEADS)

        def back(dy):
            dx = stack_back(dy)
            self.g["vit.embeddings.cls_token"] += dx[:, :1].sum(0, keepdims=True)
            dplaced = np.zeros((len(images), positions.shape[1] - 1, WIDTH))
            dplaced[rows, keep] = dx[:, 1:]
            embed_back(dplaced)

        return x, back

    def predict(self, images, noise):
        shuffle = np.argsort(noise, 1)
        restore = np.argsort(shuffle, 1)
        rows = np.arange(BATCH)[:, None]
        latent, latent_back = self.latent(
            images, self.w["vit.embeddings.position_embeddings"], shuffle[:, :KEPT]
        )
        x, embed_back = self.linear("decoder.decoder_embed", latent)
        hidden = np.tile(self.w["decoder.mask_token"], (BATCH, PATCHES - KEPT, 1))
        full = np.concatenate([x[:, 1:], hidden], 1)[rows, restore]
        full = np.concatenate([x[:, :1], full], 1) + self.w["decoder.decoder_pos_embed"]
        y, stack_back = self.stack(
            "decoder.decoder_layers", "decoder.decoder_norm", full, DECODER_LAYERS, DECODER_HEADS
        )
        y, prediction_back = self.linear("decoder.decoder_pred", y)

        def back(dpixels):
            dfull = stack_back(prediction_back(np.concatenate([np.zeros((BATCH, 1, dpixels.shape[2])), dpixels], 1)))
            dshuffled = dfull[:, 1:][rows, shuffle]
            self.g["decoder.mask_token"] += dshuffled[:, KEPT:].sum((0, 1))
            latent_back(embed_back(np.concatenate([dfull[:, :1], dshuffled[:, :KEPT]], 1)))

        return y[:, 1:], (restore >= KEPT).astype(np.float64), back


def patchify(images):
    cut = images.reshape(BATCH, GRID, PATCH, GRID, PATCH, CHANNELS)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(BATCH, PATCHES, -1)


def loss(net, images, noise, normalize, backward):
    target = patchify(images)
    if normalize:
        variance = target.var(-1, ddof=1, keepdims=True)
        target = (target - target.mean(-1, keepdims=True)) / np.sqrt(variance + 1e-6)
    predicted, mask, back = net.predict(images, noise)
    error = predicted - target
    if backward:
        back(2 * error * mask[..., None] / (error.shape[-1] * mask.sum()))
    return ((error**2).mean(-1) * mask).sum() / mask.sum(), predicted, mask


def check_gradients(weights, gradients, images, noise, normalize, random):
    """Along one random direction for each tensor."""
    for name, array in weights.items():
        if name.endswith(("position_embeddings", "decoder_pos_embed")):
            continue
        direction = random.standard_normal(array.shape)
        ends = []
        for step in (1e-5, -1e-5):
            net = Net(weights)
            net.w[name] += step * direction
            ends.append(loss(net, images, noise, normalize, False)[0])
        slope, expected = (ends[0] - ends[1]) / 2e-5, (gradients[name] * direction).sum()
        assert abs(slope - expected) < 1e-8 * (1 + abs(expected)), (name, slope, expected)


def interpolated(positions):
    """Bicubic, a = -0.75, centres of places on centres, the border repeated; as a matrix [LARGER, GRID]."""

    def kernel(x):
        x = abs(x)
        if x <= 1:
            return 1.25 * x**3 - 2.25 * x**2 + 1
        return -0.75 * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0

    matrix = np.zeros((LARGER, GRID))
    for i in range(LARGER):
        centre = (i + 0.5) * GRID / LARGER - 0.5
        for j in range(-4, GRID + 4):
            matrix[i, min(max(j, 0), GRID - 1)] += kernel(centre - j)
    grid = positions[:, 1:].reshape(GRID, GRID, -1)
    larger = np.einsum("ia,jb,abd->ijd", matrix, matrix, grid).reshape(1, LARGER * LARGER, -1)
    return np.concatenate([positions[:, :1], larger], 1)


def config():
    return {
        "architectures": ["ViTMAEForPreTraining"],
        "model_type": "vit_mae",
        "image_size": IMAGE,
        "num_channels": CHANNELS,
        "patch_size": PATCH,
        "num_hidden_layers": LAYERS,
        "hidden_size": WIDTH,
        "num_attention_heads": HEADS,
        "intermediate_size": 4 * WIDTH,
        "decoder_num_hidden_layers": DECODER_LAYERS,
        "decoder_hidden_size": DECODER_WIDTH,
        "decoder_num_attention_heads": DECODER_HEADS,
        "decoder_intermediate_size": 4 * DECODER_WIDTH,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": EPSILON,
        "qkv_bias": True,
        "mask_ratio": RATIO,
        "norm_pix_loss": False,
    }


def main():
    random = np.random.Generator(np.random.PCG64(20261124))
    weights = random_weights(random)
    images = random.standard_normal((BATCH, IMAGE, IMAGE, CHANNELS)).astype(np.float32)
    larger = random.standard_normal((1, LARGER * PATCH, LARGER * PATCH, CHANNELS)).astype(np.float32)
    noise = random.random((BATCH, PATCHES)).astype(np.float32)
    expected = {"images": images, "larger_images": larger, "noise": noise}
    FOLDER.mkdir(exist_ok=True)
    for label, normalize in (("plain", False), ("normalized", True)):
        net = Net(weights)
        value, predicted, mask = loss(net, images.astype(np.float64), noise, normalize, True)
        check_gradients(weights, net.g, images.astype(np.float64), noise, normalize, random)
        expected["loss_" + label] = np.array([value])
        gradients = {name: array.astype(np.float32) for name, array in net.g.items()}
        save(FOLDER / f"gradients_{label}.safetensors", gradients, {"by": "numpy, float64"})
    expected["prediction"], expected["mask"] = predicted, mask.astype(np.int32)
    net = Net(weights)
    positions = net.w["vit.embeddings.position_embeddings"]
    for name, pictures, places in (("", images, positions), ("larger_", larger, interpolated(positions))):
        everything = np.tile(np.arange(places.shape[1] - 1), (len(pictures), 1))
        expected[name + "features"] = net.latent(pictures.astype(np.float64), places, everything)[0][:, 1:].mean(1)
    (FOLDER / "config.json").write_text(json.dumps(config(), indent=2) + "\n")
    save(FOLDER / "model.safetensors", weights, {"format": "pt"})
    save(FOLDER / "expected.safetensors", expected, {"by": "numpy, float64"})


if __name__ == "__main__":
    main()

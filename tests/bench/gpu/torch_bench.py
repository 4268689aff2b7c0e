#!/usr/bin/env python3
"""The measurements of `cloze bench` by PyTorch, for its option --beside.

    cloze bench kernels --shapes gpu --list >cases.json
    torch_bench.py kernels --cases cases.json --out torch.json

Inputs are random and on the device. A time is the median over batches of calls, each batch waited for. Forward is run
as in training, so that backward can follow; backward is autograd's alone, over a graph that is kept. What can not be
run here is in the file as a failure, never left out.
"""

import argparse
import json
import re
import statistics
import sys
import time

import torch
import torch.nn.functional as F

from torch_models import gpt_step, mae_step


class Bench:
    def __init__(self, options):
        self.options = options
        self.device = options.device
        self.dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
        self.end = time.monotonic() + options.limit
        self.lines = []
        self.compiling = False  # what is compiled comes in a turn of its own, so that its time is not taken from the rest
        card = torch.cuda.get_device_name() if self.device == "cuda" else "cpu"
        self.by = f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, {card}, {options.precision}"

    def write(self):
        with open(self.options.out, "w") as file:
            json.dump({"by": self.by, "lines": self.lines}, file, indent=1)

    def synchronize(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def sample(self, call, calls):
        self.synchronize()
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        self.synchronize()
        return time.perf_counter() - begin

    def measure(self, call, samples=15, least=3, most_calls=256):
        seconds = self.options.seconds
        for _ in range(2):
            self.sample(call, 1)  # compiles, loads, chooses
        calls = max(1, min(most_calls, int(seconds / samples / self.sample(call, 1))))
        times = []
        while len(times) < samples and (len(times) < least or sum(times) * calls < seconds):
            times.append(self.sample(call, calls) / calls)
        return statistics.median(times)

    def add(self, case, by, name, run):
        """One line in its turn: the seconds that run() gives, or why there are none."""
        if self.compiling != (by == "compiled"):
            return {}
        line = {"name": case["name"], "pass": name, "shape": case["shape"], "by": by}
        try:
            if time.monotonic() > self.end:
                raise TimeoutError("no time was left")
            line["seconds"] = run()
        except Exception as e:  # whatever it is, the next may run
            line["failure"] = f"{by}: {type(e).__name__}: {e}".split("\n")[0][:200]
        self.lines.append(line)
        self.write()  # whatever comes, what has been measured is there
        print(f"{line['name']} {line['shape']} {name} {by}: "
              + (line.get("failure") or f"{1e6 * line['seconds']:.1f} us"), flush=True)
        return line

    def real(self, *shape, grad=True):
        return torch.randn(*shape, device=self.device, dtype=self.dtype).requires_grad_(grad)

    def ints(self, bound, *shape):
        return torch.randint(bound, shape, device=self.device)

    def compiled(self, f):
        """None where there is no compiler."""
        return torch.compile(f) if self.device == "cuda" and hasattr(torch, "compile") else None

    def both(self, case, by, f, inputs, context=None):
        """Forward and backward of f with respect to inputs."""
        def forward():
            return f(*inputs)

        def run_forward():
            with context() if context else torch.enable_grad():
                return self.measure(forward)

        def run_backward():
            with context() if context else torch.enable_grad():
                y = forward()
                dy = torch.randn_like(y)
                return self.measure(lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True))

        if "failure" not in self.add(case, by, "forward", run_forward):
            self.add(case, by, "backward", run_backward)

    def either(self, case, f, inputs):
        """Eager and compiled."""
        self.both(case, "eager", f, inputs)
        compiled = self.compiled(f)
        if compiled:
            self.both(case, "compiled", compiled, inputs)


def numbers(case):
    return [int(n) for n in re.findall(r"\d+", case["shape"])]


def layer_norm(b, case, n, d):
    b.both(case, "eager", lambda x, w, c: F.layer_norm(x, (d,), w, c, 1e-5), [b.real(n, d), b.real(d), b.real(d)])


def residual_layer_norm(b, case, n, d):
    def f(x, r, w, c):
        return F.layer_norm(x + r, (d,), w, c, 1e-5)
    b.either(case, f, [b.real(n, d), b.real(n, d), b.real(d), b.real(d)])


def rms_norm(b, case, n, d):
    def f(x, w):
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-5)).to(x.dtype) * w
    b.either(case, f, [b.real(n, d), b.real(d)])


def masked_softmax(b, case, n, k):
    hidden = torch.zeros(n, k, device=b.device, dtype=torch.bool)
    b.either(case, lambda s: s.masked_fill(hidden, float("-inf")).softmax(-1), [b.real(n, k)])
    b.both(case, "eager, no mask", lambda s: s.softmax(-1), [b.real(n, k)])


def gelu(b, case, n, d):
    b.both(case, "eager", lambda x: F.gelu(x, approximate="tanh"), [b.real(n, d)])


def swi_glu(b, case, n, f):
    def gate(x):
        left, right = x.chunk(2, -1)
        return F.silu(left) * right
    b.either(case, gate, [b.real(n, 2 * f)])


def dropout(b, case, n, d):
    b.both(case, "eager", lambda x: F.dropout(x, 0.1), [b.real(n, d)])


def drop_path(b, case, batch, t, d):
    def f(x):
        kept = torch.empty(batch, 1, 1, device=b.device, dtype=x.dtype).bernoulli_(0.9)
        return x * kept.div_(0.9)
    b.either(case, f, [b.real(batch, t, d)])


def add(b, case, batch, t, d):
    b.both(case, "eager", lambda x, y: x + y, [b.real(batch, t, d), b.real(t, d)])


def rope(b, case, batch, heads, t, width):
    angle = torch.outer(torch.arange(t, device=b.device).float(),
                        1e4 ** (-torch.arange(0, width, 2, device=b.device).float() / width))
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]

    def f(qkv):
        q, k, v = qkv.view(batch, t, 3, heads, width).split(1, 2)
        left, right = torch.cat([q, k], 2).float().chunk(2, -1)
        turned = torch.cat([left * cos - right * sin, left * sin + right * cos], -1).to(qkv.dtype)
        return torch.cat([turned, v], 2).view(batch, t, -1)
    b.either(case, f, [b.real(batch, t, 3 * heads * width)])


def cross_entropy(b, case, n, v):
    """Loss and gradient, which ours makes in one."""
    logits, targets = b.real(n, v), b.ints(v, n)

    def loss(x):
        return F.cross_entropy(x, targets)
    for by, f in (("eager", loss), ("compiled", b.compiled(loss))):
        if f:
            b.add(case, by, "forward", lambda: b.measure(lambda: torch.autograd.grad(f(logits), logits)))
    gradient, scale = b.real(n, v, grad=False), torch.tensor(-1.0, device=b.device)
    b.add(case, "eager", "backward", lambda: b.measure(lambda: gradient.mul_(scale)))


def soft_targets(b, case, n, v):
    targets = b.real(n, v, grad=False)
    b.either(case, lambda x: F.cross_entropy(x, targets), [b.real(n, v)])


def embedding(b, case, batch, t, v, d):
    ids = b.ints(v, batch, t)
    b.both(case, "eager", lambda table, places: F.embedding(ids, table) + places, [b.real(v, d), b.real(t, d)])


def patchify(b, case, batch, side, p):
    grid = side // p
    b.both(case, "eager", lambda x: x.view(batch, grid, p, grid, p, 3).transpose(2, 3).reshape(batch, grid * grid, -1)
           .contiguous(), [b.real(batch, side, side, 3)])


def gather(b, case, batch, n, m, d):
    ids = b.ints(n, batch, m)[..., None].expand(-1, -1, d)
    b.both(case, "eager", lambda x: torch.gather(x, 1, ids), [b.real(batch, n, d)])


def restore(b, case, batch, n, m, d):
    ids = torch.argsort(torch.rand(batch, n, device=b.device), 1)[..., None].expand(-1, -1, d)
    b.both(case, "eager", lambda x, token: torch.gather(torch.cat([x, token.expand(batch, n - m, d)], 1), 1, ids),
           [b.real(batch, m, d), b.real(d)])


def mean_pool(b, case, batch, n, d):
    b.both(case, "eager", lambda x: x.mean(1), [b.real(batch, n, d)])


def masked_mse(b, case, batch, n, d):
    mask, target = torch.ones(batch, n, device=b.device), b.real(batch, n, d, grad=False)

    def f(x):
        t = target.float()
        t = (t - t.mean(-1, keepdim=True)) / (t.var(-1, keepdim=True) + 1e-6) ** 0.5
        return (((x - t) ** 2).mean(-1) * mask).sum() / mask.sum()
    b.either(case, f, [b.real(batch, n, d)])


def masked_l1(b, case, batch, n, d):
    mask, target = torch.ones(batch, n, device=b.device), b.real(batch, n, d, grad=False)
    b.either(case, lambda x: ((x - target).abs().mean(-1) * mask).sum() / mask.sum(), [b.real(batch, n, d)])


def random_mask(b, case, batch, n, m):
    """As masked autoencoders draw it: by sorting twice."""
    def draw():
        order = torch.argsort(torch.rand(batch, n, device=b.device), 1)
        restore = torch.argsort(order, 1)
        mask = torch.ones(batch, n, device=b.device)
        mask[:, :m] = 0
        return order[:, :m].contiguous(), restore, torch.gather(mask, 1, restore)
    b.add(case, "eager", "draw", lambda: b.measure(draw))


def adam_w(b, case, n):
    weight = torch.randn(n, device=b.device, requires_grad=True)
    weight.grad = torch.randn_like(weight)
    by = "fused" if b.device == "cuda" else "foreach"
    b.add(case, by, "update", lambda: b.measure(
        torch.optim.AdamW([weight], 1e-3, (0.9, 0.95), weight_decay=0.1, **{by: True}).step))


def ema(b, case, n):
    weight, average = torch.randn(n, device=b.device), torch.randn(n, device=b.device)
    b.add(case, "eager", "update", lambda: b.measure(lambda: average.lerp_(weight, 1e-3)))


def gradient_norm(b, case, n):
    gradient = torch.randn(n, device=b.device)
    b.add(case, "eager", "update", lambda: b.measure(lambda: torch.linalg.vector_norm(gradient)))


def narrow(b, case, n):
    weight, copy = torch.randn(n, device=b.device), torch.empty(n, device=b.device, dtype=torch.bfloat16)
    b.add(case, "eager", "update", lambda: b.measure(lambda: copy.copy_(weight)))


def gradients(b, case, n):
    x, y = b.real(n, grad=False), b.real(n, grad=False)
    b.add(case, "eager", "update", lambda: b.measure(lambda: y.add_(x)))


def init(b, case, n):
    y = torch.empty(n, device=b.device)
    b.add(case, "eager", "draw normal", lambda: b.measure(y.normal_))
    b.add(case, "eager", "draw uniform", lambda: b.measure(lambda: y.uniform_(-1, 1)))


def muon(b, case, n, m):
    gradient, weight, momentum = (torch.randn(n, m, device=b.device) for _ in range(3))

    def step():
        momentum.mul_(0.95).add_(gradient)
        x = torch.add(gradient, momentum, alpha=0.95)
        x = x.T if n > m else x
        x = x / (x.norm() + 1e-7)
        for _ in range(5):
            s = x @ x.T
            x = 3.4445 * x + (-4.775 * s + 2.0315 * s @ s) @ x
        weight.mul_(1 - 0.02 * 0.01).add_(x.T if n > m else x, alpha=-0.02 * max(1, n / m) ** 0.5)
    b.add(case, "eager", "update", lambda: b.measure(step))


def peak(b, case, n, links):
    """A kernel for each link, since nothing keeps the sums in registers."""
    sums, half, one = torch.randn(n, device=b.device), torch.tensor(0.5, device=b.device), torch.ones(1, device=b.device)

    def chain():
        for _ in range(links):
            torch.addcmul(one, sums, half, out=sums)
    b.add(case, "eager", "update", lambda: b.measure(chain))


def conv2d(b, case, batch, side, c, m, p, stride):
    x = b.real(batch, c, side, side, grad=False).to(memory_format=torch.channels_last).requires_grad_()
    weight = b.real(m, c, p, p, grad=False).to(memory_format=torch.channels_last).requires_grad_()
    b.both(case, "eager", lambda x, w, bias: F.conv2d(x, w, bias, stride, p // 2), [x, weight, b.real(m)])


def lstm(b, case, batch, t, c, h):
    layer = torch.nn.LSTM(c, h, batch_first=True, device=b.device, dtype=b.dtype)
    x, state = b.real(batch, t, c), (b.real(1, batch, h), b.real(1, batch, h))
    inputs = [x, *state, *layer.parameters()]

    def both():
        y = layer(x, state)[0]
        return torch.autograd.grad(y, inputs, y)
    b.add(case, "eager", "forward", lambda: b.measure(lambda: layer(x, state)))
    b.add(case, "eager", "forward+backward", lambda: b.measure(both))


def linear(b, case, n, m, k):
    b.both(case, "eager", F.linear, [b.real(n, k), b.real(m, k), b.real(m)])


def linear_gelu(b, case, n, m, k):
    inputs = [b.real(n, k), b.real(m, k), b.real(m)]

    def f(*inputs):
        return F.gelu(F.linear(*inputs), approximate="tanh")
    for by, run in (("eager", f), ("compiled", b.compiled(f))):
        if run:
            b.add(case, by, "forward", lambda: b.measure(lambda: run(*inputs)))


def attention(b, case, batch, heads, t, width):
    """Dense [B, H, T, K], which suits it best."""
    causal = "causal" in case["shape"]
    inputs = [b.real(batch, heads, t, width) for _ in range(3)]
    if not hasattr(F, "scaled_dot_product_attention"):
        hidden = torch.ones(t, t, device=b.device, dtype=torch.bool).triu(1)

        def plain(q, k, v):
            scores = q @ k.transpose(-2, -1) / width ** 0.5
            return (scores.masked_fill(hidden, float("-inf")) if causal else scores).softmax(-1) @ v
        b.both(case, "math", plain, inputs)
        return

    def f(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    if b.device == "cpu":
        b.both(case, "sdpa", f, inputs)
        return
    from torch.nn.attention import SDPBackend, sdpa_kernel
    for by, name in (("flash", "FLASH_ATTENTION"), ("cudnn", "CUDNN_ATTENTION")):
        b.both(case, by, f, inputs, lambda: sdpa_kernel(getattr(SDPBackend, name)))  # cuDNN's came with PyTorch 2.5


def cached_attention(b, case, batch, heads, capacity, width):
    """One token each, behind a cache that holds it already."""
    q = b.real(batch, heads, 1, width, grad=False)
    new, cache = (b.real(2, batch, heads, t, width, grad=False) for t in (1, capacity))

    def f():
        cache[:, :, :, -1:] = new
        if hasattr(F, "scaled_dot_product_attention"):
            return F.scaled_dot_product_attention(q, cache[0], cache[1])
        return (q @ cache[0].transpose(-2, -1) / width ** 0.5).softmax(-1) @ cache[1]
    b.add(case, "eager", "forward", lambda: b.measure(f))


KERNELS = {
    "LayerNorm": layer_norm, "Residual+LayerNorm": residual_layer_norm, "RmsNorm": rms_norm,
    "MaskedSoftmax": masked_softmax, "Gelu": gelu, "SwiGlu": swi_glu, "Dropout": dropout, "Rope": rope,
    "SoftmaxCrossEntropy": cross_entropy, "Embedding": embedding, "Patchify": patchify, "GatherTokens": gather,
    "RestoreTokens": restore, "MeanPool": mean_pool, "MaskedMse": masked_mse, "AdamW": adam_w, "Ema": ema,
    "GradientNorm": gradient_norm, "Narrow": narrow, "MatMul": linear, "MatMul+GELU": linear_gelu,
    "Attention": attention, "CachedAttention": cached_attention, "DropPath": drop_path, "Add": add,
    "SoftTargetCrossEntropy": soft_targets, "MaskedL1": masked_l1, "RandomMask": random_mask, "Gradients": gradients,
    "Init": init, "Muon": muon, "Peak": peak, "Conv2d": conv2d, "Lstm": lstm,
}


def kernels(b, case):
    if case["name"] not in KERNELS:
        raise KeyError(f"no such op here: {case['name']}")
    if case["name"] != "Narrow" or b.dtype == torch.bfloat16:
        KERNELS[case["name"]](b, case, *numbers(case))


def steps(b, case):
    make = {"gpt": gpt_step, "mae": mae_step}.get(re.split("[-0-9]", case["name"])[0])
    if make is None:
        return  # a system that has no counterpart here
    by = "compiled" if b.compiling else "eager"
    b.add(case, by, "step", lambda: timed_steps(b, make(b, b.compiling, *numbers(case))))


def timed_steps(b, step, warm_up=5, least=3):
    for _ in range(warm_up):
        step()
    times = []
    while len(times) < least or sum(times) < b.options.seconds:
        b.synchronize()
        begin = time.perf_counter()
        step()
        b.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def one(b, case):
    try:
        (kernels if b.options.what == "kernels" else steps)(b, case)
    except Exception as e:  # whatever it is, the next may run
        b.lines.append({"name": case["name"], "pass": "", "shape": case["shape"], "by": "",
                        "failure": f"{type(e).__name__}: {e}".split("\n")[0][:200]})
    if b.compiling:
        torch._dynamo.reset()  # or what was compiled would hold its model's memory
    if b.device == "cuda":
        torch.cuda.empty_cache()
    b.write()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kernels", "steps"))
    parser.add_argument("--cases", required=True, help="what `cloze bench WHAT --list` prints")
    parser.add_argument("--out", required=True)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--precision", default="bf16", choices=("bf16", "tf32", "fp32"))
    parser.add_argument("--seconds", type=float, default=0.2, help="for each line")
    parser.add_argument("--limit", type=float, default=1e9, help="seconds after which nothing more begins")
    options = parser.parse_args()
    if options.precision == "tf32":
        torch.backends.cuda.matmul.allow_tf32 = True
    torch.manual_seed(1)
    b = Bench(options)
    turns = [False]
    if options.device == "cuda" and hasattr(torch, "compile"):
        from torch._functorch import config
        if hasattr(config, "donated_buffer"):
            config.donated_buffer = False  # or a graph could not be kept
        turns = [False, True] if options.what == "kernels" else [True, False]
    with open(options.cases) as file:
        cases = json.load(file)
    for b.compiling in turns:
        for case in cases:
            one(b, case)
    return 0


if __name__ == "__main__":
    sys.exit(main())

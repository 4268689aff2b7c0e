"""The models of `cloze bench steps` in PyTorch, as its users write them: autocast, fused AdamW, its own attention."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def attend(q, k, v, causal):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if causal:
        t = q.shape[-2]
        scores = scores.masked_fill(torch.ones(t, t, device=q.device, dtype=torch.bool).triu(1), float("-inf"))
    return scores.softmax(-1) @ v


class Block(nn.Module):
    def __init__(self, width, heads, causal, approximate, epsilon):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.norm1, self.norm2 = nn.LayerNorm(width, epsilon), nn.LayerNorm(width, epsilon)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate), nn.Linear(4 * width, width))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.proj(attend(q, k, v, self.causal).transpose(1, 2).reshape(b, t, d))
        return x + self.mlp(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self, layers, width, heads, vocabulary, context):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        nn.init.normal_(self.wte.weight, std=0.02)
        self.blocks = nn.Sequential(*(Block(width, heads, True, "tanh", 1e-5) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
        logits = F.linear(self.norm(self.blocks(x)), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class Mae(nn.Module):
    def __init__(self, image, p, layers, width, heads, layers2, width2, heads2, ratio=0.75):
        super().__init__()
        self.p, self.n, self.kept = p, (image // p) ** 2, int((image // p) ** 2 * (1 - ratio))
        self.embed, self.pred = nn.Linear(3 * p * p, width), nn.Linear(width2, 3 * p * p)
        self.cls, self.token = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.zeros(1, 1, width2))
        self.register_buffer("pos", torch.randn(1, self.n + 1, width))
        self.register_buffer("pos2", torch.randn(1, self.n + 1, width2))
        self.encoder = nn.Sequential(*(Block(width, heads, False, "none", 1e-6) for _ in range(layers)))
        self.decoder = nn.Sequential(*(Block(width2, heads2, False, "none", 1e-6) for _ in range(layers2)))
        self.norm, self.norm2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width2, 1e-6)
        self.between = nn.Linear(width, width2)

    def forward(self, images):
        b, side, _, c = images.shape
        g = side // self.p
        patches = images.view(b, g, self.p, g, self.p, c).transpose(2, 3).reshape(b, self.n, -1)
        order = torch.rand(b, self.n, device=images.device).argsort(1)
        back = order.argsort(1)
        x = self.embed(patches) + self.pos[:, 1:]
        x = torch.gather(x, 1, order[:, :self.kept, None].expand(-1, -1, x.shape[-1]))
        x = torch.cat([(self.cls + self.pos[:, :1]).to(x.dtype).expand(b, -1, -1), x], 1)
        x = self.between(self.norm(self.encoder(x)))
        full = torch.cat([x[:, 1:], self.token.to(x.dtype).expand(b, self.n - self.kept, -1)], 1)
        full = torch.gather(full, 1, back[..., None].expand(-1, -1, x.shape[-1]))
        x = torch.cat([x[:, :1], full], 1) + self.pos2
        predicted = self.pred(self.norm2(self.decoder(x)))[:, 1:]
        target = (patches - patches.mean(-1, keepdim=True)) / (patches.var(-1, keepdim=True) + 1e-6) ** 0.5
        hidden = (back >= self.kept).float()
        return (((predicted - target) ** 2).mean(-1) * hidden).sum() / hidden.sum()


def training(b, model, compiled, batches):
    """A step: the batch from the host's memory, forward, backward, clipping, AdamW, the loss read."""
    parameters = list(model.parameters())
    fused = {"fused": True} if b.device == "cuda" else {}
    optimizer = torch.optim.AdamW(parameters, 1e-4, (0.9, 0.95), weight_decay=0.1, **fused)
    run = torch.compile(model) if compiled else model

    def step():
        batch = [x.to(b.device, non_blocking=True) for x in batches()]
        if b.dtype == torch.bfloat16:
            with torch.autocast(b.device, torch.bfloat16):
                loss = run(*batch)
        else:
            loss = run(*batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss.item()
    return step


def pinned(b, x):
    return x.pin_memory() if b.device == "cuda" else x


def gpt_step(b, compiled, layers, width, heads, vocabulary, batch, t):
    """With a vocabulary of whole tiles, as its users choose it: 50304 for 50257."""
    padded = -(-vocabulary // 64) * 64 if b.device == "cuda" else vocabulary
    model = Gpt(layers, width, heads, padded, t).to(b.device)
    text = [pinned(b, torch.randint(vocabulary, (batch, t + 1))) for _ in range(4)]
    turn = iter(range(1 << 30))

    def batches():
        ids = text[next(turn) % 4]
        return pinned(b, ids[:, :-1].contiguous()), pinned(b, ids[:, 1:].contiguous())
    return training(b, model, compiled, batches)


def mae_step(b, compiled, image, p, layers, width, heads, layers2, width2, heads2, batch):
    model = Mae(image, p, layers, width, heads, layers2, width2, heads2).to(b.device)
    images = pinned(b, torch.randn(batch, image, image, 3))
    return training(b, model, compiled, lambda: [images])


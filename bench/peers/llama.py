"""The model that Weft's `transformer` is, in plain PyTorch: RMSNorm, rotary positions, SwiGLU."""

import torch
from torch import nn
from torch.nn import functional as F


def angles(time, head_dim, dtype):
    """(cos, sin), [time, head_dim / 2]."""
    half = head_dim // 2
    rates = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    a = torch.outer(torch.arange(time, dtype=torch.float64), rates)
    return a.cos().to(dtype), a.sin().to(dtype)


def rotate(x, cos, sin):
    """x [batch, heads, time, head_dim], pairs (i, i + head_dim / 2)."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Block(nn.Module):
    def __init__(self, dim, heads, ffn):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(dim, 1e-5), nn.RMSNorm(dim, 1e-5)
        # One product for q, k and v, and one for gate and up: what PyTorch does best.
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.gate_up = nn.Linear(dim, 2 * ffn, bias=False)
        self.down = nn.Linear(ffn, dim, bias=False)

    def feed_forward(self, x):
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)

    def heads_of(self, x):
        """q, k, v, each [batch, heads, time, head_dim]."""
        batch, time, _ = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, time, 3, self.heads, -1)
        return qkv.permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x, cos, sin):
        q, k, v = self.heads_of(x)
        o = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True)
        return self.feed_forward(x + self.out(o.transpose(1, 2).flatten(2)))

    def decode(self, x, cos, sin, keys, values, past):
        """One token; keys and values [batch, heads, context, head_dim] hold `past` before it."""
        q, k, v = self.heads_of(x)
        keys[:, :, past : past + 1] = rotate(k, cos, sin)
        values[:, :, past : past + 1] = v
        seen = past + 1
        o = F.scaled_dot_product_attention(rotate(q, cos, sin), keys[:, :, :seen], values[:, :, :seen])
        return self.feed_forward(x + self.out(o.transpose(1, 2).flatten(2)))


class Llama(nn.Module):
    def __init__(self, vocab, dim, layers, heads, ffn, time, dtype=torch.float32):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.blocks = nn.ModuleList(Block(dim, heads, ffn) for _ in range(layers))
        self.norm = nn.RMSNorm(dim, 1e-5)
        self.head = nn.Linear(dim, vocab, bias=False)
        self.to(dtype)
        cos, sin = angles(time, dim // heads, dtype)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, tokens):
        """Logits [batch, time, vocab]."""
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return self.head(self.norm(x))

    def decode(self, token, caches, past):
        """Logits [batch, 1, vocab] of one token [batch, 1]; caches: (keys, values) of each block."""
        x = self.embed(token)
        cos, sin = self.cos[past : past + 1], self.sin[past : past + 1]
        for block, (keys, values) in zip(self.blocks, caches):
            x = block.decode(x, cos, sin, keys, values, past)
        return self.head(self.norm(x))


def add_sizes(parser):
    for name, size in [("vocab", 256), ("dim", 384), ("layers", 6), ("heads", 6), ("ffn", 1024),
                       ("time", 512), ("batch", 8)]:
        parser.add_argument("--" + name, type=int, default=size)

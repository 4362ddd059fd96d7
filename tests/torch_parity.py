"""Trains the model of a folder with plain PyTorch and prints the loss of every step.

FOLDER holds config.json, model.safetensors (the initial weights) and batches.safetensors (tokens
and labels, i32 [steps, batch, time]). Everything is float32 on one thread.
"""

import argparse
import json
import math
import pathlib
import struct

import torch
from torch.nn.functional import cross_entropy, embedding, linear, logsigmoid, silu


def read_safetensors(path):
    """Name to tensor; the types that Weft writes for this test."""
    types = {"F32": torch.float32, "I32": torch.int32}
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            flat = torch.frombuffer(bytearray(raw[begin:end]), dtype=types[entry["dtype"]])
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


def rms_norm(x, gain, eps):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * gain


def rotate(x, theta):
    """Rotary positions, [batch, heads, time, dim], pairs (i, i + dim / 2)."""
    time, half = x.shape[-2], x.shape[-1] // 2
    rates = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.outer(torch.arange(time, dtype=torch.float64), rates)
    cos, sin = angles.cos().float(), angles.sin().float()
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def softmax_weights(scores):
    future = torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -math.inf).softmax(-1)


def stick_breaking_weights(scores):
    """sigmoid(s_ij) times the product of 1 - sigmoid(s_il) over the keys l between j and i."""
    seen = torch.ones_like(scores[0, 0], dtype=torch.bool).tril(-1)
    kept = logsigmoid(-scores).masked_fill(~seen, 0)
    between = kept.flip(-1).cumsum(-1).flip(-1) - kept
    return (logsigmoid(scores) + between).exp().masked_fill(~seen, 0)


class Model:
    def __init__(self, folder, design):
        config = json.loads((folder / "config.json").read_text())
        self.weights = read_safetensors(folder / "model.safetensors")
        for w in self.weights.values():
            w.requires_grad_()
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.eps = config["rms_norm_eps"]
        self.theta = config["rope_theta"]
        self.stick_breaking = design == "stick-breaking"
        self.value_residual = design == "resformer"

    def project(self, x, name):
        return linear(x, self.weights[name + ".weight"])

    def attention(self, n, name, first_value):
        batch, time, width = n.shape
        q, k, v = (
            self.project(n, f"{name}.{port}_proj").view(batch, time, self.heads, -1).transpose(1, 2)
            for port in "qkv"
        )
        if self.value_residual and first_value is not None:
            v = (first_value + v) / 2
        if not self.stick_breaking:
            q, k = rotate(q, self.theta), rotate(k, self.theta)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        weigh = stick_breaking_weights if self.stick_breaking else softmax_weights
        o = (weigh(scores) @ v).transpose(1, 2).reshape(batch, time, width)
        return self.project(o, name + ".o_proj"), v

    def loss(self, tokens, labels):
        x, first_value = embedding(tokens, self.weights["model.embed_tokens.weight"]), None
        for layer in range(self.layers):
            name = f"model.layers.{layer}"
            n = rms_norm(x, self.weights[name + ".input_layernorm.weight"], self.eps)
            o, v = self.attention(n, name + ".self_attn", first_value)
            first_value = v if layer == 0 else first_value
            x = x + o
            m = rms_norm(x, self.weights[name + ".post_attention_layernorm.weight"], self.eps)
            gate, up = (self.project(m, f"{name}.mlp.{part}_proj") for part in ("gate", "up"))
            x = x + self.project(silu(gate) * up, name + ".mlp.down_proj")
        n = rms_norm(x, self.weights["model.norm.weight"], self.eps)
        return cross_entropy(self.project(n, "lm_head").flatten(0, 1), labels.flatten())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--design", choices=["transformer", "resformer", "stick-breaking"])
    for name in ("lr", "warmup", "beta1", "beta2", "eps", "weight-decay", "clip"):
        parser.add_argument("--" + name, type=float, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = Model(args.folder, args.design)
    decayed = {n for n in model.weights if n.endswith("_proj.weight") or n == "lm_head.weight"}
    groups = [
        {"params": [w for n, w in model.weights.items() if (n in decayed) == decay],
         "weight_decay": args.weight_decay if decay else 0.0}
        for decay in (True, False)
    ]
    optimizer = torch.optim.AdamW(groups, betas=(args.beta1, args.beta2), eps=args.eps)
    batches = read_safetensors(args.folder / "batches.safetensors")
    for step in range(len(batches["tokens"])):
        loss = model.loss(batches["tokens"][step].long(), batches["labels"][step].long())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(model.weights.values()), args.clip)
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1.0, (step + 1) / args.warmup)
        optimizer.step()
        print(f"{loss.item():.9f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A step of the optimisation lab beside PyTorch's, on one core: 1000 prompts of setting 1 of
arXiv 2310.01082 (d 5, n 20, three layers, f32), drawn, through the model and back, one Adam update.

    bench/peers/icl.py [--weft build/release/weft] [--seconds 5]

PyTorch runs the same recursion of Gram matrices, in batches of small products, and the literal form,
which scores every token against every other. Nothing is installed: without PyTorch it says so and
exits 0.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

D, N, LAYERS, BATCH, RATE = 5, 20, 3, 1000, 0.02


def prompts(torch):
    x = torch.randn(BATCH, N + 1, D)
    y = (x @ torch.randn(BATCH, D, 1)).squeeze(-1)
    return x[:, :N], y[:, :N], x[:, N], y[:, N]


def gram_loss(torch, theta):
    """Per prompt G = X^T X / n, g = X^T y / n; the residual collects u.x, layer by layer."""
    x, y, query, residual = prompts(torch)
    G = x.transpose(1, 2) @ x / N
    g = (x.transpose(1, 2) @ y.unsqueeze(-1)) / N
    z = query.unsqueeze(-1)
    for layer, (B, Q) in enumerate(theta):
        u = Q.T @ g
        residual = residual + (u * z).sum((1, 2))
        if layer + 1 < LAYERS:
            A = torch.eye(D) + B @ (G @ Q)
            v = g + G @ u
            z, g, G = A @ z, A @ v, A @ G @ A.transpose(1, 2)
    return (residual**2).mean()


def literal_loss(torch, theta):
    """Z <- Z + P Z M (Z^T Q Z) / n over all n + 1 tokens, P and Q with the block form's zeros."""
    x, y, query, label = prompts(torch)
    context = torch.cat([x, y.unsqueeze(-1)], 2)
    last = torch.cat([query, torch.zeros(BATCH, 1)], 1).unsqueeze(1)
    Z = torch.cat([context, last], 1).transpose(1, 2)
    keys = torch.ones(N + 1)
    keys[N] = 0
    for B, Q in theta:
        P = torch.nn.functional.pad(B, (0, 1, 0, 1))
        P = P + torch.diag(torch.tensor([0.0] * D + [1.0]))
        scores = Z.transpose(1, 2) @ torch.nn.functional.pad(Q, (0, 1, 0, 1)) @ Z
        Z = Z + P @ (Z * keys) @ scores / N
    return ((Z[:, D, N] + label) ** 2).mean()


def torch_step(torch, loss):
    theta = [[(0.05 * torch.randn(D, D)).requires_grad_() for _ in range(2)] for _ in range(LAYERS)]
    flat = [p for layer in theta for p in layer]
    adam = torch.optim.Adam(flat, lr=RATE, betas=(0.9, 0.9))

    def step():
        adam.zero_grad()
        loss(torch, theta).backward()
        torch.nn.utils.clip_grad_norm_([p for p in flat if p.grad is not None], 1.0)
        adam.step()

    return step


def median_seconds(step, seconds):
    for _ in range(3):
        step()
    times = []
    while sum(times) < seconds or len(times) < 5:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def weft_rows(weft):
    command = [weft, "bench", "icl", "--threads", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    rows = json.loads(done.stdout)["results"]
    fastest = [r for r in rows if r["name"].startswith("icl step f32")]
    literal = [r for r in rows if r["name"].startswith("icl literal step")]
    return min(fastest, key=lambda r: r["seconds"]), literal[0]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--weft", default="build/release/weft")
    p.add_argument("--seconds", type=float, default=5)
    args = p.parse_args()
    try:
        import torch
    except ImportError:
        print("no PyTorch here, so there is nothing to compare with")
        return
    torch.set_num_threads(1)
    torch.manual_seed(1)
    print(f"weft bench icl, then {args.seconds:g} s for each form in PyTorch", file=sys.stderr)
    step, literal = weft_rows(args.weft)
    print(f"{step['name']:<32} {step['seconds'] * 1e3:9.3f} ms")
    print(f"{literal['name']:<32} {literal['seconds'] * 1e3:9.3f} ms", flush=True)
    for name, loss in (("Gram form", gram_loss), ("literal form", literal_loss)):
        seconds = median_seconds(torch_step(torch, loss), args.seconds)
        print(f"PyTorch {torch.__version__} {name:<16} {seconds * 1e3:9.3f} ms, "
              f"{seconds / step['seconds']:.0f} x Weft's step", flush=True)


if __name__ == "__main__":
    main()

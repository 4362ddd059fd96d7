"""PyTorch's scaled_dot_product_attention, causal: forward alone, and forward with backward."""

import torch
from torch.nn import functional as F

import worker


def make(args):
    dtype, _ = worker.settle(args)
    shape = (args.batch, args.heads, args.time, args.head_dim)
    q, k, v = (torch.randn(shape).to(dtype).requires_grad_() for _ in range(3))
    cotangent = torch.randn(shape).to(dtype)

    def attention(a, b, c):
        return F.scaled_dot_product_attention(a, b, c, is_causal=True)

    run = torch.compile(attention) if args.compile else attention

    def forward():
        with torch.no_grad():
            run(q, k, v)

    def both():
        q.grad = k.grad = v.grad = None
        run(q, k, v).backward(cotangent)

    return {"forward": forward, "forward + backward": both}


if __name__ == "__main__":
    p = worker.parser(__doc__)
    for name, size in [("time", 2048), ("heads", 8), ("head-dim", 64), ("batch", 1)]:
        p.add_argument("--" + name, type=int, default=size)
    arguments = p.parse_args()
    worker.serve(lambda: make(arguments), arguments.seconds)

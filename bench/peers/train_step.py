"""A training step of a Llama-like model in PyTorch: loss, gradients, clipping, fused AdamW.

autocast: f32 weights, bf16 products; bf16: weights and optimizer state in bf16 as well.
"""

import torch
from torch.nn import functional as F

import llama
import worker


def make(args):
    dtype, autocast = worker.settle(args)
    model = llama.Llama(args.vocab, args.dim, args.layers, args.heads, args.ffn, args.time, dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1,
                                  fused=True)
    tokens = torch.randint(args.vocab, (args.batch, args.time + 1))
    inputs, labels = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    def loss_of(x, y):
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten())

    forward = torch.compile(loss_of) if args.compile else loss_of

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = forward(inputs, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return {"step": step}


if __name__ == "__main__":
    p = worker.parser(__doc__)
    llama.add_sizes(p)
    arguments = p.parse_args()
    worker.serve(lambda: make(arguments), arguments.seconds)

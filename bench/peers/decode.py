"""A token at a time in PyTorch, batch 1, keys and values in a cache of fixed size.

autocast makes no sense here and is refused; bf16 is what a user would take.
"""

import torch

import llama
import worker


@torch.inference_mode()
def make(args):
    dtype, autocast = worker.settle(args)
    if autocast:
        raise ValueError("decode knows f32 and bf16")
    model = llama.Llama(args.vocab, args.dim, args.layers, args.heads, args.ffn, args.time, dtype).eval()
    shape = (1, args.heads, args.time, args.dim // args.heads)
    caches = [(torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)) for _ in range(args.layers)]
    token = torch.zeros((1, 1), dtype=torch.long)
    decode = torch.compile(model.decode, dynamic=True) if args.compile else model.decode
    past = args.prompt

    @torch.inference_mode()
    def step():
        nonlocal past, token
        past = past + 1 if past + 1 < args.time else args.prompt
        token = decode(token, caches, past)[:, -1].argmax(-1, keepdim=True)

    return {"token": step}


if __name__ == "__main__":
    p = worker.parser(__doc__)
    llama.add_sizes(p)
    p.add_argument("--prompt", type=int, default=512, help="tokens in the cache at first")
    p.set_defaults(time=2048)  # the cache
    arguments = p.parse_args()
    worker.serve(lambda: make(arguments), arguments.seconds)

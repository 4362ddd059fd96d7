"""What the PyTorch scripts share: a process that is set up once and then measures on request.

A script builds its step and calls serve(). It prints one JSON line when it is ready (its warm-up,
compilation included, is over), then one for every line that it reads: the median time of the steps
it ran, how many there were, and the peak of its resident memory while it ran them.
"""

import argparse
import json
import statistics
import sys
import time

import torch


def parser(description):
    """The arguments that every script takes."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--precision", choices=["f32", "autocast", "bf16"], default="f32")
    p.add_argument("--compile", action="store_true", help="through torch.compile")
    p.add_argument("--threads", type=int, default=0, help="all cores")
    p.add_argument("--seconds", type=float, default=2, help="of one measurement")
    return p


def settle(args):
    """Threads, random numbers; returns (type of the weights, autocast or not)."""
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    return torch.bfloat16 if args.precision == "bf16" else torch.float32, args.precision == "autocast"


def resident_peak():
    """Bytes: the most since the start, or since restart_peak()."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def restart_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # then the peak is that of the whole process


def measure(step, seconds):
    times = []
    while sum(times) < seconds or len(times) < 2:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times), len(times)


def say(**fields):
    print(json.dumps(fields), flush=True)


def serve(make, seconds):
    """`make()` returns {name: step}; every step is warmed up and then measured on request."""
    try:
        steps = make()
        for step in steps.values():
            step()
            step()
    except Exception as error:  # a compiler that is missing, memory: the table says which
        say(error=(str(error).strip() or repr(error)).splitlines()[0][:200])
        return
    say(ready=True, torch=torch.__version__)
    for _ in sys.stdin:
        restart_peak()
        result = {}
        for name, step in steps.items():
            median, runs = measure(step, seconds)
            result[name] = {"seconds": median, "runs": runs}
        say(steps=result, peak_bytes=resident_peak())

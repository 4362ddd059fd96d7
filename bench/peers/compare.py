#!/usr/bin/env python3
"""Weft and PyTorch on the same work, in turn in one run: medians, ratios, peak resident memory.

    bench/peers/compare.py [--weft build/release/weft] [--python python3] [--rounds 5]
                           [--only TEXT] [--threads N] [--json | --markdown]

Every round measures Weft (`weft bench`, its checks included) and then each PyTorch variant, which
was set up and compiled before; ratios are medians over the rounds. A row is printed when its case is
measured; with --json and --markdown, which are written at the end, progress goes to stderr. Nothing
is installed: where --python has no PyTorch, it says so and exits 0.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SMALL = {"dim": 384, "layers": 6, "heads": 6, "ffn": 1024, "vocab": 256}
LARGE = {"dim": 768, "layers": 12, "heads": 12, "ffn": 2048, "vocab": 50304}


def train_case(size, time, batch, dtype):
    sizes = dict(size, time=time, batch=batch)
    return {
        "name": f"train {dtype} dim {size['dim']} x {size['layers']}, T={time} B={batch}",
        "script": "train_step.py", "sizes": sizes, "dtype": dtype,
        "peers": ["f32"] if dtype == "f32" else ["autocast", "bf16"],
        "weft": ["train", "--all", "--only",
                 f"train transformer {dtype} dim {size['dim']} x {size['layers']}, T={time} B={batch}"],
        "tokens": time * batch, "train": True,
    }


def cases():
    for dtype in ("f32", "bf16"):
        yield train_case(SMALL, 512, 8, dtype)
    for dtype in ("f32", "bf16"):
        yield train_case(LARGE, 1024, 1, dtype)
    for dtype in ("f32", "bf16"):
        sizes = {"time": 2048, "heads": 8, "head-dim": 64, "batch": 1}
        yield {
            "name": f"attention {dtype} T=2048 D=64 H=8 B=1", "script": "attention.py",
            "sizes": sizes, "dtype": dtype, "peers": [dtype],
            "weft": ["attention", "--only", f"attention softmax {dtype} T=2048"],
            # Causal, counted once: two products forward, five backward.
            "flops": {"forward": 2 * 2048**2 * 64 * 8, "backward": 5 * 2048**2 * 64 * 8},
        }
    for dtype in ("f32", "bf16"):
        yield {
            "name": f"decode {dtype} dim 768 x 12, one sequence", "script": "decode.py",
            "sizes": {**LARGE, "prompt": 32}, "dtype": dtype, "peers": [dtype],
            "weft": ["decode", "--only", f"decode {dtype} 124M tied batch 1"], "tokens": 1,
        }


class Progress:
    """What is being measured and how long it all still takes, on stderr.

    A line of its own that is written over in a terminal; elsewhere a line when a case begins."""

    def __init__(self, cases, rounds):
        # A case is set up once, which takes about as long as a round, and measured in rounds by
        # each contestant; compiled ones count twice.
        self.weights = [(len(case["peers"]) * 3 + 1) * (rounds + 1) for case in cases]
        self.done = 0
        self.begun = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.shown = 0
        self.case = ""

    def left(self):
        """Seconds, by what was done so far; None before anything was."""
        if self.done == 0:
            return None
        return (time.monotonic() - self.begun) * (sum(self.weights) / self.done - 1)

    def text(self, what):
        seconds = self.left()
        if seconds is None:
            return what
        minutes = seconds / 60
        return f"{what}  {f'{minutes:.0f} min' if minutes >= 1.5 else f'{seconds:.0f} s'} left"

    def begin(self, name):
        self.case = name
        if not self.terminal:
            print(self.text(name), file=sys.stderr, flush=True)

    def step(self, what, weight):
        """`what` begins; `weight` of the work was done before it."""
        self.done += weight
        if self.terminal:
            self.clear()
            line = self.text(f"{self.case}: {what}")[: os.get_terminal_size(2).columns - 1]
            print(line, end="\r", file=sys.stderr, flush=True)
            self.shown = len(line)

    def end(self, reached):
        """A case is over; `reached` is the weight of all cases up to it."""
        self.done = reached
        self.clear()

    def clear(self):
        if self.shown:
            print(" " * self.shown, end="\r", file=sys.stderr, flush=True)
        self.shown = 0


class Peer:
    """One PyTorch variant: a process that waits between its rounds."""

    def __init__(self, options, case, precision, compiled):
        self.name = f"PyTorch {precision}{', compiled' if compiled else ''}"
        self.weight = 2 if compiled else 1
        self.rounds, self.peak = [], 0
        words = [options.python, str(HERE / case["script"]), "--precision", precision,
                 "--threads", str(options.threads), "--seconds", str(options.seconds)]
        for key, value in case["sizes"].items():
            words += ["--" + key, str(value)]
        if compiled:
            words.append("--compile")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.problem = self.answer().get("error")

    def answer(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "it ended without a word"}

    def round(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.answer()
        if "error" in answer:
            self.problem = answer["error"]
            return
        self.peak = max(self.peak, answer["peak_bytes"])
        self.rounds.append({name: step["seconds"] for name, step in answer["steps"].items()})

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Weft:
    """`weft bench`, started anew each round."""

    def __init__(self, options, case):
        self.name, self.case, self.problem, self.weight = "Weft", case, None, 1
        self.rounds, self.peak = [], 0
        self.command = [options.weft, "bench", *case["weft"], "--json"]
        if options.threads:
            self.command += ["--threads", str(options.threads)]

    def round(self):
        done = subprocess.run(self.command, capture_output=True, text=True)
        if done.returncode != 0:
            self.problem = done.stderr.strip().splitlines()[-1]
            return
        self.rounds.append(self.steps(json.loads(done.stdout)["results"]))

    def steps(self, rows):
        """Of several rows the first counts; attention of another size is scaled by its FLOPs."""
        if "flops" not in self.case:
            name = "step" if self.case.get("train") else "token"
            return {name: rows[0]["seconds"]}
        def part(ending):
            row = next(r for r in rows if r["name"].endswith(" " + ending))
            return row["seconds"] * self.case["flops"][ending] / row["flops"]
        forward = part("forward")
        return {"forward": forward, "forward + backward": forward + part("backward")}

    def close(self):
        pass


def weft_train_memory(options, case):
    """Peak resident bytes of two steps of `weft train`, as the system counts them."""
    size = case["sizes"]
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder, "text")
        text.write_bytes(os.urandom(1 << 20))
        settings = {"data.train": json.dumps(str(text)), "train.steps": 2, "train.batch": size["batch"],
                    "train.precision": json.dumps(case["dtype"]), "model.context": size["time"],
                    "train.checkpoint_every": 0}
        for key in ("dim", "layers", "heads", "ffn", "vocab"):
            settings["model." + key] = size[key]
        words = [options.weft, "train", "transformer", "--out", str(pathlib.Path(folder, "run"))]
        for key, value in settings.items():
            words += ["--set", f"{key}={value}"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        return usage.ru_maxrss * 1024 if status == 0 else 0


def contestants(options, case):
    yield Weft(options, case)
    for precision in case["peers"]:
        for compiled in (False, True):
            yield Peer(options, case, precision, compiled)


def run_case(options, case, progress):
    """Rows: contestant, step, median seconds, its time over Weft's, peak bytes or the problem."""
    everyone = []
    try:
        for one in contestants(options, case):
            everyone.append(one)
            progress.step(f"{one.name} is set up", one.weight)
        weft = everyone[0]
        for number in range(options.rounds):
            for one in everyone:
                if one.problem is None:
                    progress.step(f"round {number + 1} of {options.rounds}, {one.name}", 0)
                    one.round()
                progress.step(f"round {number + 1} of {options.rounds}", one.weight)
            if weft.problem is not None:
                break
    finally:
        for one in everyone:
            one.close()
    if case.get("train") and weft.problem is None:
        weft.peak = weft_train_memory(options, case)
    rows = []
    for one in everyone:
        if one.problem is not None or not one.rounds:
            rows.append({"case": case["name"], "who": one.name, "problem": one.problem or "not run"})
            continue
        for step in one.rounds[0]:
            mine = [r[step] for r in one.rounds]
            row = {"case": case["name"], "who": one.name, "step": step,
                   "seconds": statistics.median(mine), "rounds": mine, "peak_bytes": one.peak}
            if weft.rounds:
                row["ratio"] = statistics.median(
                    r[step] / w[step] for r, w in zip(one.rounds, weft.rounds))
            if "tokens" in case:
                row["tokens_per_second"] = case["tokens"] / row["seconds"]
            rows.append(row)
    return rows


HEAD = "times of one step, over Weft's (above 1: Weft is faster), peak resident memory"


def line_of(row):
    if "problem" in row:
        return f"  {row['who']:<26} not measured: {row['problem']}"
    rate = f"{row['tokens_per_second']:8.0f} tok/s" if "tokens_per_second" in row else ""
    memory = f"{row['peak_bytes'] / 2**20:7.0f} MiB" if row["peak_bytes"] else ""
    ratio = f"{row['ratio']:5.2f}" if "ratio" in row else ""
    return (f"  {row['who']:<26} {row['step']:<18} {row['seconds'] * 1e3:9.2f} ms {ratio} "
            f"{rate} {memory}").rstrip()


def markdown(rows):
    lines = ["| work | who | step | time | over Weft's | tokens/s | peak memory |",
             "|---|---|---|---:|---:|---:|---:|"]
    for row in rows:
        if "problem" in row:
            lines.append(f"| {row['case']} | {row['who']} | not measured: {row['problem']} | | | | |")
            continue
        rate = f"{row['tokens_per_second']:,.0f}" if "tokens_per_second" in row else ""
        memory = f"{row['peak_bytes'] / 2**20:,.0f} MiB" if row["peak_bytes"] else ""
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        lines.append(f"| {row['case']} | {row['who']} | {row['step']} | {row['seconds'] * 1e3:.2f} ms "
                     f"| {ratio} | {rate} | {memory} |")
    return "\n".join(lines)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--weft", default=str(HERE.parent.parent / "build/release/weft"))
    p.add_argument("--python", default="python3", help="one that has PyTorch")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=2, help="of PyTorch in a round")
    p.add_argument("--only", default="", help="cases with this in their name")
    p.add_argument("--threads", type=int, default=0, help="all cores")
    p.add_argument("--json", action="store_true")
    p.add_argument("--markdown", action="store_true")
    return p.parse_args()


def main():
    options = arguments()
    try:
        probe = subprocess.run([options.python, "-c", "import torch; print(torch.__version__)"],
                               capture_output=True, text=True)
        version = probe.stdout.strip() if probe.returncode == 0 else ""
    except OSError:
        version = ""
    if not version:
        why = f"{options.python} has no PyTorch: nothing to compare with (--python names another)"
        print(why, file=sys.stderr if options.json else sys.stdout)
        if options.json:
            print(json.dumps({"torch": None, "rounds": 0, "results": []}))
        return 0
    chosen = [case for case in cases() if options.only in case["name"]]
    if not chosen:
        print(f"no case has '{options.only}' in its name: {', '.join(c['name'] for c in cases())}",
              file=sys.stderr)
        return 2
    listed = not (options.json or options.markdown)
    if listed:
        print(f"PyTorch {version}, {options.rounds} rounds; {HEAD}", flush=True)
    rows = []
    progress = Progress(chosen, options.rounds)
    for number, case in enumerate(chosen):
        progress.begin(case["name"])
        new = run_case(options, case, progress)
        progress.end(sum(progress.weights[: number + 1]))
        rows += new
        if listed:
            print("\n".join([case["name"], *map(line_of, new)]), flush=True)
    if options.json:
        print(json.dumps({"torch": version, "rounds": options.rounds, "results": rows}, indent=2))
    elif options.markdown:
        print(f"PyTorch {version}, {options.rounds} rounds.\n\n" + markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

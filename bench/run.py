#!/usr/bin/env python3
"""Runs the benchmarks and, where PyTorch is installed, the training step beside its rival in alternation, so that a noisy
machine disturbs both alike. usage: run.py BUILD_FOLDER OUT.json [options of descrambler_bench]"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

build, out, options = sys.argv[1], sys.argv[2], sys.argv[3:]
bench = os.path.join(build, "descrambler_bench")
here = os.path.dirname(os.path.abspath(__file__))

def run(arguments, path):
    subprocess.run([bench, "--out", path, *arguments], check=True, stdout=sys.stderr)
    with open(path) as file:
        return json.load(file)

document = run(options, out)

def row(provider, times_us, flops_us):
    times_us = sorted(times_us)
    q = lambda p: times_us[round(p * (len(times_us) - 1))]
    return {"kernel": "train", "n": 80, "d": 256, "batch": 8, "dtype": "f32", "mode": "side by side", "provider": provider,
            "samples": len(times_us), "median_us": q(0.5), "p25_us": q(0.25), "p75_us": q(0.75), "min_us": times_us[0],
            "gflops": flops_us / q(0.5) * 1e-3, "gbs": 0, "frac_floor": 0, "residual": 0, "ref_error": 0}

python = next((p for p in (sys.executable, "/usr/bin/python3")
               if subprocess.run([p, "-c", "import torch"], capture_output=True).returncode == 0), None)
if python is None:
    print("PyTorch is not installed: the training step has no rival in this run", file=sys.stderr)
else:
    flops = 8 * 5 * 2 * 256 * 80 * 256
    ours, theirs = [], {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(5):
            part = run(["--benchmark_filter=train/data_excluded", "--benchmark_repetitions=3"],
                       os.path.join(folder, "part.json"))
            ours.append(part["cases"][0]["median_us"] / 20)  # 20 steps of 8 networks an iteration
            for threads in theirs:
                text = subprocess.run([python, os.path.join(here, "torch_train.py"), str(threads)], check=True,
                                      capture_output=True, text=True).stdout
                theirs[threads].append(1e6 * statistics.median(float(line) for line in text.split()))
    document["cases"].append(row("descrambler", ours, flops))
    for threads, times in theirs.items():
        document["cases"].append(row(f"pytorch, {threads} thread{'s' if threads > 1 else ''}", times, flops))
    best = min(theirs.values(), key=statistics.median)
    ratios = sorted(t / o for t, o in zip(best, ours))
    document["meta"]["train_against_pytorch"] = {"ratio_median": statistics.median(ratios), "ratio_min": ratios[0],
                                                 "ratio_max": ratios[-1]}
    print(f"training step against PyTorch: {statistics.median(ratios):.2f} times faster"
          f" ({ratios[0]:.2f} to {ratios[-1]:.2f})", file=sys.stderr)
    temporary = out + ".tmp"
    with open(temporary, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    os.replace(temporary, out)

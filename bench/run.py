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

# rivals get the BLAS kernels that the program has chosen: OpenBLAS alone may fall back on processors it does not know
info = subprocess.run([os.path.join(build, "descrambler"), "info", "--json"], check=True, capture_output=True, text=True).stdout
kernels = {"OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", json.loads(info)["processor"])}

def row(provider, times_us, flops_us):
    times_us = sorted(times_us)
    q = lambda p: times_us[round(p * (len(times_us) - 1))]
    return {"kernel": "train", "n": 80, "d": 256, "batch": 8, "dtype": "f32", "mode": "side by side", "provider": provider,
            "samples": len(times_us), "median_us": q(0.5), "p25_us": q(0.25), "p75_us": q(0.75), "min_us": times_us[0],
            "gflops": flops_us / q(0.5) * 1e-3, "gbs": 0, "frac_floor": 0, "residual": 0, "ref_error": 0}

def quantiles(kernel, n, batch, dtype, provider, times_us, flops):
    times_us = sorted(times_us)
    q = lambda p: times_us[round(p * (len(times_us) - 1))]
    return {"kernel": kernel, "n": n, "d": 0, "batch": batch, "dtype": dtype, "mode": "side by side", "provider": provider,
            "samples": len(times_us), "median_us": q(0.5), "p25_us": q(0.25), "p75_us": q(0.75), "min_us": times_us[0],
            "gflops": flops / q(0.5) * 1e-3, "gbs": 0, "frac_floor": 0, "residual": 0, "ref_error": 0}

def times(document, kernel, n, provider="descrambler", batch=None):
    return [c["median_us"] for c in document["cases"] if c["kernel"] == kernel and c["n"] == n
            and c["provider"] == provider and (batch is None or c["batch"] == batch)]

def spread(ratios):
    ratios = sorted(ratios)
    return {"ratio_median": statistics.median(ratios), "ratio_min": ratios[0], "ratio_max": ratios[-1]}

rounds = 7
with tempfile.TemporaryDirectory() as folder:
    part = os.path.join(folder, "part.json")
    # value and gradient in the chart, one core, against NumPy on the same BLAS
    numpy = next((p for p in (sys.executable, "/usr/bin/python3")
                  if subprocess.run([p, "-c", "import numpy"], capture_output=True).returncode == 0), None)
    if numpy is None:
        print("NumPy is not installed: value and gradient have no rival in this run", file=sys.stderr)
    else:
        for n in (80, 256):
            ours, theirs = [], {"diagonal": [], "dense": []}
            for _ in range(rounds):
                ours += times(run([f"--benchmark_filter=tikhonov/{n}/1/", "--benchmark_repetitions=5"], part),
                              "tikhonov", n, batch=1)
                for form in theirs:
                    text = subprocess.run([numpy, os.path.join(here, "numpy_tikhonov.py"), str(n), "60", form], check=True,
                                          capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **kernels}).stdout
                    theirs[form].append(statistics.median(float(line) for line in text.split()))
            flops = 8 * n ** 3
            document["cases"].append(quantiles("tikhonov", n, 1, "f64", "descrambler", ours, flops))
            for form, measured in theirs.items():
                document["cases"].append(quantiles("tikhonov", n, 1, "f64", f"numpy, M {form}", measured, flops))
                ratio = spread([o / t for o, t in zip(ours, measured)])
                document["meta"][f"tikhonov_{n}_over_numpy_{form}"] = ratio
                print(f"value and gradient, n = {n}, over NumPy with M {form}: {ratio['ratio_median']:.3f}"
                      f" ({ratio['ratio_min']:.3f} to {ratio['ratio_max']:.3f})", file=sys.stderr)
    # 100 closed forms against the LAPACK loop, on one thread and on two
    for n in (80, 256):
        ratios = {1: [], 2: []}
        for _ in range(rounds):
            for threads in ratios:
                # warm: the first runs of a process wake a second core up
                measured = run([f"--benchmark_filter=closed_forms.*/{n}/", "--benchmark_repetitions=5",
                                "--benchmark_min_warmup_time=0.5", "--threads", str(threads)], part)
                ratios[threads].append(times(measured, "closed_forms", n)[0] /
                                       times(measured, "closed_forms", n, "LAPACK loop, 1 thread")[0])
        for threads, measured in ratios.items():
            ratio = spread(measured)
            document["meta"][f"closed_forms_{n}_over_lapack_{threads}_threads"] = ratio
            print(f"100 closed forms, n = {n}, {threads} threads, over the LAPACK loop: {ratio['ratio_median']:.3f}"
                  f" ({ratio['ratio_min']:.3f} to {ratio['ratio_max']:.3f})", file=sys.stderr)

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

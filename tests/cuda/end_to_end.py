#!/usr/bin/env python3
"""The program on a CUDA device against the program on the CPU, from end to end.
usage: end_to_end.py PROGRAM FOLDER [small]

Same networks and inputs on both: Gram matrices, closed form, both optimisers, spectra and predictions agree to the
tolerances below (fp64 algebra on both sides; the inputs come from files, so that the rounding of drawn traces plays no
part). A study on each: errors within the spread of seeds. Exit code 77 without a device."""
import json
import math
import pathlib
import random
import shutil
import struct
import subprocess
import sys

program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
small = len(sys.argv) > 3
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
failures = []

def run(*arguments, device, expected=0):
    command = [program, *map(str, arguments), "--device", device, "--threads", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != expected:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}, expected {expected}\n{done.stderr}")
    return done.stdout

probe = subprocess.run([program, "info", "--device", "cuda"], capture_output=True, text=True)
if probe.returncode == 2:
    print("skipped:", probe.stderr.strip())
    sys.exit(77)
print(probe.stdout)

def compare(what, cpu, cuda, tolerance):
    flat = lambda x: [v for item in x for v in flat(item)] if isinstance(x, list) else [x]
    a, b = flat(cpu), flat(cuda)
    size = max(abs(x) for x in a if x is not None)
    worst = max((abs(x - y) for x, y in zip(a, b) if x is not None and y is not None), default=0) / (size or 1)
    same = len(a) == len(b) and [x is None for x in a] == [x is None for x in b]
    good = same and worst <= tolerance
    print(f"{'ok  ' if good else 'FAIL'} {what}: {worst:.1e}, at most {tolerance:.0e}")
    if not good:
        failures.append(what)

points, hidden, steps = (16, 12, 40) if small else (64, 32, 2000)
config = folder / "config.toml"
config.write_text(f"""
title = "end to end"
seed = 3
[data]
preset = "pnas"
times = {points}
distances = {points}
[network]
hidden = [{hidden}]
[training]
iterations = {steps}
batch_size = {16 if small else 256}
[ensemble]
networks = 3
[controls]
untrained = 1
shuffled = 1
no_decay = 1
iterations = {steps // 2}
[analysis]
library = {256 if small else 4096}
validation = {64 if small else 1000}
tikhonov = 4
""")

net = folder / "cpu.h5"
run("train", config, "--out", net, "--quiet", device="cpu")
run("train", config, "--out", folder / "cuda.h5", "--quiet", device="cuda")

generator = random.Random(5)
samples = 300 if small else 3000
inputs = folder / "inputs.npy"
header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({samples}, {points}), }}"
header += " " * ((64 - (10 + len(header) + 1) % 64) % 64) + "\n"
with open(inputs, "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    for _ in range(samples):
        rate, phase = generator.uniform(0.1, 3), generator.uniform(0, 6)
        file.write(struct.pack(f"<{points}d", *[math.exp(-i * rate / points) * math.cos(i * rate / 3 + phase) +
                                                0.05 * generator.gauss(0, 1) for i in range(points)]))

def both(*arguments, out):
    return [json.loads(run(*arguments, "--out", folder / f"{device}_{out}", "--json", "--force", device=device))
            for device in ("cpu", "cuda")]

# sums over samples in another order: some n u; eta weights small components by up to (n / 2)^4
for layer, tap in ((1, "before"), (1, "after"), (2, "before")):
    for centre in ([], ["--centre"]):
        cpu, cuda = both("gram", net, "--inputs", inputs, "--layer", layer, "--tap", tap, *centre, out="gram.h5")
        compare(f"gram, layer {layer} {tap} {' '.join(centre)}", cpu["trace"], cuda["trace"], 1e-12)
for name, arguments, tolerance in (
        ("closed form", ["--layer", 1], 1e-9),
        ("closed form, activations", ["--layer", 1, "--tap", "after"], 1e-9),
        ("closed form, layer 2", ["--layer", 2, "--include-bias", "--centre"], 1e-9),
        ("joint", ["--layer", 1, "--tap", "after", "--criterion", "joint"], 1e-9),
        ("riemannian", ["--layer", 1, "--method", "riemannian"], 1e-6)):
    cpu, cuda = both("layer", net, "--inputs", inputs, *arguments, out="layer.h5")
    compare(name + ", eta", cpu["eta"], cuda["eta"], tolerance)
    compare(name + ", bound", cpu["eta_bound"], cuda["eta_bound"], tolerance)
    for key, most in (("orthogonality", 1e-12), ("gap", 2e-6)):
        values = cuda[key] if isinstance(cuda[key], list) else [cuda[key]]
        if max(abs(v) for v in values) > most:
            failures.append(f"{name}: {key} {max(values)}")
cpu, cuda = both("layer", net, "--inputs", inputs, "--layer", 1, "--method", "cayley", "--iterations", 20, out="c.h5")
compare("cayley, eta after 20 iterations", cpu["eta"], cuda["eta"], 1e-3)  # paths part slowly
cpu, cuda = both("spectrum", net, "--layer", 1, "--rank", 5, "--exact", out="spectrum.h5")
find = lambda x: x["singular_values"] if "singular_values" in x else [n["singular_values"] for n in x["networks"]]
compare("spectrum", find(cpu), find(cuda), 1e-10)

# a dense network as a graph; its pass is short, and every number of it a sum of `points` rounded products at most
point = folder / "point.npy"
header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({points},), }}"
header += " " * ((64 - (10 + len(header) + 1) % 64) % 64) + "\n"
point.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() +
                  struct.pack(f"<{points}d", *[math.exp(-i / points) for i in range(points)]))
cpu, cuda = both("interpret", net, "--input", point, "--rows", "0,1", "--contributions", "0,2", "--svd", 3, out="interpreted.h5")
for key in ("norm_y", "norm_Fx", "norm_r"):
    compare(f"interpret, {key}", cpu[key], cuda[key], 1e-12)
compare("interpret, singular values", cpu["sigma"], cuda["sigma"], 1e-8)  # stopped on residuals
parts = lambda x: [part["value"] for output in x["contributions"] for part in output["parts"]]
compare("interpret, contributions", parts(cpu), parts(cuda), 1e-12)
if cuda["conservation_error"] > 1e-12:
    failures.append(f"interpret: conservation {cuda['conservation_error']}")

trace = folder / "trace.txt"
trace.write_text("".join(f"{i * 2.0 / 255:.6f} {(0.7 + 0.3 * math.exp(-((i / 60) ** 2))) * math.exp(-i / 600):.8f}\n"
                         for i in range(256)))
cpu, cuda = [json.loads(run("predict", net, trace, "--out", folder / f"{d}_predict", "--json", device=d))
             for d in ("cpu", "cuda")]
compare("predict", cpu[0]["mean_distance_nm"], cuda[0]["mean_distance_nm"], 1e-10)

summaries = []
for device in ("cpu", "cuda"):
    out = folder / f"study_{device}"
    run("study", config, "--out", out, "--quiet", device=device)
    if not (out / "report.html").exists():
        failures.append(f"study on {device}: no report")
    summaries.append(json.loads((out / "summary.json").read_text()))
error = [s["training"]["relative_error"]["mean"] for s in summaries]
compare("study, error of the networks", error[0], error[1], 0.05 if small else 0.1)  # below the spread of seeds
for word in (["--device", "cuda:99"], ["--device", "cuda:x"]):
    done = subprocess.run([program, "info", *word], capture_output=True, text=True)
    if done.returncode != 2 or len(done.stderr.strip().splitlines()) != 1:
        failures.append(f"{word}: exit code {done.returncode}, {done.stderr}")
print("\n".join(["failed:", *failures]) if failures else "all agree")
sys.exit(1 if failures else 0)

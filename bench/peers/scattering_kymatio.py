#!/usr/bin/env python3
"""descrambler's scattering transforms beside kymatio's (torch and NumPy), two threads each unless told otherwise, taking turns:
scattering_kymatio.py BUILD [OUT.json] [--rounds 5] [--threads 2] [--only NAME]. Wall time of a call on random signals, least and median of
all rounds; banks are made beforehand and timed apart. Needs kymatio 0.3 with scipy 1.14 and torch."""
import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from kymatio.torch import Scattering1D, Scattering2D

# name: N1, N2, J, L or Q, batch of a call. The work of the batches (384 images, 64 signals) is that of a call many times.
cases = {"256x256 J2 L8": (256, 256, 2, 8, 12),
         "32x32 J2 L8": (32, 32, 2, 8, 128),
         "2^16 J10 Q8": (1, 65536, 10, 8, 4)}


def of_kymatio(transform, x):
    start = time.perf_counter()
    with torch.no_grad():
        transform(x)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    probe = subprocess.Popen([options.build / "descrambler_scattering_probe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True, bufsize=1)
    rows = []
    for name, (n1, n2, scales, wavelets, batch) in cases.items():
        if options.only and options.only not in name:
            continue
        start = time.perf_counter()
        theirs_made = (Scattering1D(scales, n2, wavelets) if n1 == 1 else Scattering2D(scales, (n1, n2), wavelets))
        bank = time.perf_counter() - start
        shape = (batch, n2) if n1 == 1 else (batch, n1, n2)
        x = torch.from_numpy(np.random.default_rng(1).standard_normal(shape).astype(np.float32))
        of_kymatio(theirs_made, x)
        ours, theirs, banks = [], [], []
        for _ in range(options.rounds):
            probe.stdin.write(f"f32 {options.threads} {n1} {n2} {scales} {wavelets} {batch} 1\n")
            made, planned, *times = map(float, probe.stdout.readline().split())
            banks.append(made)
            ours += times
            theirs.append(of_kymatio(theirs_made, x))
        row = {"case": name, "batch": batch, "threads": options.threads, "ours_s": [min(ours), statistics.median(ours)],
               "kymatio_torch_s": [min(theirs), statistics.median(theirs)], "bank_s": statistics.median(banks),
               "kymatio_bank_s": bank}
        row["speed"] = [b / a for a, b in zip(row["ours_s"], row["kymatio_torch_s"])]
        rows.append(row)
        print(json.dumps(row), flush=True)
    probe.stdin.close()
    probe.wait()
    if options.out:
        options.out.write_text(json.dumps({"torch": torch.__version__, "cases": rows}, indent=1))


if __name__ == "__main__":
    sys.exit(main())

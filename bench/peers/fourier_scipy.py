#!/usr/bin/env python3
"""descrambler's Fourier transforms beside SciPy's (pocketfft), complex and forward, one thread each, taking turns:
fourier_scipy.py BUILD [OUT.json] [--rounds 15]. Times are CPU time of the thread, a call each: least and median of all
rounds. SciPy runs as users call it and with overwrite_x, which spares it the memory of the result; the faster one is
taken, by its median. Plans of both are made beforehand. Needs numpy and scipy."""
import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import scipy
import scipy.fft

images = [(n, n, 1) for n in (66, 132, 256, 264)]
sequences = [(1, n, 256) for n in (80, 256, 1000, 1024, 4096)] + [(1, 65536, 1), (1, 65536, 16), (1, 97, 256)]


def cpu():
    return time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)


def of_scipy(x, axes, calls, overwrite):
    times = []
    for _ in range(calls):
        work = x.copy() if overwrite else x
        start = cpu()
        scipy.fft.fftn(work, axes=axes, workers=1, overwrite_x=overwrite)
        times.append(cpu() - start)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    probe = subprocess.Popen([options.build / "descrambler_fourier_probe"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, bufsize=1)
    rows = []
    print("CPU time in us, least (median); SciPy", scipy.__version__)
    for precision, dtype in (("f32", np.complex64), ("f64", np.complex128)):
        for n1, n2, columns in images + sequences:
            normal = np.random.default_rng(1).standard_normal((columns, n1, n2, 2))
            x = np.ascontiguousarray(normal).view(np.complex128)[..., 0].astype(dtype)
            axes = (1, 2) if n1 > 1 else (2,)
            calls = max(3, int(4e6 / (n1 * n2 * columns * np.log2(n1 * n2))))
            of_scipy(x, axes, 3, False)
            ours, theirs, overwritten = [], [], []
            for _ in range(options.rounds):
                probe.stdin.write(f"{precision} {n1} {n2} {columns} {calls}\n")
                ours += [float(t) for t in probe.stdout.readline().split()]
                theirs += of_scipy(x, axes, calls, False)
                overwritten += of_scipy(x, axes, calls, True)
            theirs = min(theirs, overwritten, key=statistics.median)
            row = {"n1": n1, "n2": n2, "columns": columns, "dtype": precision,
                   "ours_us": [1e6 * min(ours), 1e6 * statistics.median(ours)],
                   "scipy_us": [1e6 * min(theirs), 1e6 * statistics.median(theirs)]}
            row["speed"] = [b / a for a, b in zip(row["ours_us"], row["scipy_us"])]
            rows.append(row)
            print(f"{precision} {n1:4d} x {n2:<6d} {columns:4d}  ours {row['ours_us'][0]:9.1f} ({row['ours_us'][1]:9.1f})  "
                  f"scipy {row['scipy_us'][0]:9.1f} ({row['scipy_us'][1]:9.1f})  "
                  f"times faster {row['speed'][0]:.2f} ({row['speed'][1]:.2f})", flush=True)
    probe.stdin.close()
    probe.wait()
    if options.out:
        options.out.write_text(json.dumps({"scipy": scipy.__version__, "numpy": np.__version__, "cases": rows}, indent=1))


if __name__ == "__main__":
    sys.exit(main())

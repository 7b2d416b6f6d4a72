#!/usr/bin/env python3
"""Runs the fuzz targets of a build, one after the other: run.py BUILD [--seconds 10 | --runs 1000000] [--seed N] [--only NAME]
[--json FILE]. The corpus stays in BUILD/fuzz for the next run. Exit code 1 if one has found something: its input is kept
beside the corpus and told."""
import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

here = Path(__file__).resolve().parent
longest = {"npy": 512, "text": 1024, "bes3t": 2048, "onnx": 1024, "picture": 512, "config": 4096, "network": 256}  # bytes of an input


def fuzz(build, name, bounds):
    corpus = build / "fuzz" / name
    began = time.monotonic()
    command = [build / f"fuzz_{name}", corpus, build / "seeds" / name, *bounds, f"-max_len={longest[name]}", "-timeout=10",
               "-rss_limit_mb=2048", f"-artifact_prefix={corpus}-finding-", "-print_final_stats=1", "-close_fd_mask=1"]
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, errors="replace",
                         env={**os.environ, "OMP_NUM_THREADS": "1", "UBSAN_OPTIONS": "print_stacktrace=1"})
    runs = re.search(r"number_of_executed_units:\s*(\d+)", ran.stderr)
    edges = re.findall(r"cov: (\d+)", ran.stderr)
    result = {"target": name, "executions": int(runs[1]) if runs else 0, "seconds": round(time.monotonic() - began, 1),
              "edges": int(edges[-1]) if edges else 0, "inputs": sum(1 for _ in corpus.iterdir()), "findings": int(ran.returncode != 0)}
    print(f"fuzz: {name:8} {result['executions']:9} executions in {result['seconds']:7} s, {result['edges']:6} edges, "
          f"{result['inputs']:5} inputs kept, {'a finding' if ran.returncode else 'nothing found'}", flush=True)
    if ran.returncode:
        print("\n".join(ran.stderr.splitlines()[-60:]))
    elif result["executions"] < 100:
        sys.exit(f"fuzz: {name} has hardly run:\n{ran.stderr[-2000:]}")
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; 0: another one each time")
    parser.add_argument("--only", choices=sorted(longest))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    subprocess.run([sys.executable, here / "seeds.py", asked.build / "seeds"], check=True)
    bounds = [f"-runs={asked.runs}" if asked.runs else f"-max_total_time={asked.seconds}", f"-seed={asked.seed}"]
    results = []
    for name in [asked.only] if asked.only else longest:
        (asked.build / "fuzz" / name).mkdir(parents=True, exist_ok=True)
        results.append(fuzz(asked.build, name, bounds))
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(any(result["findings"] for result in results))


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Scaling over MPI ranks: measured on the cores there are, predicted beyond.

    python3 bench/scaling.py BUILD OUT.json [--samples N] [--ranks 1,2,...]

Runs `descrambler gram` (generated inputs, n = 80) with one thread a rank for a fixed library (strong) and one that grows with the
ranks (weak), compares the bytes a rank sends with the tree that the model walks through, and predicts 1 ... 4096 ranks
from what descrambler_scaling_probe has measured. docs/scaling.md explains the model. BUILD holds the program and the
probe (./dev build); the ranks are started by the mpirun of Open MPI. One rank is always measured: the others are
compared with it."""
import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

LEAF = 4096  # samples of a leaf on the host
ROUNDS = 3


def nodes_of(first, last):
    """Nodes of the binary tree that make up the leaves first .. last - 1: (level, index)."""
    nodes = []
    while first < last:
        level = (first & -first).bit_length() - 1 if first else 62
        while (1 << level) > last - first:
            level -= 1
        nodes.append((level, first >> level))
        first += 1 << level
    return nodes


class Reduction:
    """The way of the nodes of all ranks to rank 0, two ranks at a time."""

    def __init__(self, leaves, ranks):
        bounds = [leaves * r // ranks for r in range(ranks + 1)]
        self.steps = []  # (messages of the longest sender, additions of the busiest receiver) a step
        self.sent = [0] * ranks  # nodes
        step = 1
        while step < ranks:
            most_nodes = most_adds = 0
            for receiver in range(0, ranks - step, 2 * step):
                sender = receiver + step
                middle, end = bounds[sender], bounds[min(sender + step, ranks)]
                arriving = len(nodes_of(middle, end))
                held = len(nodes_of(bounds[receiver], middle))
                together = len(nodes_of(bounds[receiver], end))
                self.sent[sender] = arriving
                most_nodes = max(most_nodes, arriving)
                most_adds = max(most_adds, held + arriving - together)
            self.steps.append((most_nodes, most_adds))
            step *= 2
        self.rest = len(nodes_of(0, leaves)) - 1  # additions of the last nodes

    def sent_bytes(self, rank, n, networks=1):
        """Of the command: head and nodes, and the total from rank 0 to all."""
        size = 8 * networks * (n + n * (n + 1) // 2)
        if rank == 0:
            return size if len(self.sent) > 1 else 0
        return 8 + self.sent[rank] * (size + 16)


class Model:
    """Seconds of a Gram matrix over `samples` inputs on `ranks` ranks of one core."""

    def __init__(self, sample_seconds, add_seconds, latency, bandwidth, start_seconds, n):
        self.sample, self.add, self.latency, self.bandwidth = sample_seconds, add_seconds, latency, bandwidth
        self.start, self.n = start_seconds, n

    def message(self, length):
        return self.latency + length / self.bandwidth

    def parts(self, samples, ranks):
        leaves = -(-samples // LEAF)
        compute = -(-leaves // ranks) * LEAF * self.sample
        size = 8 * (self.n + self.n * (self.n + 1) // 2)
        reduction = Reduction(leaves, ranks)
        reduce = sum(nodes * self.message(size + 16) + adds * self.add for nodes, adds in reduction.steps)
        reduce += reduction.rest * self.add
        broadcast = math.ceil(math.log2(ranks)) * self.message(size) if ranks > 1 else 0
        return {"start": self.start, "compute": compute, "reduce": reduce, "broadcast": broadcast}

    def seconds(self, samples, ranks):
        return sum(self.parts(samples, ranks).values())


def median_and_range(values):
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def options_given():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("build")
    arguments.add_argument("out")
    arguments.add_argument("--samples", type=int, default=1 << 21)
    arguments.add_argument("--ranks", default=",".join(str(r) for r in (1, 2, 4, 8, 16, 32, 64) if r <= os.cpu_count()))
    arguments.add_argument("--latency", type=float, help="seconds, in the place of what is measured here")
    arguments.add_argument("--bandwidth", type=float, help="bytes a second, likewise")
    return arguments.parse_args()


def predicted(model):
    """A Gram matrix of 1e9 inputs on 1 to 4096 ranks, and 1e7 a rank beside it; model(r) is that of r ranks."""
    predictions = []
    for exponent in range(13):
        r = 1 << exponent
        parts = model(r).parts(10**9, r)
        total = sum(parts.values())
        predictions.append({"ranks": r, "seconds": total, **parts,
                            "efficiency": model(1).seconds(10**9, 1) / (r * total),
                            "weak_efficiency": model(1).seconds(10**7, 1) / model(r).seconds(10**7 * r, r)})
    return predictions


def tell(document):
    sample, full = document["sample_seconds"], str(document["strong"][-1]["ranks"])
    print(f"latency {1e6 * document['latency_seconds']:.1f} us, bandwidth {document['bandwidth_bytes_a_second'] / 1e9:.2f} GB/s; "
          f"a sample {1e6 * sample['1']:.2f} us alone, {1e6 * sample[full]:.2f} us with {full} ranks; start {document['start_seconds']:.2f} s")
    for kind in ("strong", "weak"):
        for row in document[kind]:
            print(f"{kind:6} {row['ranks']:5} ranks {row['seconds']['median']:8.2f} s  efficiency {row['efficiency']:.2f}  "
                  + (f"predicted {row['predicted_seconds']:.2f} s" if kind == "weak" else f"fitted {row['fitted_seconds']:.2f} s"))
    for row in document["volume"]:
        print(f"sent   {row['ranks']:5} ranks {row['measured']:.0f} bytes a rank, the model says {row['predicted']}")
    for row in document["predicted_1e9"]:
        print(f"1e9    {row['ranks']:5} ranks {row['seconds']:10.2f} s  strong efficiency {row['efficiency']:.3f}, weak "
              f"{row['weak_efficiency']:.3f}  (reduce {1e3 * row['reduce']:.1f} ms, broadcast {1e3 * row['broadcast']:.2f} ms)")


def main():
    options = options_given()
    build, out = pathlib.Path(options.build), pathlib.Path(options.out)
    for program in ("descrambler", "descrambler_scaling_probe"):
        if not (build / program).exists():
            sys.exit(f"no {build / program}: ./dev build makes it")
    out.parent.mkdir(parents=True, exist_ok=True)  # now, not after the measurement
    ranks = sorted({1, *(int(r) for r in options.ranks.split(","))})
    environment = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="descrambler-scaling-"))

    def run(command, count=1):
        launcher = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(count)] if count else []
        done = subprocess.run(launcher + [str(c) for c in command], env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
        return done.stdout

    net = folder / "net.h5"
    run([build / "descrambler", "train", pathlib.Path(__file__).parent.parent / "examples/demo.toml", "--out", net, "--set",
         "training.iterations=50", "--set", "ensemble.networks=1", "--quiet"], 0)

    def gram(count, samples):
        text = run([build / "descrambler", "gram", net, "--inputs", f"deer:{samples}", "--layer", 1, "--tap", "after", "--threads",
                    1, "--json", "--quiet", "--force", "--out", folder / "g.h5"], count)
        return json.loads(text)

    probe = json.loads(run([build / "descrambler_scaling_probe"], 2))
    latency = probe["messages"][0]["seconds"]
    largest = probe["messages"][-1]
    bandwidth = largest["bytes"] / max(largest["seconds"] - latency, 1e-9)

    latency, bandwidth = options.latency or latency, options.bandwidth or bandwidth

    strong, weak = {r: [] for r in ranks}, {r: [] for r in ranks}
    sent, peak, small = {}, {}, []
    for _ in range(ROUNDS):  # in turn: what disturbs the machine disturbs all
        small.append(gram(1, LEAF)["seconds"])
        for r in ranks:
            result = gram(r, options.samples)
            strong[r].append(result["seconds"])
            sent[r], peak[r] = result["sent_bytes_a_rank"], result["peak_bytes_a_rank"]
            weak[r].append(gram(r, options.samples // ranks[-1] * r)["seconds"])
    start = statistics.median(small)
    one = statistics.median(strong[1])
    # cores at work together are slower than one alone: seconds a sample of one rank while as many others are at work
    sample = {r: (statistics.median(strong[r]) - start) * r / options.samples for r in ranks}
    full = ranks[-1]

    leaves = -(-options.samples // LEAF)
    volume = []
    for r in sorted({*ranks, 3, 4}):
        measured = sent[r] if r in sent else gram(r, options.samples)["sent_bytes_a_rank"]
        predicted = max(Reduction(leaves, r).sent_bytes(k, 80) for k in range(r))
        volume.append({"ranks": r, "measured": measured, "predicted": predicted})

    def model(count):
        """With the speed of the largest measured number of ranks that is not above."""
        return Model(sample[max(r for r in ranks if r <= count)], probe["n80"]["add_seconds"], latency, bandwidth, start, 80)

    document = {
        "processor": probe["processor"], "cores": os.cpu_count(), "samples": options.samples,
        "latency_seconds": latency, "bandwidth_bytes_a_second": bandwidth, "messages": probe["messages"],
        "sums_in_memory": {k: probe[k] for k in ("n80", "n512")},
        "start_seconds": start, "sample_seconds": {str(r): sample[r] for r in ranks},
        "strong": [{"ranks": r, "seconds": median_and_range(strong[r]), "efficiency": one / (r * statistics.median(strong[r])),
                    "fitted_seconds": model(r).seconds(options.samples, r), "peak_bytes_a_rank": peak[r]} for r in ranks],
        "weak": [{"ranks": r, "samples": options.samples // full * r, "seconds": median_and_range(weak[r]),
                  "predicted_seconds": model(r).seconds(options.samples // full * r, r),
                  "efficiency": statistics.median(weak[1]) / statistics.median(weak[r])} for r in ranks],
        "volume": volume, "predicted_1e9": predicted(model)}
    out.write_text(json.dumps(document, indent=2) + "\n")

    tell(document)
    wrong = [row for row in volume if row["measured"] != row["predicted"]]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Kills a study, a Gram matrix or a file of all rows of an operator at random instants, again and again, and looks at what comes of it.

A run goes on in the folder of the one before until it ends; its result must have the bits of an undisturbed run. Then
the next one starts from nothing, until all kills are spent. A kill is SIGKILL to every process of the job at once, and
comes
  time        after a random part of the time that an undisturbed run takes
  checkpoint  as soon as a checkpoint is being written (its temporary file is there), after a random time for the first
  result      as soon as the result itself is being written
Work lost by a kill is time: from the last moment whose work is on disk to the kill, of the worker that lost most. That
moment is when a checkpoint was written, by the time of the file. A rank of a Gram has a file of its own. Members of a
study do not tell who trains them: with W workers the W files written last count, which is too little only where a worker
has finished a member since the checkpoint of another. A worker that has written nothing lost the whole run, with what it
takes to start. Kills after the training of a study or while the result is written are told apart: they lose what comes
after the last checkpoint, such as the analysis, which has none.
"""
import argparse
import json
import pathlib
import random
import shutil
import statistics
import sys
import time

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "tools"))
import onnx_net  # noqa: E402
from jobs import Bench, Failure, check  # noqa: E402


class Study:
    def __init__(self, o, folder):
        self.folder, self.workers = folder / "work", max(1, o.ranks)
        self.result, self.checkpoints = self.folder / "out/study.h5", self.folder / "out/members"
        self.arguments = ["study", o.config or here.parent / "mpi/recipe.toml", "--out", self.folder / "out", "--threads", "1",
                          "--resume", "--set", f"training.checkpoint_seconds={o.checkpoint_seconds}"]

    def written(self):
        return sorted((p.stat().st_mtime for p in self.checkpoints.glob("[!.]*.h5")), reverse=True)[:self.workers]

    def rests(self):
        return list(self.checkpoints.glob(".*.tmp"))


class Gram:
    def __init__(self, o, folder):
        self.folder, self.workers = folder / "work", max(1, o.ranks)
        self.result, self.checkpoints = self.folder / "gram.h5", self.folder / "gram.h5.parts"
        self.arguments = ["gram", folder / "net.h5", "--inputs", f"deer:{o.samples}", "--layer", "2", "--tap", "after",
                          "--factor", "--threads", "1", "--out", self.result, "--checkpoint-seconds", o.checkpoint_seconds]

    def written(self):
        files = [self.checkpoints / f"{rank}.h5" for rank in range(self.workers)]
        return [p.stat().st_mtime for p in files if p.exists()]

    def rests(self):
        return list(self.checkpoints.glob(".*.tmp"))


class Operator:
    def __init__(self, o, folder):
        self.folder, self.workers = folder / "work", max(1, o.ranks)
        self.result, self.checkpoints = self.folder / "all.h5", self.folder / "all.h5.parts"
        self.arguments = ["interpret", folder / "net.onnx", "--input", folder / "x.npy", "--all", "rows", "--threads", "1", "--out",
                          self.result]

    def written(self):
        return sorted((p.stat().st_mtime for p in self.checkpoints.glob("[!.]*.part")), reverse=True)[:self.workers]

    def rests(self):
        return [*self.checkpoints.glob(".*.tmp"), *self.folder.glob(".*.tmp")]


class KillTest:
    def __init__(self, o):
        self.o, self.bench = o, Bench(o.program, o.same_bits, o.launcher)
        self.random = random.Random(o.seed)
        if o.ranks == 0:
            self.bench.scratch.environment["SLURM_JOB_ID"] = "1"  # a line when a stage begins, as several ranks have it
        folder = self.bench.folder
        if o.kind == "gram":
            train = ["train", here.parent / "mpi/recipe.toml", "--set", "training.iterations=50", "--out", folder / "net.h5"]
            self.bench.run(0, [*train, "--threads", "1", "--quiet"])
        if o.kind == "operator":
            onnx_net.write(folder, 40)
        self.case = {"study": Study, "gram": Gram, "operator": Operator}[o.kind](o, folder)
        self.case.folder.mkdir()
        start = time.time()
        self.bench.run(o.ranks, self.case.arguments)
        self.undisturbed = time.time() - start
        self.reference = folder / "reference.h5"
        shutil.copy(self.case.result, self.reference)
        self.kills, self.results, self.most_rests = [], 0, 0

    def fresh(self):
        shutil.rmtree(self.case.folder)
        self.case.folder.mkdir()

    def wait_for(self, job, condition):
        while not condition() and job.running():
            time.sleep(0.0003)

    def being_written(self, folder, name):
        try:
            return any(p.name.startswith("." + name) and p.name.endswith(".tmp") and p.stat().st_mtime > self.since
                       for p in folder.iterdir())
        except OSError:  # gone in between
            return False

    def kill(self, aim):
        """Starts a run and kills it; True: it had ended before."""
        case = self.case
        job = self.bench.start(self.o.ranks, case.arguments)
        self.since = job.started
        if aim != "result":
            until = job.started + self.random.uniform(0, self.undisturbed * (1 if aim == "time" else 0.5))
            self.wait_for(job, lambda: time.time() >= until)
        if aim == "checkpoint":
            self.since = time.time() - 0.01
            self.wait_for(job, lambda: self.being_written(case.checkpoints, ""))
        if aim == "result":
            self.wait_for(job, lambda: self.being_written(case.result.parent, case.result.name))
        time.sleep(self.random.choice([0, 0, 0.0005, 0.002]))
        if not job.running():
            check(job.wait() == 0, f"exit code {job.process.returncode}: {job.text()}")
            return True
        before = {p.name for p in case.rests()}
        killed = time.time()
        job.kill()
        if job.process.returncode == 0:  # it ended meanwhile
            return True
        written = [t for t in case.written() if t >= job.started]
        lost = killed - (min(written) if len(written) == case.workers else job.started)
        rests = case.rests()
        self.most_rests = max(self.most_rests, len(rests))
        late = aim == "result" or "drawing traces" in job.text()
        self.kills.append({"aim": aim, "late": late, "after": killed - job.started, "lost": lost, "wrote": bool(written),
                           "in_write": any(p.name not in before or p.stat().st_mtime >= job.started for p in rests)
                           or bool(list(case.result.parent.glob(f".{case.result.name}*.tmp")) and aim == "result")})
        return False

    def compare(self):
        self.bench.same(self.reference, self.case.result)
        check(not self.case.rests(), f"a run that has ended leaves {self.case.rests()}")
        self.results += 1
        self.fresh()

    def run(self):
        self.fresh()
        while len(self.kills) < self.o.kills:
            aim = self.random.choices(["time", "checkpoint", "result"], [4, 4, 1])[0]
            if self.kill(aim):
                self.compare()
        self.bench.run(self.o.ranks, self.case.arguments)
        self.compare()

    def report(self):
        def lost(late):
            seconds = [k["lost"] for k in self.kills if k["wrote"] and k["late"] == late]
            return {"kills": len(seconds), "median": statistics.median(seconds), "largest": max(seconds)} if seconds else None

        early = [k for k in self.kills if not k["wrote"]]
        return {"kind": self.o.kind, "ranks": self.o.ranks, "seed": self.o.seed, "kills": len(self.kills),
                "survived": len(self.kills), "results_compared": self.results, "undisturbed_seconds": self.undisturbed,
                "checkpoint_seconds": self.o.checkpoint_seconds,
                "aims": {a: sum(k["aim"] == a for k in self.kills) for a in ("time", "checkpoint", "result")},
                "kills_in_a_write": sum(k["in_write"] for k in self.kills), "most_temporary_files": self.most_rests,
                "kills_before_a_first_checkpoint": len(early),
                "lost_seconds": lost(False), "lost_seconds_after_the_last_checkpoint": lost(True)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--same-bits", required=True, help="the comparer tests/tools/same_bits")
    parser.add_argument("--kind", choices=["study", "gram", "operator"], default="study")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ranks", type=int, default=0, help="0: one process without a launcher")
    parser.add_argument("--launcher", default="mpiexec --oversubscribe --bind-to none -n", help="its words; their number follows")
    parser.add_argument("--checkpoint-seconds", type=float, default=0.2)
    parser.add_argument("--samples", type=int, default=1000000, help="of a Gram")
    parser.add_argument("--config", help="of a study")
    parser.add_argument("--json", help="file for the report")
    o = parser.parse_args()
    test = None
    try:
        test = KillTest(o)
        test.run()
    except Failure as failure:
        print(f"FAILED after {len(test.kills) if test else 0} kills (seed {o.seed}): {failure}")
        return 1
    report = test.report()
    if o.json:
        pathlib.Path(o.json).write_text(json.dumps(report, indent=2) + "\n")
    lost = report["lost_seconds"] or {"median": float("nan"), "largest": float("nan")}
    print(f"{o.kind}, {o.ranks} ranks: survived {report['survived']} of {report['kills']} kills, {report['results_compared']} results "
          f"with the same bits; {report['kills_in_a_write']} kills in a write; lost a kill: median {lost['median']:.2f} s, largest "
          f"{lost['largest']:.2f} s, checkpoints every {o.checkpoint_seconds} s")
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())

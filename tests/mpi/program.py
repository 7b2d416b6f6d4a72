#!/usr/bin/env python3
"""program.py PROGRAM SAME_BITS LAUNCHER NO_MPI SIMT REFERENCE SCENARIO: the program on several ranks, as a user meets it.

LAUNCHER: words that start ranks, their number follows; NO_MPI: a build without MPI, or "-"; SIMT: the program with the
test device of kernels, or "-"; REFERENCE: folder for what
one process makes of the recipe (scenario `reference`), with which the other scenarios compare. Exit code 77: skipped,
which is a failure where CI=true.
"""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "tools"))
import onnx_net  # noqa: E402
from jobs import Bench, Failure, check  # noqa: E402

recipe = here / "recipe.toml"


class Skipped(Exception):
    pass


def npy_head(rows):
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, 64), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()


class Scenarios:
    def __init__(self, program, same_bits, launcher, no_mpi, simt, reference):
        self.bench = Bench(program, same_bits, launcher)
        self.folder, self.no_mpi, self.simt = self.bench.folder, no_mpi, simt
        self.kept = pathlib.Path(reference)
        self.net = self.kept / "study" / "study.h5"

    # ---- commands ----------------------------------------------------------------------------------------------------
    def study(self, out, *more):
        return ["study", recipe, "--out", out, "--threads", "1", *more]

    def train(self, out, *more):
        return ["train", recipe, "--out", out, "--threads", "1", "--set", "training.iterations=600", *more]

    def gram(self, out, *more, net=None, samples=250000):
        return ["gram", net or self.net, "--inputs", f"deer:{samples}", "--layer", "2", "--tap", "after", "--centre",
                "--factor", "--checkpoint-seconds", "0.1", "--threads", "1", "--out", out, *more]

    def layer(self, out, *more):
        return ["layer", self.net, "--inputs", "deer:20000", "--layer", "1", "--tap", "after", "--out", out, *more]

    def all_of(self, out, kind="rows", *more):
        return ["interpret", self.folder / "net.onnx", "--input", self.folder / "x.npy", "--all", kind, "--threads", "1", "--out", out,
                *more]

    def reference(self):
        shutil.rmtree(self.kept, ignore_errors=True)
        self.kept.mkdir(parents=True)
        self.bench.run(0, self.study(self.kept / "study", "--quiet"))
        self.bench.run(0, self.train(self.kept / "train.h5", "--quiet"))
        self.bench.run(0, self.gram(self.kept / "gram.h5", "--quiet"))
        self.bench.run(0, self.layer(self.kept / "layer.h5", "--quiet"))

    def same(self, name, out):
        self.bench.same(self.kept / name, out)

    # What can be interrupted: arguments of the first run and of a further one, where checkpoints appear, result and
    # reference.
    def interruptible(self):
        study, gram = self.folder / "study", self.folder / "gram.h5"
        return [(self.study(study), self.study(study, "--resume"), (study, "members/*.h5"), study / "study.h5",
                 "study/study.h5"),
                (self.gram(gram), self.gram(gram), (self.folder, "gram.h5.parts/**/*.h5"), gram, "gram.h5")]

    # ---- scenarios ---------------------------------------------------------------------------------------------------
    def bits_of_study(self):
        for ranks in (1, 2, 3, 4):
            out = self.folder / f"study{ranks}"
            self.bench.run(ranks, self.study(out))
            self.same("study/study.h5", out / "study.h5")
            for member in (self.kept / "study" / "members").iterdir():
                self.bench.same(member, out / "members" / member.name)

    def bits_of_the_others(self):
        for ranks in (1, 2, 3, 4):
            for name, arguments in (("train.h5", self.train), ("gram.h5", self.gram), ("layer.h5", self.layer)):
                out = self.folder / f"{ranks}_{name}"
                self.bench.run(ranks, arguments(out, *(["--json"] if name == "layer.h5" else [])))
                self.same(name, out)
                check(not list(self.folder.glob(f"{out.name}.*")), f"{out}: checkpoints are left")
        # criteria that keep the signals, of the network linearised
        tv = ["--jacobian", "--criterion", "tv", "--evaluations", "30"]
        alone, many = self.folder / "tv0.h5", self.folder / "tv3.h5"
        for ranks, out in ((0, alone), (3, many)):
            command = [w if w != "deer:20000" else "deer:9000" for w in self.layer(out, "--quiet", *tv)]
            self.bench.run(ranks, command)
        self.bench.same(alone, many)
        # more ranks than members
        alone, many = self.folder / "alone.h5", self.folder / "many.h5"
        self.bench.run(0, self.train(alone, "--set", "ensemble.networks=1", "--quiet"))
        self.bench.run(4, self.train(many, "--set", "ensemble.networks=1"))
        self.bench.same(alone, many)

    def hundred(self):
        """The study of a hundred networks, every count as shipped, in a reduced recipe: 40 iterations in place of 30000, a
        small library. Page and summary hold what the whole one has."""
        out = self.folder / "hundred"
        few = {"training": {"iterations": 40, "batch_size": 32}, "controls": {"iterations": 40},
               "analysis": {"library": 256, "validation": 20, "tikhonov": 2, "chart_iterations": 5, "bootstrap": 2}}
        change = [word for section, keys in few.items() for key, value in keys.items()
                  for word in ("--set", f"{section}.{key}={value}")]
        self.bench.run(2, ["study", here.parent.parent / "examples" / "deernet100.toml", "--out", out, *change])
        summary = json.loads((out / "summary.json").read_text())
        check(len(list((out / "members").glob("*.h5"))) == 113, "expected the files of 100 + 10 + 3 members")
        check(summary["ranks"] == 2, f"ranks: {summary['ranks']}")
        page = (out / "report.html").read_text()
        for words in ("Is the interpretation the same for every network?", "Is that evidence of learning?"):
            check(words in page, f"the page lacks '{words}'")

    def lost_members(self):
        """The loss of the ensemble is infinite in its second step; controls take one step only."""
        out = self.folder / "study"
        change = []
        for key in ("training.rate=10", "network.activation=relu", "network.output_activation=identity",
                    "network.hidden=[16,16,16,16,16,16,16,16,16,16,16,16]", "controls.iterations=1"):
            change += ["--set", key]
        job = self.bench.run(3, self.study(out, *change), code=1)
        lines = job.own_lines()
        check(len(lines) == 1, job.text())
        for member in ("000", "001", "002"):
            check(f"member {member}: the loss is not finite" in lines[0], lines[0])
        check("shuffled" not in lines[0] and "no_decay" not in lines[0], lines[0])
        check(not (out / "study.h5").exists(), "there is a study")
        job = self.bench.run(2, self.study(out, *change, "--reduce-only"), code=1)
        check("000: missing; 001: missing; 002: missing" in job.own_lines()[0], job.text())  # the others are finished
        check("shuffled" not in job.own_lines()[0] and "no_decay" not in job.own_lines()[0], job.text())

    def stop_of_one_rank(self):
        for ranks, stopped in ((3, 2), (2, 0)):
            for first, further, checkpoints, result, expected in self.interruptible():
                job = self.bench.start(ranks, first)
                job.wait_for(checkpoints)
                os.kill(job.rank_pid(stopped), signal.SIGUSR1)
                check(job.wait() == 85, f"no 85: {job.text()}")
                check(len(job.own_lines()) == 1 and "run again" in job.own_lines()[0], job.text())
                check(not result.exists(), f"{result} is there")
                self.bench.run(5 - ranks, further)
                self.same(expected, result)
                shutil.rmtree(self.folder / "study", ignore_errors=True)
                result.unlink(missing_ok=True)

    def killed_rank(self):
        for first, further, checkpoints, result, expected in self.interruptible():
            job = self.bench.start(3, first)
            job.wait_for(checkpoints)
            os.kill(job.rank_pid(1), signal.SIGKILL)
            check(job.wait() not in (0, 85), f"not told: {job.text()}")
            while job.pids():  # the launcher ends the others
                pass
            check(not result.exists(), f"{result} is there")
            self.bench.run(2, further)
            self.same(expected, result)

    def all_of_an_operator(self):
        """Every row or column of a network in one file: the same bytes from any number of ranks, also where they were stopped
        or killed and others went on."""
        onnx_net.write(self.folder, 40)
        out, parts = self.folder / "all.h5", self.folder / "all.h5.parts"
        for kind in ("columns", "rows"):  # of four parts and of thirteen
            expected = self.folder / f"{kind}.h5"
            self.bench.run(0, self.all_of(expected, kind, "--quiet"))
            for ranks in (1, 2, 3, 4):
                self.bench.run(ranks, self.all_of(out, kind, "--force"))
                check(out.read_bytes() == expected.read_bytes(), f"{kind}, {ranks} ranks: other bytes")
                check(not parts.exists(), "parts are left")
                out.unlink()
        for ranks, signal_, code in ((3, signal.SIGUSR1, 85), (2, signal.SIGKILL, None)):
            job = self.bench.start(ranks, self.all_of(out))
            job.wait_for((parts, "[!.]*.part"))
            os.kill(job.rank_pid(1), signal_)
            found = job.wait()
            check(found == code or (code is None and found not in (0, 85)), f"exit code {found}: {job.text()}")
            if code is not None:
                check(len(job.own_lines()) == 1 and "run again to go on" in job.own_lines()[0], job.text())
            while job.pids():
                pass
            check(not out.exists(), f"{out} is there")
            job = self.bench.run(5 - ranks, self.all_of(out, "rows", "--json"))
            check(out.read_bytes() == expected.read_bytes(), "other bytes after a stop")
            made = int(job.text().partition('"parts_made": ')[2].split(",")[0])
            check(made < 13, f"{made} parts were made again")
            out.unlink()
        # what only one process does, and what no rank does
        one = ["interpret", self.folder / "net.onnx", "--input", self.folder / "x.npy"]
        for arguments, about in (([*one, "--rows", "0"], "interpret: expected one process, or --all alone"),
                                 ([*one, "--viewer", self.folder / "v"], "interpret: expected one process, or --all alone"),
                                 (self.all_of(self.folder / "not_there" / "a.h5"), "not_there"),
                                 (["interpret", self.folder / "no.onnx", *self.all_of(out)[2:]], "no.onnx"),
                                 (self.all_of(out, "rows", "--svd", "1"), "--all: expected no --svd")):
            job = self.bench.run(3, arguments, code=2)
            check(len(job.own_lines()) == 1 and about in job.own_lines()[0], f"{arguments}: {job.text()}")
            check(not out.exists() and not (self.folder / "v").exists(), "something is left")

    def bad_input(self):
        nowhere, out = self.folder / "nowhere.h5", self.folder / "out.h5"
        text = self.folder / "text.h5"
        text.write_text("no HDF5" * 1000)
        bad = self.folder / "nan.npy"
        values = [0.5] * (64 * 9000)
        values[-1] = float("nan")  # in the last rank's share
        bad.write_bytes(npy_head(9000) + struct.pack(f"<{len(values)}d", *values))
        for arguments, about in (
                (self.study(self.folder / "s", "--set", "training.rat=1"), "training.rat"),
                (["study", nowhere, "--out", self.folder / "s"], "nowhere.h5"),
                (["train", recipe, "--out", self.folder / "not_there" / "t.h5"], "not_there"),
                (self.gram(out, net=nowhere), "nowhere.h5"),
                (self.gram(out, net=text), "text.h5"),
                (self.gram(out, "--snr", "-1"), "--snr"),
                (self.gram(self.folder / "not_there" / "g.h5"), "not_there"),
                (["gram", self.net, "--inputs", "deer:1000", "--layer", "7", "--out", out], "layer 7"),
                (["gram", self.net, "--inputs", bad, "--layer", "1", "--out", out], "nan.npy: row 8999, column 63"),
                (["gram", self.net, "--inputs", nowhere, "--layer", "1", "--out", out], "nowhere.h5"),
                (["gram", self.net, "--layer", "1", "--out", out], "--inputs"),
                (["layer", self.net, "--inputs", "deer:x", "--layer", "1", "--out", out], "deer:x"),
                (["layer", nowhere, "--inputs", "deer:1000", "--layer", "1", "--out", out], "nowhere.h5"),
                (["layer", self.net, "--inputs", bad, "--layer", "1", "--out", out], "nan.npy: row 8999"),
                (["grum"], "grum"),
                (["predict", self.net, bad, "--out", out], "predict: expected one process")):
            job = self.bench.run(3, arguments, code=2)
            check(len(job.own_lines()) == 1 and about in job.own_lines()[0], f"{arguments}: {job.text()}")
            check(not out.exists() and not (self.folder / "s").exists(), f"{arguments}: something is left")

        # what can be refused is refused before a pass over the library leaves checkpoints
        job = self.bench.run(2, ["gram", self.net, "--inputs", "deer:1000", "--snr", "10", "--layer", "7", "--out", out], code=2)
        check("layer 7" in job.own_lines()[0] and not list(self.folder.glob("out.h5.parts/*/*")), job.text())

    def other_builds(self):
        """Ranks of two programs: the build id of the second differs in one bit."""
        program = pathlib.Path(self.bench.program).read_bytes()
        note = program.find(struct.pack("<III", 4, 20, 3) + b"GNU\0")
        check(note > 0, "the program has no build id")
        other = self.folder / "other"
        other.write_bytes(program[:note + 16] + bytes([program[note + 16] ^ 1]) + program[note + 17:])
        other.chmod(0o755)
        out = self.folder / "study"
        arguments = self.study(out)
        job = self.bench.run(1, [*arguments, ":", *self.bench.launcher[-1:], 1, other, *arguments], code=2)
        check(len(job.own_lines()) == 1 and "ranks of different builds" in job.own_lines()[0], job.text())
        check(not out.exists(), "something is left")
        self.bench.run(2, ["info"], program=other)  # as such it is sound

    def build_without_mpi(self):
        if self.no_mpi == "-":
            raise Skipped("no build without MPI")
        out = self.folder / "train.h5"
        job = self.bench.run(2, self.train(out), code=2, program=self.no_mpi)
        check(any("started as one of 2 processes, but this build has no MPI" in line for line in job.own_lines()), job.text())
        check(not out.exists(), "something is left")
        self.bench.run(0, self.train(out, "--quiet"), program=self.no_mpi)
        self.same("train.h5", out)

    def interrupt_gram(self, out, ranks):
        """Until it has checkpoints."""
        job = self.bench.start(ranks, self.gram(out))
        job.wait_for((out.parent, f"{out.name}.parts/**/*.h5"))
        for rank in range(max(1, ranks)):
            os.kill(job.rank_pid(rank) if ranks > 0 else job.process.pid, signal.SIGUSR1)
        check(job.wait() == 85, job.text())
        return sorted(out.parent.glob(f"{out.name}.parts/**/*.h5"))

    def checkpoints_of_another_sum(self):
        out = self.folder / "gram.h5"
        self.interrupt_gram(out, 0)
        other = self.folder / "other.h5"
        self.bench.run(0, self.train(other, "--seed", "99", "--quiet"))
        for arguments, values in ((self.gram(out, "--seed", "77"), ("'seed = 5'", "'seed = 77'")),
                                  (self.gram(out, "--snr", "20"), ("'snr = none'", "'snr = 20'")),
                                  (self.gram(out, samples=200000), ("'inputs = deer:250000'", "'inputs = deer:200000'")),
                                  (self.gram(out, net=other), ("'networks = 3 of digest", "this one has 'networks = 3 of")),
                                  ([w if w != "2" else "1" for w in self.gram(out)], ("'layer = 2'", "'layer = 1'"))):
            for ranks in (0, 2):
                job = self.bench.run(ranks, arguments, code=2)
                line = job.own_lines()
                check(len(line) == 1 and ".parts/" in line[0] and all(v in line[0] for v in values), job.text())
        self.bench.run(2, self.gram(out))  # nothing was harmed
        self.same("gram.h5", out)

    def other_content(self):
        """Files of the same names and shapes as before, but one value is another."""
        rows = 240000
        values = struct.pack("<4d", 0.25, 0.5, 1, 2) * (16 * rows)

        def write(last):
            (self.folder / "x.npy").write_bytes(npy_head(rows) + values[:-8] + struct.pack("<d", last))

        out = self.folder / "gram.h5"
        gram = [str(self.folder / "x.npy") if w.startswith("deer:") else w for w in map(str, self.gram(out, "--snr", "10"))]
        gram[gram.index("0.1")] = "0"
        for first, further in ((0, 2), (2, 0)):
            write(1)
            job = self.bench.start(first, gram)
            job.wait_for((self.folder, "gram.h5.parts/**/*.h5"))
            os.kill(job.rank_pid(0) if first else job.process.pid, signal.SIGUSR1)
            check(job.wait() == 85, job.text())
            write(2)
            line = self.bench.run(further, gram, code=2).own_lines()
            check(len(line) == 1 and line[0].count("'content of the inputs = checksum") == 2, line)
            write(1)
            self.bench.run(further, gram)
            out.unlink()

    def devices(self):
        """A device each for two ranks, then their checkpoints for one."""
        if self.simt == "-":
            raise Skipped("no test device in this build")
        self.bench.scratch.environment["DESCRAMBLER_SIMT_DEVICES"] = "2"

        def gram(out):
            return ["gram", self.net, "--inputs", "noise:500000", "--layer", "2", "--tap", "after", "--device", "cuda",
                    "--threads", "1", "--checkpoint-seconds", "0", "--out", out]

        one, two = self.folder / "one.h5", self.folder / "two.h5"
        self.bench.run(0, gram(one), program=self.simt)
        text = self.bench.run(2, ["info", "--device", "cuda"], program=self.simt).text()
        check("device cuda:0 (test" in text and "device cuda:1 (test" in text, text)
        job = self.bench.start(2, gram(two), program=self.simt)
        job.wait_for((self.folder, "two.h5.parts/1.h5"))
        os.kill(job.rank_pid(1), signal.SIGUSR1)
        check(job.wait() == 85, job.text())
        self.bench.run(1, gram(two), program=self.simt)
        self.bench.same(one, two)
        two.unlink()
        self.bench.run(2, gram(two), program=self.simt)
        self.bench.same(one, two)

    def members_of_two_devices(self):
        """Finished members serve on any device, and it is told; one that is not finished goes on where it was begun."""
        if self.simt == "-":
            raise Skipped("no test device in this build")
        few = []
        for key in ("training.iterations=12", "controls.iterations=6", "training.batch_size=8"):
            few += ["--set", key]
        told = "members trained on devices of different kinds (3 on cpu, 3 on cuda (test device))"
        out = self.folder / "study"
        self.bench.run(0, self.study(out, *few, "--members", "0:3", "--device", "cpu"), program=self.simt)
        self.bench.run(0, self.study(out, *few, "--members", "3:6", "--device", "cuda"), program=self.simt)
        job = self.bench.run(2, self.study(out, *few, "--reduce-only", "--device", "cpu"))
        check(len(job.own_lines()) == 1 and told in job.own_lines()[0], job.text())
        (out / "study.h5").unlink()
        job = self.bench.run(2, self.study(out, *few, "--resume", "--device", "cpu"))
        check(len(job.own_lines()) == 1 and told in job.own_lines()[0], job.text())

        out = self.folder / "unfinished"
        long = ["--set", "training.iterations=600000"]  # no member is finished when the signal comes
        job = self.bench.start(2, self.study(out, *long, "--device", "cpu"))
        job.wait_for((out, "members/*.h5"))
        os.kill(job.rank_pid(0), signal.SIGUSR1)
        check(job.wait() == 85, job.text())
        resumed = self.study(out, *long, "--resume", "--device", "cuda")
        line = self.bench.run(2, resumed, code=2, program=self.simt).own_lines()
        check(len(line) == 1 and "begun on cpu, expected to go on there, not on cuda (test device)" in line[0], line)

    def bad_value_on_a_device(self):
        """Ranks read an HDF5 file together: the one that finds the bad value reads along to the end of its leaf."""
        if self.simt == "-":
            raise Skipped("no test device in this build")
        inputs, out = self.folder / "inputs.h5", self.folder / "out.h5"
        self.bench.run(0, ["gram", self.net, "--inputs", "deer:500", "--layer", "2", "--tap", "after", "--network", "0", "--out",
                           inputs, "--quiet"])  # [64, 64]: as good a library as any
        content = bytearray(inputs.read_bytes())

        def symmetric(at):
            g = struct.unpack_from("<4096d", content, at)
            return g[0] > 0 and all(g[64 * i + j] == g[64 * j + i] for i in range(64) for j in range(i))

        at = next(at for at in range(0, len(content) - 8 * 4096 + 1, 8) if symmetric(at))
        gram = ["gram", self.net, "--inputs", f"{inputs}:/gram", "--layer", "1", "--device", "cuda", "--out", out]
        self.bench.run(2, gram, program=self.simt)
        out.unlink()
        struct.pack_into("<d", content, at + 8 * (64 * 33 + 5), float("nan"))  # not in the rows that the fingerprint is of
        inputs.write_bytes(content)
        for ranks in (0, 2, 3):
            job = self.bench.run(ranks, gram, code=2, program=self.simt)
            check(len(job.own_lines()) == 1 and "row 33, column 5" in job.own_lines()[0], job.text())
            check(not out.exists(), "something is left")

    def mixed_devices(self):
        """Rank 0 finds no device, rank 1 one."""
        if self.simt == "-":
            raise Skipped("no test device in this build")
        out = self.folder / "out"
        for arguments in (self.study(out), self.train(out), self.layer(out),
                          ["gram", self.net, "--inputs", "noise:100000", "--layer", "1", "--out", out]):
            job = self.bench.run(1, ["DESCRAMBLER_SIMT_DEVICES=0", self.simt, *arguments, ":", *self.bench.launcher[-1:], 1,
                                     "env", "DESCRAMBLER_SIMT_DEVICES=1", self.simt, *arguments], code=2, program="env")
            lines = job.own_lines()
            check(len(lines) == 1 and "rank 1 has cuda (test device), rank 0 cpu; expected one kind" in lines[0], job.text())
            check(not out.exists(), f"{arguments}: something is left")

    def damaged_checkpoint(self):
        for name, damage in (("cut", lambda content: content[:700]),
                             ("flip", lambda c: bytes(x ^ 4 if i % 40 == 39 else x for i, x in enumerate(c))),  # not only what is unused
                             ("text", lambda content: b"no HDF5")):
            out = self.folder / f"{name}.h5"
            files = self.interrupt_gram(out, 2)
            files[0].write_bytes(damage(files[0].read_bytes()))
            job = self.bench.run(2, self.gram(out))
            warnings = [line for line in job.own_lines() if "warning" in line]
            check(len(warnings) == 1 and str(files[0]) in warnings[0] and "summed again" in warnings[0], job.text())
            self.same("gram.h5", out)

    def full_disk(self):
        """A file system of 2 MiB, in a mount namespace of this process (unshare)."""
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False)
        check(mounted.returncode == 0, mounted.stderr.decode())
        try:
            self.on_small_disk(disk)
        finally:
            subprocess.run(["umount", "--lazy", disk], check=False)

    def on_small_disk(self, disk):
        filler = disk / "filler"

        def fill():
            with open(filler, "wb", buffering=0) as file:
                try:
                    while file.write(b"x" * 4096) == 4096:
                        pass
                except OSError:
                    pass

        for ranks in (0, 3):
            out = disk / "gram.h5"
            files = self.interrupt_gram(out, ranks)
            before = [file.read_bytes() for file in files]
            fill()
            job = self.bench.run(ranks, self.gram(out), code=1)
            check(len(job.own_lines()) == 1 and "gram.h5.parts/" in job.own_lines()[0], job.text())
            check([file.read_bytes() for file in files] == before, "a checkpoint has changed")
            check(not list(out.parent.glob("**/.*.tmp")), "temporary files are left")
            filler.unlink()
            self.bench.run(ranks, self.gram(out))
            self.same("gram.h5", out)
            out.unlink()
            # the result alone has no room
            fill()
            once = self.gram(out, samples=20000)
            once[once.index("0.1")] = "1000"
            job = self.bench.run(ranks, once, code=1)
            check(len(job.own_lines()) == 1 and str(out) in job.own_lines()[0], job.text())
            check(not out.exists() and not list(out.parent.glob("**/.*.tmp")), "something is left")
            filler.unlink()
            shutil.rmtree(disk / "gram.h5.parts", ignore_errors=True)
        self.all_on_small_disk(disk)

    def all_on_small_disk(self, disk):
        """Rows of an operator: first no room for a part, then for the parts alone."""
        onnx_net.write(self.folder, 12)
        expected, out = self.folder / "rows.h5", disk / "all.h5"
        self.bench.run(0, self.all_of(expected))
        filler = disk / "filler"
        for ranks, free in ((0, 20000), (3, 20000), (0, expected.stat().st_size * 3 // 2)):
            filler.write_bytes(b"x" * (2 * 2**20 - free))
            job = self.bench.run(ranks, self.all_of(out), code=1)
            check(len(job.own_lines()) == 1 and str(out) in job.own_lines()[0], job.text())
            check(not out.exists() and not list(disk.glob("**/.*.tmp")), "something is left")
            check(bool(list(disk.glob("all.h5.parts/*"))) == (free > 20000), "other parts than expected")
            filler.unlink()
            self.bench.run(ranks, self.all_of(out))
            check(out.read_bytes() == expected.read_bytes(), "other bytes after a full disk")
            out.unlink()


def skipped(reason):
    print(f"skipped: {reason}")
    return 1 if os.environ.get("CI") == "true" else 77


def main():
    *arguments, scenario = sys.argv[1:]
    if scenario == "full_disk" and "UNSHARED" not in os.environ:
        unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
            return skipped("no right to a mount namespace")
        os.environ["UNSHARED"] = "1"
        os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])
    scenarios = Scenarios(*arguments)
    try:
        getattr(scenarios, scenario)()
    except Skipped as reason:
        return skipped(reason)
    except Failure as failure:
        print(f"FAILED: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What the tests of the whole program share: jobs of one process or of several ranks, started and ended as users and
clusters do it, and the comparison of what they leave."""
import os
import pathlib
import signal
import subprocess
import tempfile
import time


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


class Scratch(tempfile.TemporaryDirectory):
    """A folder, removed at the end, that also keeps what Open MPI leaves of killed ranks (sockets, shared memory)."""

    def __init__(self):
        super().__init__(prefix="ds.")  # sockets have short names
        self.path = pathlib.Path(self.name)
        (self.path / "tmp").mkdir()
        self.environment = dict(os.environ, TMPDIR=str(self.path / "tmp"), OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive",
                                OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                                OMPI_MCA_btl_vader_backing_directory=str(self.path / "tmp"))


def field(pid, number):
    """Of /proc/PID/stat, from 0; the name of the command, which may hold anything, is left out."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[number - 2]
    except OSError:
        return ""


class Job:
    """A command in a session of its own. Ranks have process groups of their own, but they stay in the session."""

    def __init__(self, command, scratch, log):
        self.log = pathlib.Path(log)
        self.started = time.time()
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, env=scratch.environment, start_new_session=True)

    def pids(self):
        session = str(self.process.pid)
        return [int(p) for p in os.listdir("/proc") if p.isdigit() and field(p, 5) == session and field(p, 2) != "Z"]

    def rank_pid(self, rank):
        for pid in self.pids():
            try:
                if f"OMPI_COMM_WORLD_RANK={rank}".encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    return pid
            except OSError:
                pass
        raise Failure(f"there is no rank {rank}")

    def kill(self):
        """SIGKILL to all processes, as when a host dies."""
        while True:
            pids = self.pids()
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not pids:
                break
        self.process.wait()

    def running(self):
        return self.process.poll() is None

    def wait(self, seconds=120):
        """Exit code. The limit only ends what hangs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"not through after {seconds} s: {self.process.args}\n{self.text()}") from None

    def wait_for(self, pattern):
        """Until a file below its folder matches: pattern is (folder, glob)."""
        folder, glob = pattern
        while not any(pathlib.Path(folder).glob(glob)):
            check(self.running(), f"ended before there was {folder}/{glob}: {self.text()}")
            time.sleep(0.002)

    def text(self):
        return self.log.read_text(errors="replace")

    def own_lines(self):
        """What the program itself has to say of a failure."""
        return [line for line in self.text().splitlines() if line.startswith("descrambler: ")]


class Bench:
    """The program, the launcher (its words, the number of ranks follows them) and the comparer."""

    def __init__(self, program, same_bits, launcher):
        self.program, self.comparer, self.launcher = program, same_bits, launcher.split()
        self.scratch = Scratch()
        self.folder = self.scratch.path
        self.jobs = 0

    def command(self, ranks, arguments, program=None):
        """ranks 0: without a launcher."""
        launch = [*self.launcher, ranks] if ranks > 0 else []
        return [*launch, program or self.program, *arguments]

    def start(self, ranks, arguments, program=None):
        self.jobs += 1
        return Job(self.command(ranks, arguments, program), self.scratch, self.folder / f"job{self.jobs}.log")

    def run(self, ranks, arguments, code=0, program=None):
        job = self.start(ranks, arguments, program)
        found = job.wait()
        check(found == code, f"exit code {found}, expected {code}: {job.process.args}\n{job.text()}")
        return job

    def same(self, a, b):
        result = subprocess.run([self.comparer, str(a), str(b)], capture_output=True, text=True, check=False)
        check(result.returncode == 0, f"{a} and {b}: {result.stdout}{result.stderr}")

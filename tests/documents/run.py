#!/usr/bin/env python3
"""run.py PROGRAM: every command in README.md, CONTRIBUTING.md and docs/*.md runs as printed.

A command is a line of a fenced block without a language (or sh), or an inline one that begins with a program of ours,
mpirun, cmake, ctest or python3. It runs in a folder that looks like the repository after `./dev demo`, with files of the
names that the documents use: net.h5, inputs.npy, net.onnx, points.npy, images.npy, TRACE.DSC. What would take long is reduced from outside: in build/ lies a
stand-in for the program that adds --set to `study` and makes deer:N small. cmake, ctest, sbatch, hq and ./dev are stand-ins that
check what they are asked for (presets, targets, labels, scripts, commands), hq runs its tasks here. What cannot run is in `elsewhere`, with the
reason; an entry there that no document has is an error, and so is a synopsis (`descrambler layer NET ...`) with an option
that the program does not know.
"""
import math
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

root = pathlib.Path(__file__).resolve().parent.parent.parent

# Beginning of a command: why it is not run here.
elsewhere = {
    "build-cuda/descrambler": "needs a GPU; tests/cuda/end_to_end.py runs studies on one and on the test device",
    "python3 bench/peers/interpret_torch.py": "needs PyTorch",
    "python3 bench/peers/fourier_scipy.py": "needs SciPy",
    "python3 bench/peers/scattering_kymatio.py": "needs kymatio and PyTorch",
    "python3 bench/scaling.py": "measures for minutes, with both cores for itself",
    "apptainer ": "needs Apptainer",
    "printf '#!/bin/sh\\nexec apptainer": "belongs to the image",
    "export DESCRAMBLER=": "belongs to the image",
    "cmake -B build-package": "a build of its own; tests/install builds, installs and uses the package",
}
programs = r"(?:\./dev|build/|build-cuda/|(?:descrambler|mpirun|cmake|ctest|python3) )"
small = ["training.iterations=30", "training.batch_size=16", "controls.iterations=20", "ensemble.networks=2", "controls.untrained=1",
         "controls.shuffled=1", "controls.no_decay=1", "analysis.library=256", "analysis.validation=20", "analysis.tikhonov=1",
         "analysis.chart_iterations=5", "analysis.bootstrap=2"]

stand_in = r'''#!/bin/bash
words=() before=
for word in "$@"; do
    case $word in
    deer:*) word=deer:400 ;;
    esac
    words+=("$word")
done
case $1 in
study) exec "$PROGRAM" "${words[@]}" SMALL ;;
tour) exec "$PROGRAM" "${words[@]}" --quick ;;
*) exec "$PROGRAM" "${words[@]}" ;;
esac
'''
others = {
    "cmake": r'''[ "$1" != --install ] || exit 0
while [ $# -gt 0 ]; do
    case $1 in
    --preset) grep -q "\"name\": \"$2\"" CMakePresets.json || { echo "no preset $2"; exit 1; }; shift ;;
    --target) grep -rq "add_executable($2 " --include=CMakeLists.txt bench tests CMakeLists.txt || { echo "no target $2"; exit 1; }; shift ;;
    esac
    shift
done''',
    "ctest": r'''[ "$1" = --test-dir ] && [ "$2" = build ] || { echo "ctest in no build folder"; exit 1; }
shift 2
while [ $# -gt 0 ]; do
    case $1 in
    -L) grep -rqw "$2" --include=CMakeLists.txt tests || { echo "no label $2"; exit 1; }; shift ;;
    esac
    shift
done''',
    "hq": r'''[ "$1" != submit ] || while [ $# -gt 0 ]; do
    case $1 in
    --array) last=${2#0-} ;;
    -c) for HQ_TASK_ID in $(seq 0 "$last"); do export HQ_TASK_ID; bash -c "$2" || exit 1; done ;;
    esac
    shift
done''',
    "sbatch": r'''for word in "$@"; do
    case $word in
    slurm/*.sbatch) bash -n "$word" || exit 1; found=1 ;;
    examples/*) [ -f "$word" ] || { echo "no $word"; exit 1; } ;;
    esac
done
[ -n "${found:-}" ] && echo 7''',
}


def commands_of(text):
    """(line, command) in order."""
    found, fence, shell, begun = [], None, False, ""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            fence = line[3:].strip() if fence is None else None
            shell = fence in ("", "sh", "bash", "shell")
            continue
        if fence is not None:
            if shell:
                begun += line.strip()
                if begun.endswith("\\"):
                    begun = begun[:-1]
                    continue
                found.append((number, begun))
                begun = ""
        elif re.match(r"    " + programs, line):
            found.append((number, line.strip()))
        else:
            found += [(number, code) for code in re.findall(r"`([^`]+)`", line) if re.match(programs + r".*\S", code)]
    return found


def is_command(line):
    return bool(line) and not line.startswith(("#", "--")) and re.match(
        programs + r"|\.|cp |job=|sbatch|hq |apptainer|printf|export|[A-Z_]+=\S+ sbatch", line) is not None


def npy(shape, values):
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}d", *values)


def onnx(chance):
    """A network 4-3-2 with a Relu, one of 8 x 8 pixels in colour to three classes, one to an image, as protobuf bytes: fields by their numbers in
    src/io/onnx/onnx.proto."""
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    def field(number, content):
        if isinstance(content, int):
            return varint(number << 3) + varint(content)
        content = content.encode() if isinstance(content, str) else content
        return varint(number << 3 | 2) + varint(len(content)) + content

    def value(name, *dims):
        shape = b"".join(field(1, field(1, dim)) for dim in dims)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    def node(op, name, *inputs):
        return b"".join(field(1, i) for i in inputs) + field(2, name) + field(3, name) + field(4, op)

    def weight(name, *dims):
        numbers = [chance.gauss(0, 1) for _ in range(math.prod(dims))]
        return b"".join(field(1, dim) for dim in dims) + field(2, 1) + field(8, name) + field(9, struct.pack(f"<{len(numbers)}f", *numbers))
    graph = b"".join([field(1, node("MatMul", "first", "x", "W")), field(1, node("Relu", "rectified", "first")),
                      field(1, node("Gemm", "y", "rectified", "V", "b")), field(2, "net"), field(5, weight("W", 4, 3)),
                      field(5, weight("V", 3, 2)), field(5, weight("b", 2)), field(11, value("x", 1, 4)), field(12, value("y", 1, 2))])
    photo = b"".join([field(1, node("Conv", "edges", "x", "W", "b")), field(1, node("Relu", "rectified", "edges")),
                      field(1, node("Flatten", "flat", "rectified")), field(1, node("MatMul", "y", "flat", "V")), field(2, "photo"),
                      field(5, weight("W", 2, 3, 3, 3)), field(5, weight("V", 72, 3)), field(5, weight("b", 2)), field(11, value("x", 1, 3, 8, 8)),
                      field(12, value("y", 1, 3))])
    enlarge = b"".join([field(1, node("Conv", "edges", "x", "W")), field(1, node("Relu", "y", "edges")), field(2, "enlarge"),
                        field(5, weight("W", 3, 3, 3, 3)), field(11, value("x", 1, 3, 8, 8)), field(12, value("y", 1, 3, 6, 6))])
    return [field(1, 8) + field(7, one) + field(8, field(2, 17)) for one in (graph, photo, enlarge)]


def png(chance):
    """8 x 8 pixels in colour."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    rows = b"".join(b"\0" + bytes(chance.randrange(256) for _ in range(24)) for _ in range(8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Documents:
    def __init__(self, program):
        self.program, self.failures, self.used = pathlib.Path(program).resolve(), [], set()
        self.ran = 0

    def environment(self, folder):
        return dict(os.environ, PROGRAM=str(self.program), PATH=f"{folder / 'bin'}:{os.environ['PATH']}", CI="",
                    OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_WAIT_POLICY="passive",
                    TMPDIR=str(folder / "tmp"))

    def fail(self, where, text):
        self.failures.append(f"{where}: {text}")
        print("FAIL", where, text)

    def prepare(self, folder):
        for name in ("examples", "packaging", "bench", "tests", "CMakePresets.json", "CMakeLists.txt", "dev", "docs"):
            (folder / name).symlink_to(root / name)
        shutil.copytree(root / "slurm", folder / "slurm")
        for name in ("bin", "build", "tmp", "out"):
            (folder / name).mkdir()
        sets = " ".join(f"--set {item}" for item in small)
        for path, text in [(folder / "build/descrambler", stand_in.replace("SMALL", sets)),
                           *((folder / "bin" / name, "#!/bin/bash\n" + text) for name, text in others.items())]:
            path.write_text(text)
            path.chmod(0o755)
        chance = random.Random(1)
        values = [chance.gauss(0, 1) for _ in range(300 * 256)]
        (folder / "inputs.npy").write_bytes(npy((300, 256), values))
        for name, network in zip(("net.onnx", "photo.onnx", "enlarge.onnx"), onnx(chance)):
            (folder / name).write_bytes(network)
        (folder / "cat.png").write_bytes(png(chance))
        (folder / "x.npy").write_bytes(npy((1, 4), values[:4]))
        (folder / "points.npy").write_bytes(npy((300, 4), values[:1200]))
        (folder / "images.npy").write_bytes(npy((4, 32, 32), values[:4096]))
        points = 128
        trace = [math.exp(-0.05 * 0.016 * i) * (0.7 + 0.3 * math.exp(-(i / 20) ** 2)) + 0.005 * chance.gauss(0, 1) for i in range(points)]
        (folder / "TRACE.DTA").write_bytes(struct.pack(f">{points}d", *trace))
        (folder / "TRACE.DSC").write_text("#DESC\t1.2 * DESCRIPTOR INFORMATION ***********************\nDSRC\tEXP\nBSEQ\tBIG\nIKKF\tREAL\n"
                                          f"XTYP\tIDX\nYTYP\tNODATA\nZTYP\tNODATA\nIRFMT\tD\nXPTS\t{points}\nXMIN\t0\n"
                                          f"XWID\t{16 * (points - 1)}\nXUNI\t'ns'\n")
        for words in (["study", "examples/demo.toml", "--out", "out/demo", "--quiet"],
                      ["train", "examples/demo.toml", "--set", "ensemble.networks=1", "--set", "training.iterations=30", "--out", "net.h5",
                       "--quiet"]):
            subprocess.run(["build/descrambler", *words], cwd=folder, env=self.environment(folder), check=True)

    def synopsis(self, where, line):
        """descrambler layer NET --tap before|after ...: are command and options known?"""
        command, *more = line.split()[1:]
        words = [command, more[0], "--help"] if command == "scatter" else ["help", command]  # has commands of its own
        done = subprocess.run([self.program, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.fail(where, f"no command '{command}'")
        for option in re.findall(r"--[a-z-]+", line):
            if option not in done.stdout:
                self.fail(where, f"{command}: no option {option}")
        self.ran += 1

    def run(self, document, prepared):
        name = document.relative_to(root)
        with tempfile.TemporaryDirectory(prefix="documents.") as scratch:
            folder = pathlib.Path(scratch) / "root"
            shutil.copytree(prepared, folder, symlinks=True)
            script = [f"cd {folder}"]
            for number, line in commands_of(document.read_text()):
                line = re.sub(r"\s{2,}#.*$", "", line).strip()
                where = f"{name}:{number}"
                if not is_command(line):
                    if line and not line.startswith(("#", "--")) and re.search(r"descrambler|\.sbatch", line):
                        self.fail(where, f"neither a command nor prose: {line}")
                    continue
                reason = next((key for key in elsewhere if line.startswith(key)), None)
                if reason:
                    self.used.add(reason)
                    continue
                line = re.split(r"\s{3,}", line)[0] if line.startswith("ctest") else line
                if line.startswith("./dev"):
                    command = line.split()[1] if len(line.split()) > 1 else "help"
                    if not re.search(rf"^{command}(?: \||\))|\b{command}\)", (root / "dev").read_text(), re.M):
                        self.fail(where, f"no such command: {line}")
                    self.ran += 1
                elif re.match(r"(build/)?descrambler", line) and (line.startswith("descrambler ") or
                                                                  re.search(r"\b(CONFIG|DIR|NET)\b", line)):
                    self.synopsis(where, line)
                elif not re.search(r"\b(BUILD|OUT\.json)\b", line) and line.split()[0] != "build/descrambler" or len(line.split()) > 1:
                    script.append(f"echo '--- {where}'; {line} >out.text 2>&1 || {{ echo 'FAILED {where}' $?; cat out.text; }}"
                                  if not line.startswith((".", "export", "job=")) else f"echo '--- {where}'; {line} || echo 'FAILED {where}'")
            (folder / "script").write_text("\n".join(script) + "\n")
            done = subprocess.run(["bash", folder / "script"], cwd=folder, env=self.environment(folder), capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, check=False)
            self.ran += done.stdout.count("--- ")
            if "FAILED " in done.stdout or done.returncode != 0 or done.stderr.strip():
                self.fail(name, done.stdout[-3000:] + done.stderr[-2000:])


def main():
    documents = Documents(*sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="documents.") as prepared:
        documents.prepare(pathlib.Path(prepared))
        for document in [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))]:
            documents.run(document, prepared)
    for key in set(elsewhere) - documents.used:
        documents.fail("run.py", f"no document has the command '{key}'")
    print(f"{documents.ran} commands ran, {len(documents.used)} kinds run elsewhere")
    return 1 if documents.failures else 0


if __name__ == "__main__":
    sys.exit(main())

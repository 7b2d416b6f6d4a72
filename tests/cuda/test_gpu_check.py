#!/usr/bin/env python3
"""gpu_check.sh, find_cuda.sh and bundle.sh without a GPU: programs that only pretend. usage: test_gpu_check.py FOLDER

What ends with 77 and what does not; that a part that hangs, crashes or runs no test is told and the others still run; that
every case and benchmark that gpu_check.sh names exists; that libraries in a Python's nvidia/*/lib are found."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

here = pathlib.Path(__file__).resolve().parent
folder = pathlib.Path(sys.argv[1]).resolve()
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
problems = []


def expect(condition, what):
    if not condition:
        problems.append(what)


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/bash\n" + text)
    path.chmod(0o755)


def check(name, info, test_gpu="exit 0", steps=("suites",), tools=None):
    """Runs gpu_check.sh with these programs: exit code, results by (step, part), the words of the logs."""
    root = folder / name
    program(root / "bin/descrambler", info)
    program(root / "bin/test_gpu", test_gpu)
    program(root / "bin/descrambler_bench_cuda", "exit 0")
    for tool, text in (tools or {}).items():
        program(root / "tools" / tool, text)
    done = subprocess.run([here / "gpu_check.sh", root / "bin", root / "out", *steps], capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{root / 'tools'}:{os.environ['PATH']}",
                               "DESCRAMBLER_PART_SECONDS": "2", "DESCRAMBLER_STEP_SECONDS": "20"})
    report, logs = {}, {}
    if (root / "out/gpu-check.json").exists():
        for result in json.loads((root / "out/gpu-check.json").read_text())["results"]:
            report[result["step"], result["part"]] = result
        with tarfile.open(root / "out/gpu-check.tar.gz") as tar:
            logs = {m.name: tar.extractfile(m).read().decode() for m in tar.getmembers() if m.isfile()}
        expect(len(list((root / "out").iterdir())) == 2, f"{name}: more than two files of results")
    return done.returncode, report, logs


here_it_is = """[[ $* == *--json* ]] && echo '{"device": "cuda:0"}' || echo 'cuda:0 (pretended)'"""
absent = "echo 'descrambler: --device cuda: no GPU can be used: no driver; expected auto or cpu' >&2; exit 2"
suites = """
case $* in
*list*) printf 'Good.\\n  Case\\nBad/0.  # TypeParam = float\\n  Case\\nSlow.\\n  Case\\nNone.\\n  Case\\nLast.\\n  Case\\n' ;;
*Bad*) echo 'a.cpp:1: Failure'; exit 1 ;;
*Slow*) sleep 30 ;;
*None*) echo '[==========] 0 tests from 0 test suites ran.' ;;
*) echo '[==========] 1 test from 1 test suite ran.' ;;
esac"""

# ---- without a device ------------------------------------------------------------------------------------------------
nothing = {"nvidia-smi": "exit 9"}
expect(check("absent", absent, tools=nothing)[0] == 77, "no device: exit code 77")
expect(check("driver", absent, tools={"nvidia-smi": "echo 'GPU 0: one'"})[0] == 1, "a device that the program cannot use: 1")
expect(check("refused", "echo 'descrambler: --device cuda:0: cannot be used: busy' >&2; exit 2", tools=nothing)[0] == 1,
       "a busy device: 1")
code, report, _ = check("library", "echo 'libcusolver.so.12: cannot open shared object file' >&2; exit 127", tools=nothing)
expect(code == 1 and report["device", "info"]["exit_code"] == 127, "a missing library: 1")
expect("libcusolver" in report["device", "info"]["note"], "a missing library is named")
expect(check("instruction", "kill -ILL $$", tools=nothing)[0] == 1, "an illegal instruction: 1")

code, report, _ = check("hangs", "sleep 30", tools=nothing)
expect(code == 1 and report["device", "info"]["exit_code"] == 124, "a driver that hangs is told")
code, report, _ = check("list", here_it_is, "sleep 30")
expect(code == 1 and report["suites", "list"]["exit_code"] == 1, "tests that hang when they are listed are told")

# ---- parts -----------------------------------------------------------------------------------------------------------
code, report, logs = check("suites", here_it_is, suites)
found = {part: result["exit_code"] for (_, part), result in report.items()}
expect(code == 1 and found == {"Good": 0, "Bad/0": 1, "Slow": 124, "None": 1, "Last": 0}, f"suites one by one: {found}")
expect(report["suites", "Slow"]["note"] == "stopped after 2 s", "a part that hangs is stopped")
expect(report["suites", "None"]["note"] == "no such test", "a filter that finds nothing is a failure")
expect("Failure" in report["suites", "Bad/0"]["note"] and "Failure" in logs["./suites.Bad_0.log"], "a failure is told")
code, report, _ = check("suites", here_it_is, "[[ $* == *list* ]] && printf 'Bad/0.\\n' || exit 0")
expect(code == 0 and report["suites", "Bad/0"]["exit_code"] == 0 and len(report) == 5, "a later call adds to the results")

code, report, _ = check("sanitizer", here_it_is, suites, ("memcheck", "racecheck"),
                        {"compute-sanitizer": "[[ $* == *racecheck*Cayley* ]] && { echo '== ERROR SUMMARY: 1 error'; exit 1; }; exit 0"})
bad = [key for key, result in report.items() if result["exit_code"] != 0]
expect(code == 1 and bad == [("racecheck", "Cayley/1.ByHand")], f"a report of the sanitizer: {bad}")
expect(len(report) >= 20, "cases of two sanitizers")

# ---- names -----------------------------------------------------------------------------------------------------------
script = (here / "gpu_check.sh").read_text()
sources = "".join(path.read_text() for path in here.glob("test_*.cpp"))
cases = re.findall(r"^    (\w+)(?:/\d)?\.(\w+)$", re.search(r"sanitized=\(\n(.*?)\n\)", script, re.S).group(1), re.M)
expect(len(cases) >= 10, "cases for the sanitizers")
for suite, case in cases:
    expect(re.search(rf"TEST\w*\({suite}, {case}\)", sources), f"gpu_check.sh names {suite}.{case}, which does not exist")
bench = "".join(path.read_text() for path in (here.parent.parent / "bench/cuda").glob("*.cpp"))
for name in (name for names in ("benchmarks", "counted") for name in re.search(rf"{names}=\((.*?)\)", script).group(1).split()):
    expect(re.search(rf'wants\("\w*{name.split("/")[0]}', bench), f"gpu_check.sh names the benchmark {name}, which does not exist")

# ---- libraries -------------------------------------------------------------------------------------------------------
lib = folder / "python/nvidia/pretended/lib"
lib.mkdir(parents=True)
(folder / "one.c").write_text("int one(void) { return 1; }\n")
(folder / "main.c").write_text("int one(void);\nint main(void) { return one() - 1; }\n")
compiler = os.environ.get("CC", "cc")
library = lib / "libpretended_cuda.so"
subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "one.c"], check=True)
subprocess.run([compiler, "-o", folder / "main", folder / "main.c", "-L", lib, "-lpretended_cuda"], check=True)


def find(**environment):
    done = subprocess.run([here / "find_cuda.sh", folder / "main"], capture_output=True, text=True,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout.strip(), done.stderr.strip()


expect(find() == (1, "", "find_cuda: libpretended_cuda.so is nowhere"), f"a library that is nowhere: {find()}")
expect(find(PYTHONPATH=str(folder / "python")) == (0, str(lib), ""), "a library among a Python's packages")
expect(find(LD_LIBRARY_PATH=str(lib))[0] == 0, "a library in LD_LIBRARY_PATH")
expect(find(CUDA_HOME=str(lib.parent)) == (0, str(lib), ""), "a library of a toolkit elsewhere")

# ---- the package -----------------------------------------------------------------------------------------------------
def bundle(name, **environment):
    """Packs three programs that need lib{name}.so: exit code, what is said, names in the package."""
    root = folder / f"bundle_{name}"
    (root / "lib").mkdir(parents=True)
    (root / "bin").mkdir()
    subprocess.run([compiler, "-shared", "-fPIC", "-o", root / f"lib/lib{name}.so", folder / "one.c"], check=True)
    for target in ("descrambler", "test_gpu", "descrambler_bench_cuda"):
        subprocess.run([compiler, "-o", root / "bin" / target, folder / "main.c", "-L", root / "lib", f"-l{name}"], check=True)
    done = subprocess.run([here / "bundle.sh", root / "bin", root / "out.tar.gz"], capture_output=True, text=True,
                          env={**os.environ, "LD_LIBRARY_PATH": str(root / "lib"), "DESCRAMBLER_GLIBC": "2.99", **environment})
    names = tarfile.open(root / "out.tar.gz").getnames() if (root / "out.tar.gz").exists() else []
    return done.returncode, done.stderr, names


code, said, names = bundle("plain")
expect(code == 0, f"a package: {said}")
for name in ("gpu_check", "bin/test_gpu", "bin/descrambler", "bin/descrambler_bench_cuda", "lib/libplain.so", "MANIFEST",
             "tests/gpu_check.sh", "tests/find_cuda.sh", "tests/end_to_end.py"):
    expect(f"gpu-check/{name}" in names, f"the package lacks {name}")
expect(not any("libc.so" in name for name in names), "the package holds glibc")
code, said, names = bundle("cublas")
expect(code == 0 and "gpu-check/lib/libcublas.so" not in names, "CUDA's libraries are not carried")
code, said, _ = bundle("mpi")
expect(code == 1 and "build with DESCRAMBLER_MPI=OFF" in said, f"MPI is refused: {said}")
code, said, _ = bundle("absent", LD_LIBRARY_PATH="/nowhere")
expect(code == 1 and "libabsent.so, which is not found" in said, f"a missing library is refused: {said}")
code, said, _ = bundle("old", DESCRAMBLER_GLIBC="2.1")
expect(code == 1 and "more than GLIBC_2.1" in said, f"a newer glibc is refused: {said}")

# ---- registers: the newest architecture counts, 100 after 90 -----------------------------------------------------------
names = "abcdef"
(folder / "sources").mkdir()
(folder / "sources/a.cu").write_text("".join(
    f"// resources {name}_kernel double n = 1: shared 8 bytes, 100 registers, 1 flops\n" for name in names))
(folder / "reports").mkdir()
(folder / "reports/a.ptxas").write_text("".join(
    f"ptxas info    : Compiling entry function '_Z8{name}_kernelIdLi1EEvv' for '{arch}'\n"
    f"    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
    f"ptxas info    : Used {registers} registers\n" for name in names for arch, registers in (("sm_90", 200), ("sm_100", 100))))
done = subprocess.run([sys.executable, here / "check_kernels.py", folder / "reports", folder / "sources"],
                      capture_output=True, text=True)
expect(done.returncode == 0, f"registers of sm_100 beside sm_90: {done.stdout}")

print("\n".join(problems) if problems else "the scripts do what they say")
sys.exit(1 if problems else 0)

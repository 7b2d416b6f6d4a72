#!/usr/bin/env python3
"""run_tests.py against a stand-in for ctest: it must fail where it has to, and not elsewhere."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

script = pathlib.Path(__file__).resolve().parent / "run_tests.py"
failed = []

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "times.json").write_text(json.dumps({"calibration": 1.0, "seconds": {"a": 600, "b": 400, "slurm.c": 1000}}))
    ctest = folder / "ctest"
    ctest.write_text(f"""#!{sys.executable}
import os, sys
status = "run" if os.environ["CODE"] == "0" else "fail"
said = "".join(f"line {{i}}\\n" for i in range(20)) if status == "fail" else ""
cases = "".join(f'<testcase name="{{n}}" time="{{t}}" status="{{status}}"><system-out>{{said}}</system-out></testcase>'
                for n, t in (w.split("=") for w in os.environ["TESTS"].split()))
open(sys.argv[sys.argv.index("--output-junit") + 1], "w").write(f"<testsuite>{{cases}}</testsuite>")
sys.exit(int(os.environ["CODE"]))
""")
    ctest.chmod(0o755)

    def expect(what, code, tests, calibration=1.0, ctest_code=0, says="", more=()):
        done = subprocess.run([sys.executable, script, folder, "--ctest", ctest, "--recorded", folder / "times.json", "--calibration",
                               str(calibration), *more], capture_output=True, text=True, check=False,
                              env=dict(os.environ, TESTS=tests, CODE=str(ctest_code)))
        good = done.returncode == code and says in done.stdout
        print("ok  " if good else "FAIL", what)
        if not good:
            failed.append(what)
            print(done.stdout, done.stderr)

    expect("as recorded", 0, "a=600 b=400 slurm.c=1000", says="3 tests took 2000 s in all")
    expect("grown by less than half", 0, "a=1500 b=400 slurm.c=1000")
    expect("grown by more than half", 1, "a=1700 b=400 slurm.c=1000", says="+1100.0 s  a")
    expect("a new test counts", 1, "a=600 b=400 slurm.c=1000 d=1100", says="d (new)")
    expect("a machine of half the speed", 0, "a=1200 b=800 slurm.c=1000", calibration=2, says="here 2.00 times as long")
    expect("grown on a machine of twice the speed", 1, "a=600 b=400", calibration=0.5)
    expect("waiting does not scale", 1, "slurm.c=1600", calibration=2)
    expect("some of the tests, as recorded", 0, "b=400")
    expect("some of the tests, grown", 1, "b=670")
    expect("a few new tests", 0, "d=50")
    expect("a test has failed", 8, "a=600 b=400 slurm.c=1000", ctest_code=8, says="FAILED: slurm.c\n    line 8\n")
    expect("recorded anew", 0, "a=1700 b=400 slurm.c=1000", more=["--record"])
    expect("then it is as recorded", 0, "a=1700 b=400 slurm.c=1000", says="+0 %")
sys.exit(1 if failed else 0)

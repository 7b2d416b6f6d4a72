#!/usr/bin/env python3
"""run_tests.py BUILD [--record] [--jobs N] [options of ctest]: runs ctest, tells the sum of the seconds of all tests and
the 30 slowest, and fails where a test fails or where the sum has grown by half.

The sum S of the seconds of this run is compared with those of tests/times.json, of the tests that ran:

    S > 1.5 (f C + W) + 60   fails,   f = calibration of this run / calibration in the file, within [1/4, 4]

C is the sum of what computes, W of what waits (tests slurm.*, whose seconds are those of timers). A new test is in S and
not in the file; the minute is for noise and for runs of a few tests. The calibration is the time of a fixed work, done at once on as many cores as tests run on, before and
after them: a machine that is slower, or shared, has a larger f. --record writes the file from this run (of everything,
all passed).
"""
import argparse
import json
import multiprocessing
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree
import zlib

growth, grace, slowest, waiting, last_lines = 1.5, 60, 30, "slurm.", 12
recorded = pathlib.Path(__file__).resolve().parent.parent / "times.json"


def work(_):
    start = time.perf_counter()
    total, data = 0.0, bytes(range(256)) * 4096
    for _ in range(8):
        total += sum(x * x for x in range(200000))
        zlib.crc32(zlib.compress(data, 6))
    return time.perf_counter() - start


def calibrate(cores):
    with multiprocessing.Pool(cores) as pool:
        return statistics.mean(pool.map(work, range(cores), chunksize=1))


def name_of(test):
    """Without what GoogleTest prints of a parameter that it cannot print: bytes, addresses among them."""
    return re.sub(r"\s+# GetParam\(\) = .*", "", test)


def seconds_of(junit):
    """Of every test that ran."""
    return {name_of(case.get("name")): float(case.get("time")) for case in xml.etree.ElementTree.parse(junit).iter("testcase")
            if case.get("status") in ("run", "fail")}


def tell_failed(junit):
    """The last lines of what failed once more, at the end of the log, where it is looked for first."""
    for case in xml.etree.ElementTree.parse(junit).iter("testcase"):
        if case.get("status") == "fail":
            lines = (case.findtext("system-out") or "").rstrip().splitlines()[-last_lines:]
            print("\n".join([f"\nFAILED: {name_of(case.get('name'))}", *(f"    {line[:400]}" for line in lines)]))


def tell(seconds):
    print(f"\n{len(seconds)} tests took {sum(seconds.values()):.0f} s in all; the {min(slowest, len(seconds))} slowest:")
    for name, time_of in sorted(seconds.items(), key=lambda item: -item[1])[:slowest]:
        print(f"{time_of:8.1f} s  {name}")


def grown(seconds, calibration, file):
    """Whether the sum has grown by half."""
    if not file.exists():
        print(f"{file}: not there, so no comparison")
        return os.environ.get("CI") == "true"
    before = json.loads(file.read_text())
    known = {name: time_of for name, time_of in before["seconds"].items() if name in seconds}
    scale = min(4.0, max(0.25, calibration / before["calibration"]))
    wait = sum(time_of for name, time_of in known.items() if name.startswith(waiting))
    expected = scale * (sum(known.values()) - wait) + wait
    total = sum(seconds.values())
    print(f"recorded: {sum(known.values()):.0f} s; here {scale:.2f} times as long for the same work (waiting aside), so "
          f"{expected:.0f} s; now {total:.0f} s, {100 * (total / expected - 1) if expected > 0 else 0:+.0f} %")
    if total <= growth * expected + grace:
        return False
    print(f"FAILED: the sum of the seconds of all tests has grown by more than {100 * (growth - 1):.0f} %; most grown:")
    more = {name: time_of - scale * known.get(name, 0) for name, time_of in seconds.items()}
    for name, by in sorted(more.items(), key=lambda item: -item[1])[:10]:
        print(f"{by:+8.1f} s  {name}{'' if name in known else ' (new)'}")
    return True


def main():
    parser = argparse.ArgumentParser(usage=__doc__.partition(":")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--jobs", "-j", type=int, default=os.cpu_count())
    parser.add_argument("--ctest", default="ctest")
    parser.add_argument("--recorded", type=pathlib.Path, default=recorded)
    parser.add_argument("--calibration", type=float, help="take this in place of measuring")
    o, options = parser.parse_known_args()
    junit = o.build.resolve() / "tests.xml"
    junit.unlink(missing_ok=True)
    before = o.calibration or calibrate(o.jobs)
    status = subprocess.run([o.ctest, "--test-dir", str(o.build), "--output-on-failure", "-j", str(o.jobs), "--output-junit", str(junit),
                             *options], check=False).returncode
    if not junit.exists():  # ctest has said why; or it was asked to list tests
        return status
    calibration = (before + (o.calibration or calibrate(o.jobs))) / 2
    seconds = seconds_of(junit)
    if not seconds:
        return status
    tell(seconds)
    if o.record:
        if status == 0:
            lines = ",\n  ".join(f"{json.dumps(name)}: {time_of:.2f}" for name, time_of in sorted(seconds.items()))
            o.recorded.write_text(f'{{"calibration": {calibration:.3f}, "cores": {o.jobs}, "seconds": {{\n  {lines}\n}}}}\n')
    elif grown(seconds, calibration, o.recorded):
        status = status or 1
    tell_failed(junit)
    return status


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What the compiler says of the kernels, against what their sources say of themselves.
usage: check_kernels.py FOLDER_OF_REPORTS FOLDER_OF_SOURCES

Reads ptxas's words for every kernel (OBJECT.ptxas, cmake/nvcc_report.sh) and prints them as a table. Fails on spills and on
stack frames, and where a line of a source's header
    // resources KERNEL PRECISION SIZES: shared S bytes, R registers, F flops
differs from the report of the newest architecture by more than 8 registers, the unit in which they are given out."""
import collections
import pathlib
import re
import sys

reports, sources = map(pathlib.Path, sys.argv[1:3])
entry = re.compile(r"Compiling entry function '(\S+)' for '(sm_\d+[af]?)'")
used = collections.defaultdict(int)  # (architecture, kernel, precision): most registers of all instances
count = collections.Counter()
problems = []
for report in sorted(reports.glob("*.ptxas")):
    name = None
    for line in report.read_text().splitlines():
        if found := entry.search(line):
            mangled, arch = found.groups()
            match = re.search(r"\d([a-z][a-z_]*_kernel)(?:I\w*?(?<=[IE])([fd])(?=[LEN]))?", mangled)
            name = match.group(1) if match else mangled
            precision = {"f": "float", "d": "double", None: "-"}[match.group(2) if match else None]
        elif name and (found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill", line)):
            if any(int(x) for x in found.groups()):
                problems.append(f"{report.stem}: {name} for {arch}: {line.strip()}")
        elif name and (found := re.search(r"Used (\d+) registers", line)):
            key = (arch, name, precision)
            used[key] = max(used[key], int(found.group(1)))
            count[key] += 1
if not used:
    sys.exit(f"{reports}: no report of ptxas, expected a build with CUDA")

print(f"{'kernel':34} {'precision':9} {'target':6} {'registers':>9}  instances")
for (arch, name, precision), registers in sorted(used.items(), key=lambda item: (item[0][1], item[0][2], item[0][0])):
    print(f"{name:34} {precision:9} {arch:6} {registers:9}  {count[arch, name, precision]}")

newest = max((arch for arch, _, _ in used), key=lambda arch: int(re.search(r"\d+", arch).group()))
stated = 0
for source in sorted(sources.glob("*.cu")):
    for line in source.read_text().splitlines():
        if not line.startswith("// resources "):
            continue
        found = re.match(r"// resources (\w+) (float|double) .*: shared \d+ bytes, (\d+) registers, \d+ flops", line)
        if not found:
            problems.append(f"{source.name}: cannot read '{line}'")
            continue
        kernel, precision, registers = found.group(1), found.group(2), int(found.group(3))
        reported = used.get((newest, kernel, precision))
        stated += 1
        if reported is None:
            problems.append(f"{source.name}: no kernel {kernel} in {precision}")
        elif abs(reported - registers) > 8:
            problems.append(f"{source.name}: {kernel} in {precision} states {registers} registers, ptxas {reported}")
if stated < 6:
    problems.append(f"{stated} statements of resources, expected one for each fused kernel")
print("\n".join(problems) if problems else f"{stated} statements agree; no spills, no stack frames")
sys.exit(1 if problems else 0)

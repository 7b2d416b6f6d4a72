#!/usr/bin/env python3
"""Data flows one way: io -> model -> descramble -> analysis -> report; study and cli see every stage, every stage may use
the core. Reads the include lines and fails on an edge backwards; also fails on a public header without a source of the
same stem, and on a macro in the headers."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
order = ["core", "io", "model", "descramble", "analysis", "report", "study", "cli"]
core = {"array", "backend", "cost", "communicator", "dense", "error", "progress", "random", "version"}
# types that the border speaks of; their functions belong to the model
vocabulary = {"deer_database"}

stage_of = {stem: "core" for stem in core}
sources = {}
for path in sorted((root / "src").rglob("*.cpp")):
    folder = path.parent.name
    sources.setdefault(path.stem, []).append(folder)
    if folder in order and folder != "cli" and (root / "include/descrambler" / (path.stem + ".hpp")).exists():
        stage_of.setdefault(path.stem, folder)

problems = []
header_only = {"array", "error", "cost", "progress", "version"}
for header in sorted((root / "include/descrambler").glob("*.hpp")):
    if header.stem not in header_only and header.stem not in sources:
        problems.append(f"{header.relative_to(root)}: no source of the same stem")
    stage_of.setdefault(header.stem, "core")

def rank(stage):
    return order.index(stage)

def check(path, stage):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if path.suffix == ".hpp" and re.match(r"\s*#\s*define\b", line):
            problems.append(f"{path.relative_to(root)}:{number}: a macro")
        match = re.match(r'\s*#\s*include\s+"(?:descrambler/)?([\w/]+)\.hpp"', line)
        if not match:
            continue
        parts = match.group(1).split("/")
        if parts[-1] in vocabulary:
            continue
        target = (parts[0] if len(parts) > 1 else stage_of.get(parts[-1], "core"))
        target = "core" if target in {"cpu", "mpi"} else target
        if rank(target) > rank(stage):
            problems.append(f"{path.relative_to(root)}:{number}: {stage} includes {match.group(1)} of the later stage {target}")

for header in sorted((root / "include/descrambler").glob("*.hpp")):
    check(header, stage_of[header.stem])
for path in sorted((root / "src").rglob("*.[ch]pp")):
    folder = path.parent.name
    check(path, folder if folder in order else "core")

print("\n".join(problems) if problems else "includes: every edge points forward")
sys.exit(1 if problems else 0)

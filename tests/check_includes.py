#!/usr/bin/env python3
"""Data flows one way: a room may use those before it in `order` and no other. Reads the include lines of src/, include/,
cuda/ and bench/ and fails on an edge backwards; also fails on a public header without a source of the same stem, and on
a macro in a header."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
order = ["core", "mpi", "backend", "cpu", "cuda", "linalg", "io", "model", "graph", "interpret", "scatter", "tasks", "train", "descramble", "analysis",
         "predict", "report", "tour", "study", "verify", "cli", "bench"]
# public headers that have no source of their stem, or one in another room
header_room = {"array": "core", "error": "core", "progress": "core", "random": "core", "version": "core",
               "backend": "backend", "cost": "backend"}
# only the backends know the kernels, and on the host the generators of tasks; only the program knows the launcher
private = {"cpu": {"cpu", "tasks", "bench"}, "cuda": {"cuda", "bench"}, "mpi": {"mpi", "cli"}}

problems = []
for path in sorted((root / "src").rglob("*.cpp")):
    room = path.relative_to(root / "src").parts[0]
    if room not in ("cpu", "cli") and (root / f"include/descrambler/{path.stem}.hpp").exists():
        header_room.setdefault(path.stem, room)
public = sorted((root / "include/descrambler").rglob("*.hpp"))
for header in public:
    if header.parent.name != "backend" and header.stem not in header_room:
        problems.append(f"{header.relative_to(root)}: no source of the same stem")


def room_of(included):
    """The room of an include line, or None for what is not ours or lies in the same folder."""
    if included.startswith("descrambler/"):
        parts = pathlib.PurePath(included).parts
        return "backend" if len(parts) > 2 else header_room.get(pathlib.PurePath(included).stem)
    first = included.split("/")[0]
    return first if "/" in included and first in order else None


def check(path, room):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(root)}:{number}"
        if path.suffix in (".hpp", ".cuh") and re.match(r"\s*#\s*define\b", line):
            problems.append(f"{where}: a macro")
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if match and ("../" in match.group(2) or match.group(1) == "<" and room_of(match.group(2))):
            problems.append(f"{where}: {match.group(2)}, expected the path from src or include, in quotes")
        target = room_of(match.group(2)) if match else None
        if target is None:
            continue
        if order.index(target) > order.index(room):
            problems.append(f"{where}: {room} includes {match.group(2)} of the later room {target}")
        elif target in private and room not in private[target]:
            problems.append(f"{where}: {room} includes {match.group(2)}, which belongs to {target} alone")


for header in public:
    check(header, "backend" if header.parent.name == "backend" else header_room.get(header.stem, "core"))
for folder, room in (("cuda", "cuda"), ("bench", "bench")):
    for path in sorted((root / folder).rglob("*")):
        if path.suffix in (".cpp", ".hpp", ".cu", ".cuh"):
            check(path, room)
for path in sorted(path for path in (root / "src").rglob("*") if path.suffix in (".cpp", ".hpp", ".h", ".c", ".inl")):
    room = path.relative_to(root / "src").parts[0]
    if room in order:
        check(path, room)
    else:
        problems.append(f"src/{room}: a room that is not in the order")

print("\n".join(problems) if problems else "includes: every edge points forward")
sys.exit(1 if problems else 0)

#!/usr/bin/env python3
"""No source file over 600 lines, no function over 80, but for the tables named below. The sources are read as clang-format
leaves them: a function ends at the first brace that stands as far left as its first line. --list prints the longest."""
import ast
import re
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
most_of_file, most_of_function = 600, 80

# file:function -> why it may be longer
tables = {
    "src/analysis/deer/findings_table.cpp:rules": "one entry a finding",
}


def cpp_functions(lines):
    """(name, first line, length) of every function that is not inside another."""
    at = 0
    while at < len(lines):
        line = re.sub(r"\{\s*//.*$", "{", lines[at])
        if not line.endswith("{") or line.lstrip().startswith(("//", "#", "}")):
            at += 1
            continue
        first = at
        while first > 0 and lines[first - 1].strip() and not re.search(r"[;{}:>]$|^\s*(//|#)", lines[first - 1]):
            first -= 1
        head = " ".join(text.strip() for text in lines[first:at + 1])
        indent = re.match(r" *", lines[first]).group()
        if "(" not in head or re.match(r"(namespace|struct|class|enum|union|extern)\b", head) or re.search(r"[=,]\s*\{$", head):
            at += 1
            continue
        end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith(indent + "}")), len(lines) - 1)
        name = re.search(r"([\w:~]+)\s*\(", head)
        if re.match(r"TEST(_F|_P)?\b|TYPED_TEST", head):
            name = re.search(r"\((.*?)\)", head)
        yield name.group(1) if name else head, first + 1, end - first + 1
        at = end + 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def sources():
    suffixes = {".cpp", ".hpp", ".h", ".c", ".cu", ".cuh", ".py", ".sh", ".sbatch"}
    try:
        names = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
        paths = [root / name for name in names]
    except (OSError, subprocess.CalledProcessError):  # no checkout
        paths = [path for folder in ("bench", "cuda", "examples", "include", "slurm", "src", "tests") for path in (root / folder).rglob("*")]
    return sorted(path for path in paths if path.is_file() and (path.suffix in suffixes or path.name == "dev"))


def main():
    problems, lengths = [], []
    for path in sources():
        name = str(path.relative_to(root))
        text = path.read_text()
        lines = text.splitlines()
        found = [(name, 1, len(lines), most_of_file)]
        functions = python_functions(text) if path.suffix == ".py" else cpp_functions(lines) if path.suffix[1:2] in "ch" else []
        found += [(f"{name}:{function}", first, length, most_of_function) for function, first, length in functions]
        for what, first, length, most in found:
            if most == most_of_function:
                lengths.append((length, what))
            if length > most and what not in tables:
                problems.append(f"{what} (line {first}): {length} lines, at most {most}")
    if "--list" in sys.argv:
        print("\n".join(f"{length:4} {what}" for length, what in sorted(lengths, reverse=True)[:40]))
    print("\n".join(problems) if problems else f"lengths: {len(lengths)} functions, longer by their nature: {len(tables)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

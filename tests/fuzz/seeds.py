#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets below a folder: seeds.py FOLDER. Small good files of every kind that a parser knows."""
import struct
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[2]
between = b"\x00\xff"  # the files of a BES3T set


def npy(descr, fortran, shape, version=1):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    count = 1
    for size in shape:
        count *= size
    order, kind = descr[0], {"4": "f", "8": "d"}[descr[2]]
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + struct.pack(f"{order}{count}{kind}", *range(count))


def npy_seeds():
    yield npy("<f8", False, (2, 3))
    yield npy("<f4", True, (3, 2), 2)
    yield npy(">f8", False, (4,), 3)


def text_seeds():
    rows = [(0.1 * i, 1 - 0.05 * i, 0.01 * i, 0.5) for i in range(10)]
    yield "".join(f"{t} {v}\n" for t, v, *_ in rows).encode()
    yield ("# a comment\ntime,real,imaginary\n" + "".join(f"{1000 * t},{v},{w}\r\n" for t, v, w, _ in rows)).encode()
    yield ("% fits behind\n" + "".join("\t".join(map(repr, row)) + ";\n" for row in rows)).encode()


def bes3t_seeds():
    points = 8
    for order, letter in ((">", "BIG"), ("<", "LIT")):
        for kind, values in (("REAL", 1), ("CPLX", 2)):
            lines = ["#DESC\t1.2 * DESCRIPTOR INFORMATION", "DSRC\tEXP", f"BSEQ\t{letter}", f"IKKF\t{kind}", "XTYP\tIDX",
                     "YTYP\tNODATA", "ZTYP\tNODATA", "IRFMT\tD", "IIFMT\tD", f"XPTS\t{points}", "XMIN\t0.0", "XWID\t70.0",
                     "TITL\t'a trace'", "XNAM\t'Time'", "XUNI\t'ns'", "#SPL\t1.2"]
            data = struct.pack(f"{order}{values * points}d", *range(values * points))
            yield "\n".join(lines).encode() + between + data
            axis = struct.pack(f"{order}{points}d", *(10 * i for i in range(points)))
            yield "\n".join(lines).replace("XTYP\tIDX", "XTYP\tIGD\nXFMT\tD").encode() + between + data + between + axis


def config_seeds():
    for path in sorted((root / "examples").glob("*.toml")):
        yield path.read_bytes()
    yield b'title = "two"\n[network]\nhidden = [8, 8]\n\x00training.iterations=10\x00data.task="bandpass"'


def network_seeds():  # edits: file, kind, object, ...
    for task in range(3):
        for kind in range(6):
            yield bytes([task, kind] + [7 * i % 256 for i in range(20)])


def main():
    folder = Path(sys.argv[1])
    for name, seeds in (("npy", npy_seeds), ("text", text_seeds), ("bes3t", bes3t_seeds), ("config", config_seeds),
                        ("network", network_seeds)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (folder / name / f"seed_{number}").write_bytes(seed)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets below a folder: seeds.py FOLDER. Small good files of every kind that a parser knows."""
import base64
import struct
import sys
import zlib
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


def field(number, value):  # of a protobuf message: a number, or a text or message as bytes
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)
    return varint(8 * number) + varint(value) if isinstance(value, int) else varint(8 * number + 2) + varint(len(value)) + value


def onnx_seeds():
    def tensor(name, kind, dims, values):
        return field(8, name) + field(2, kind) + b"".join(field(1, n) for n in dims) + values

    def node(operator, inputs, output, more=b""):
        return field(1, field(4, operator) + b"".join(field(1, name) for name in inputs) + field(2, output) + more)

    def value(name):  # [1, n], float
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, field(1, field(1, 1)) + field(1, field(2, b"n")))))

    def attribute(name, kind, content):
        return field(5, field(1, name) + field(20, kind) + content)

    def model(graph, opsets=field(8, field(2, 17))):
        return field(1, 8) + opsets + field(7, graph)

    floats = struct.pack("<2f", 1, -2)
    ends = field(11, value(b"x")) + field(12, value(b"y"))
    yield model(node(b"Gemm", [b"x", b"w", b"b"], b"h", attribute(b"transB", 2, field(3, 1)))
                + node(b"Relu", [b"h"], b"y", field(3, b"relu")) + field(5, tensor(b"w", 1, [1, 2], field(9, floats)))
                + field(5, tensor(b"b", 1, [2], field(4, floats))) + ends)
    kinds = b"".join(field(5, tensor(b"c%d" % kind, kind, [2], field(9, bytes(2 * size))))
                     for kind, size in ((2, 1), (3, 1), (5, 2), (6, 4), (7, 8), (9, 1), (10, 2), (11, 8), (16, 2)))
    lists = b"".join(field(5, tensor(b"l%d" % kind, kind, [1, 1], field(where, b"\1"))) for kind, where in ((6, 5), (7, 7), (10, 5)))
    yield model(node(b"Neg", [b"x"], b"y") + kinds + lists + ends)
    outside = field(14, 1) + b"".join(field(13, field(1, key) + field(2, text)) for key, text in (
        (b"location", b"a.bin"), (b"offset", b"8"), (b"length", b"16")))
    yield model(node(b"Add", [b"x", b"w"], b"y") + field(5, tensor(b"w", 1, [4], outside)) + ends)
    branches = [attribute(name, 5, field(6, node(operator, [b"x"], b"y_" + name) + field(12, value(b"y_" + name))))
                for name, operator in ((b"then_branch", b"Exp"), (b"else_branch", b"Log"))]
    yield model(node(b"If", [b"c"], b"y", b"".join(branches)) + field(5, tensor(b"c", 9, [], field(9, b"\1"))) + ends)
    yield model(node(b"Mul", [b"k", b"x"], b"y", attribute(b"f", 1, b"\x15" + floats[:4]) + attribute(b"s", 3, field(4, b"mode")))
                + node(b"Constant", [], b"k", attribute(b"value", 4, field(5, tensor(b"", 1, [], field(9, floats[:4])))))
                + ends, field(8, field(1, b"ai.onnx") + field(2, 13)) + field(8, field(1, b"other") + field(2, 1)))
    yield model(node(b"Pad", [b"x", b""], b"y", attribute(b"pads", 7, field(8, 1) + field(8, 2))
                     + attribute(b"names", 8, field(9, b"a")) + attribute(b"rates", 6, b"\x3d" + floats[4:])) + ends)


    # cases of the ONNX project, one an operator, where they are installed (Debian: libonnx-testdata)
    for path in sorted(Path("/usr/share/libonnx-testdata/data/node").glob("*/model.onnx")):
        if path.stat().st_size < 400:
            yield path.read_bytes()


def picture_seeds():
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    def png(width, height, depth, colour, rows, interlace=0, more=b""):
        head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
        content = zlib.compress(b"".join(bytes([i % 5]) + row for i, row in enumerate(rows)))  # every filter
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + chunk(b"IDAT", content) + chunk(b"IEND", b"")

    yield png(4, 5, 8, 2, [bytes(range(i, i + 12)) for i in range(5)])
    yield png(2, 2, 16, 0, [b"\1\2\3\4", b"\5\6\7\x08"], more=chunk(b"gAMA", b"\0\0\xb1\x8f") + chunk(b"tEXt", b"a\0b"))
    yield png(9, 1, 1, 0, [b"\x55\x80"])
    yield png(3, 1, 4, 3, [b"\x01\x20"], more=chunk(b"PLTE", bytes(9)) + chunk(b"tRNS", b"\xff\xff\xff"))
    yield png(2, 2, 8, 0, [b"a", b"b", b"cd"], 1)
    # 9 x 9 pixels: baseline in colour with half the chroma, and progressive in grey
    for text in ("/9j/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////2wBDAVVaWnhpeOuCguv/////"
                 "////////////////////////////////////////////////////////////////////wAARCAAJAAkDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAA"
                 "AgAB/8QAHhAAAgEDBQAAAAAAAAAAAAAAAQIAERIyMUFRkfD/xAAUAQEAAAAAAAAAAAAAAAAAAAAB/8QAFxEBAQEBAAAAAAAAAAAAAAAAAQACEf/aAAwDAQAC"
                 "EQMRAD8AkARaDI6Q3vy3cRzb202DDpyHL//Z",
                 "/9j/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////wgALCAAJAAkBAREA/8QAFQAB"
                 "AQAAAAAAAAAAAAAAAAAAAAP/2gAIAQEAAAABEv/EABcQAQADAAAAAAAAAAAAAAAAAAACEkH/2gAIAQEAAQUCiux//8QAFhAAAwAAAAAAAAAAAAAAAAAAABAx"
                 "/9oACAEBAAY/AiP/xAAaEAACAgMAAAAAAAAAAAAAAAAAARARMXHw/9oACAEBAAE/IVOLFnqP/9oACAEBAAAAEA//xAAaEAABBQEAAAAAAAAAAAAAAAAAEDGh"
                 "sfDx/9oACAEBAAE/EGDfBPUn/9k="):
        yield base64.b64decode(text)


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
    for name, seeds in (("npy", npy_seeds), ("text", text_seeds), ("bes3t", bes3t_seeds), ("onnx", onnx_seeds),
                        ("picture", picture_seeds), ("config", config_seeds), ("network", network_seeds)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (folder / name / f"seed_{number}").write_bytes(seed)


if __name__ == "__main__":
    main()

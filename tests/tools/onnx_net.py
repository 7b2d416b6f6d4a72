#!/usr/bin/env python3
"""onnx_net.py FOLDER SIDE [CHANNELS]: writes net.onnx, four convolutions with ReLU from an image of one channel, SIDE x SIDE, to one
of twice the size, with weights that look random and CHANNELS (4) between them, and x.npy, an input. In plain Python: tests have no
package for it."""
import pathlib
import struct
import sys


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name, dims, values):
    head = b"".join(field(1, d) for d in dims) + field(2, 1) + field(8, name)
    return field(5, head + field(9, struct.pack(f"<{len(values)}f", *values)))


def node(kind, inputs, output, attributes=b""):
    return field(1, b"".join(field(1, i) for i in inputs) + field(2, output) + field(4, kind) + attributes)


def value(number, name, dims):
    shape = b"".join(field(1, field(1, d)) for d in dims)
    return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, shape))))


def noise(count, seed):
    """Between -1 and 1, of a linear congruential generator."""
    values, state = [], seed
    for _ in range(count):
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        values.append((state >> 33) / 2**30 - 1)
    return values


def write(folder, side, hidden=4, kernel=5):
    graph, before, width = b"", "x", 1
    pads = field(5, field(1, "pads") + field(20, 7) + b"".join(field(8, kernel // 2) for _ in range(4)))
    for layer in range(4):
        channels = hidden if layer < 3 else 4
        count = channels * width * kernel**2
        weights = [w / (width * kernel**2) ** 0.5 for w in noise(count, layer + 1)]
        graph += tensor(f"w{layer}", [channels, width, kernel, kernel], weights)
        graph += tensor(f"b{layer}", [channels], [0.1 * b for b in noise(channels, layer + 11)])
        graph += node("Conv", [before, f"w{layer}", f"b{layer}"], f"c{layer}", pads)
        before, width = f"c{layer}", channels
        if layer < 3:
            graph += node("Relu", [before], f"r{layer}")
            before = f"r{layer}"
    graph += node("DepthToSpace", [before], "y", field(5, field(1, "blocksize") + field(20, 2) + field(3, 2)))
    graph += field(2, "net") + value(11, "x", [1, 1, side, side]) + value(12, "y", [1, 1, 2 * side, 2 * side])
    folder = pathlib.Path(folder)
    (folder / "net.onnx").write_bytes(field(1, 8) + field(7, graph) + field(8, field(2, 17)))
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, {side}, {side}), }}".ljust(117) + "\n"
    x = noise(side * side, 99)
    (folder / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(x)}d", *x))


if __name__ == "__main__":
    write(sys.argv[1], *(int(number) for number in sys.argv[2:]))

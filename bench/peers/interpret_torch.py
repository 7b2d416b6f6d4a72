#!/usr/bin/env python3
"""descrambler's interpreters beside PyTorch's automatic differentiation, one thread each, taking turns:
interpret_torch.py BUILD OUT.json [--data ../shared/data] [--repetitions 5] [--only NAME].

Rows: torch.autograd.grad in a loop and with is_grads_batched, the faster of both. Columns: torch.func.jvp in a loop, as
most people write it, and linearize with vmap. Singular values: scipy's svds over vjp and jvp. PyTorch's Jacobian is that
of our `taylor`; for piecewise linear networks both freezings are one. One probe, F x0, and the record are set beside what
the network itself takes: a forward run of torch and, where it is installed, of onnxruntime; that is not the same work, and
the checks are |F x0|^2 (bytes of the record) and |y|^2. Needs torch, numpy, scipy, onnx; networks are run by the few lines
below, in which every operator is one call of torch."""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

import onnx_shapes

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

torch.set_num_threads(1)


def numbers(t):
    """Of a small constant, also where torch traces."""
    return getattr(t, "numbers", None) or t.tolist()


def pads2d(attributes):
    p = attributes.get("pads", [0, 0, 0, 0])
    return p[1], p[3], p[0], p[2]  # left, right, top, bottom


def windowed(x, a, fill=0.0):
    left, right, top, bottom = pads2d(a)
    if left == right and top == bottom and fill == 0.0:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=fill), (0, 0)


def conv(x, w, b, a, transposed=False):
    if transposed:
        left, right, top, bottom = pads2d(a)
        assert left == right and top == bottom
        return F.conv_transpose2d(x, w, b, a.get("strides", 1), (top, left), 0, a.get("group", 1), a.get("dilations", 1))
    x, p = windowed(x, a)
    return F.conv2d(x, w, b, a.get("strides", 1), p, a.get("dilations", 1), a.get("group", 1))


def pool(x, a, maximum):
    if maximum:
        x, p = windowed(x, a, -np.inf if any(a.get("pads", [])) else 0.0)
        return F.max_pool2d(x, a["kernel_shape"], a.get("strides", 1), p, ceil_mode=bool(a.get("ceil_mode", 0)))
    x, p = windowed(x, a)
    return F.avg_pool2d(x, a["kernel_shape"], a.get("strides", 1), p)


class Network:
    """Runs the nodes of an ONNX file; constants are torch tensors, shapes are computed as the file says."""

    def __init__(self, path, bound, dtype):
        model = onnx.load(str(path))
        self.dtype = dtype
        self.constants = {t.name: self.tensor(numpy_helper.to_array(t)) for t in model.graph.initializer}
        self.constants.update({name: self.tensor(value) for name, value in bound.items()})
        self.input = next(i.name for i in model.graph.input if i.name not in self.constants)
        self.nodes = [node for node in model.graph.node if not self.folded(node)]
        self.output = model.graph.output[0].name

    def tensor(self, array):
        tensor = torch.from_numpy(np.array(array))
        return self.known(tensor.to(self.dtype) if tensor.is_floating_point() else tensor)

    @staticmethod
    def known(tensor):
        if tensor.numel() < 100:
            tensor.numbers = tensor.tolist()
        return tensor

    def folded(self, node):
        """Whether the node has constants alone; it is then run once, as an export to torch would do."""
        if any(name and name not in self.constants for name in node.input):
            return False
        self.constants[node.output[0]] = self.known(self.of_node(node, self.constants))
        return True

    def of_node(self, node, values):
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        return self.run(node.op_type, attributes, *(values[name] if name else None for name in node.input))

    def __call__(self, x):
        values = dict(self.constants)
        values[self.input] = x
        for node in self.nodes:
            values[node.output[0]] = self.of_node(node, values)
        return values[self.output]

    def run(self, op, a, x=None, *rest):
        rest = list(rest)
        one = {"Relu": torch.relu, "Sigmoid": torch.sigmoid, "Sqrt": torch.sqrt, "Identity": lambda t: t,
               "Floor": torch.floor, "Exp": torch.exp, "Neg": torch.neg}
        two = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Pow": torch.pow, "MatMul": torch.matmul}
        if op == "Constant":
            return self.tensor(numpy_helper.to_array(a["value"]))
        if op in one:
            return one[op](x)
        if op in two:
            return two[op](x, rest[0])
        if op == "Div":
            return x / rest[0] if x.is_floating_point() else torch.div(x, rest[0], rounding_mode="trunc")
        if op in ("Conv", "ConvTranspose"):
            return conv(x, rest[0], rest[1] if len(rest) > 1 else None, a, op == "ConvTranspose")
        if op == "PRelu":
            return F.prelu(x, rest[0].flatten())
        if op == "LeakyRelu":
            return F.leaky_relu(x, a.get("alpha", .01))
        if op == "Clip":
            return torch.clamp(x, rest[0].item() if len(rest) > 0 and rest[0] is not None else a.get("min"),
                               rest[1].item() if len(rest) > 1 else a.get("max"))
        if op == "BatchNormalization":
            return F.batch_norm(x, rest[2], rest[3], rest[0], rest[1], False, 0, a.get("epsilon", 1e-5))
        if op == "GlobalAveragePool":
            return x.mean((2, 3), keepdim=True)
        if op in ("MaxPool", "AveragePool"):
            return pool(x, a, op == "MaxPool")
        if op == "Flatten":
            return x.flatten(a.get("axis", 1))
        if op == "Gemm":
            w = rest[0].t() if a.get("transB", 0) else rest[0]
            return torch.addmm(rest[1], x, w) if len(rest) > 1 else x @ w
        if op == "DepthToSpace":
            assert a.get("mode", b"DCR") == b"CRD"
            return F.pixel_shuffle(x, a["blocksize"])
        if op == "Resize":
            scales = rest[-1] if rest[-1].numel() and rest[-1].is_floating_point() else rest[1]
            return F.interpolate(x, scale_factor=tuple(numbers(scales)[2:]), mode=a.get("mode", b"nearest").decode())
        if op == "Pad":
            p = a["pads"] if "pads" in a else numbers(rest[0])
            half = len(p) // 2
            flat = [v for axis in reversed(range(2, half)) for v in (p[axis], p[axis + half])]
            return F.pad(x, flat, mode={b"edge": "replicate"}.get(mode := a.get("mode", b"constant"), mode.decode()))
        if op in ("ReduceMean", "ReduceSum"):
            axes = tuple(a["axes"]) if "axes" in a else tuple(numbers(rest[0]))
            return (torch.mean if op == "ReduceMean" else torch.sum)(x, axes, keepdim=bool(a.get("keepdims", 1)))
        if op == "Concat":
            return torch.cat([x, *rest], a["axis"])
        if op == "Shape":
            return torch.tensor(x.shape)
        if op == "Cast":
            return x.to(self.dtype) if a["to"] in (1, 11) else x.to(torch.int64)
        if op == "Slice":
            starts, ends = numbers(rest[0]), numbers(rest[1])
            axes = numbers(rest[2]) if len(rest) > 2 else range(len(starts))
            steps = numbers(rest[3]) if len(rest) > 3 else [1] * len(starts)
            index = [slice(None)] * x.dim()
            for s, e, axis, step in zip(starts, ends, axes, steps):
                index[axis] = slice(s, None if step < 0 and e < -x.shape[axis] else e, step)
            if min(steps) < 0:  # shapes alone
                return torch.from_numpy(x.numpy()[tuple(index)].copy())
            return x[tuple(index)]
        if op == "Reshape":
            return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(numbers(rest[0]))])
        if op == "Unsqueeze":
            for axis in a.get("axes") or numbers(rest[0]):
                x = x.unsqueeze(axis)
            return x
        if op == "Gather":
            return x[rest[0]]
        if op == "ConstantOfShape":
            return torch.zeros(x.tolist(), dtype=torch.int64)
        if op == "Transpose":
            return x.permute(*a["perm"])
        if op == "Dropout":
            return x
        sys.exit(f"no torch call for {op}")


def middle(size, count):
    return [(size // 2 + k) % size for k in range(count)]


def units(size, count, shape, dtype):
    u = torch.zeros(count, size, dtype=dtype)
    for k, place in enumerate(middle(size, count)):
        u[k, place] = 1
    return u.reshape(count, *shape)


class Rival:
    """Seconds of `count` rows, columns or `wanted` singular values by torch."""

    def __init__(self, network, x, count, wanted):
        self.f, self.x, self.count, self.wanted = network, x, count, wanted
        self.leaf = x.clone().requires_grad_(True)
        self.y = network(self.leaf)
        self.u = units(self.y.numel(), count, self.y.shape, x.dtype)
        self.v = units(x.numel(), count, x.shape, x.dtype)

    def timed(self, call):
        start = time.perf_counter()
        check = call()
        return time.perf_counter() - start, float(check)

    def rows_loop(self):
        return sum((torch.autograd.grad(self.y, self.leaf, u, retain_graph=True)[0] ** 2).sum() for u in self.u)

    def rows_batched(self):
        return (torch.autograd.grad(self.y, self.leaf, self.u, retain_graph=True, is_grads_batched=True)[0] ** 2).sum()

    def columns_loop(self):
        return sum((torch.func.jvp(self.f, (self.x,), (v,))[1] ** 2).sum() for v in self.v)

    def columns_linearized(self):
        _, jvp = torch.func.linearize(self.f, self.x)
        return (torch.vmap(jvp)(self.v) ** 2).sum()

    def forward(self):
        with torch.no_grad():
            return (self.f(self.x) ** 2).sum()

    def svd(self):
        from scipy.sparse.linalg import LinearOperator, svds

        def apply(v):
            t = torch.from_numpy(v.reshape(self.x.shape)).to(self.x.dtype)
            return torch.func.jvp(self.f, (self.x,), (t,))[1].detach().numpy().ravel()

        def adjoint(u):
            t = torch.from_numpy(u.reshape(self.y.shape)).to(self.x.dtype)
            return torch.autograd.grad(self.y, self.leaf, t, retain_graph=True)[0].numpy().ravel()

        operator = LinearOperator((self.y.numel(), self.x.numel()), matvec=apply, rmatvec=adjoint,
                                  dtype=self.x.numpy().dtype)
        return svds(operator, self.wanted, tol=1e-6, random_state=1)[1].max()


class Inference:
    """A forward run by onnxruntime."""

    def __init__(self, path, name, x, bound):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.feed = {name: x, **bound}

    def forward_onnxruntime(self):
        return (self.session.run(None, self.feed)[0] ** 2).sum()


class Ours:
    def __init__(self, build, network, x, dtype, question, count, wanted, bound):
        self.process = subprocess.Popen(
            [build / "descrambler_interpret_probe",
             network, x, dtype, question, str(count), str(wanted), *bound],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"OMP_NUM_THREADS": "1"})

    def timed(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], answer["check"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare(ours, theirs, repetitions):
    """Medians of runs that take turns, the first pair apart; ratio = theirs / ours, with quartiles of the pairs."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(repetitions)]
    ratios = sorted(t[0] / o[0] for o, t in pairs)
    return {"ours_s": statistics.median(o[0] for o, _ in pairs), "theirs_s": statistics.median(t[0] for _, t in pairs),
            "ratio": statistics.median(ratios), "ratio_low": ratios[len(ratios) // 4],
            "ratio_high": ratios[-1 - len(ratios) // 4], "check_ours": pairs[0][0][1], "check_theirs": pairs[0][1][1]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only")
    asked = parser.parse_args()
    onnx_folder = asked.data / "interpreters" / "onnx"
    style = np.zeros(26, np.float32)
    style[19] = 1
    cases = {  # network, shape of the input, probes, what is bound
        "realesr_64": ("realesr_animevideov3_x4", (1, 3, 64, 64), 8, {}),
        "realesr_128": ("realesr_animevideov3_x4", (1, 3, 128, 128), 4, {}),
        "efficientnet_lite0": ("efficientnet_lite0", (1, 3, 224, 224), 8, {}),
        "multistyle26_128": ("multistyle26", (1, 3, 128, 128), 8, {"style_weights": style}),
        "alexnet": (None, (1, 3, 224, 224), 8, {}),  # None: of this shape, with random weights
        "resnet18": (None, (1, 3, 224, 224), 8, {}),
    }
    results = []
    for name, (file, shape, count, bound) in cases.items():
        if asked.only not in (None, name):
            continue
        x = np.random.default_rng(1).random(shape, dtype=np.float32)
        with tempfile.TemporaryDirectory() as folder:
            path = onnx_folder / f"{file}.onnx"
            if file is None:
                path = Path(folder) / "net.onnx"
                onnx_shapes.save(name, path)
            np.save(f"{folder}/x.npy", x)
            sets = []
            for key, value in bound.items():
                np.save(f"{folder}/{key}.npy", value)
                sets.append(f"{key}={folder}/{key}.npy")
            network = Network(path, bound, torch.float32)
            rival = Rival(network, torch.from_numpy(x), count, 10)
            rivals = {"rows": [rival.rows_loop, rival.rows_batched], "columns": [rival.columns_loop, rival.columns_linearized]}
            questions = [("rows", "rows"), ("columns", "columns")]
            if name.startswith("realesr"):
                questions += [("window_rows", "rows"), ("window_columns", "columns")]
            if name == "realesr_64":
                questions.append(("svd", "svd"))
                rivals["svd"] = [rival.svd]
            rivals["forward"] = [rival.forward]
            if onnxruntime is not None:
                rivals["forward"].append(Inference(path, network.input, x, bound).forward_onnxruntime)
            questions += [("one_probe", "forward"), ("record", "forward")]
            for question, theirs in questions:
                ours = Ours(asked.build, path, f"{folder}/x.npy", "f32", question, count, 10, sets)
                for call in rivals[theirs]:
                    numbers = compare(ours.timed, lambda: rival.timed(call), asked.repetitions)
                    results.append({"network": name, "question": question, "probes": count, "rival": call.__name__, **numbers})
                    print(json.dumps(results[-1]), flush=True)
                ours.close()
    asked.out.write_text(json.dumps({"torch": torch.__version__, "threads": 1, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()

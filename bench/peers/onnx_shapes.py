"""Networks of well-known shapes with random weights (He normal), as ONNX models: what a benchmark needs where trained
weights cannot be shipped. AlexNet as of Krizhevsky 2014 (one tower, 61 million weights), ResNet-18 as of He et al. 2015 with
its batch norms folded."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Chain:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.last = [], [], "x"

    def node(self, op, inputs=(), **attributes):
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.last, *inputs], [name], name=name, **attributes))
        self.last = name
        return name

    def constant(self, shape, scale):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array((self.random.standard_normal(shape) * scale).astype(np.float32), name))
        return name

    def conv(self, inputs, outputs, kernel, stride, pad):
        weight = self.constant((outputs, inputs, kernel, kernel), (2 / (inputs * kernel**2)) ** .5)
        self.node("Conv", [weight, self.constant(outputs, .1)], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def relu(self):
        self.node("Relu")

    def max_pool(self, kernel, stride, pad=0):
        self.node("MaxPool", kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def dense(self, inputs, outputs):
        self.node("Gemm", [self.constant((outputs, inputs), (2 / inputs) ** .5), self.constant(outputs, .1)], transB=1)

    def model(self, shape, outputs):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        y = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, [1, outputs])
        graph = helper.make_graph(self.nodes, "shape", [x], [y], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])


def alexnet():
    net = Chain(1)
    for inputs, outputs, kernel, stride, pad, pooled in [(3, 64, 11, 4, 2, True), (64, 192, 5, 1, 2, True), (192, 384, 3, 1, 1, False),
                                                         (384, 256, 3, 1, 1, False), (256, 256, 3, 1, 1, True)]:
        net.conv(inputs, outputs, kernel, stride, pad)
        net.relu()
        if pooled:
            net.max_pool(3, 2)
    net.node("Flatten")
    for inputs, outputs in [(9216, 4096), (4096, 4096)]:
        net.dense(inputs, outputs)
        net.relu()
    net.dense(4096, 1000)
    return net.model([1, 3, 224, 224], 1000)


def resnet18():
    net = Chain(2)
    net.conv(3, 64, 7, 2, 3)
    net.relu()
    net.max_pool(3, 2, 1)
    inputs = 64
    for outputs, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]:
        start = net.last
        net.conv(inputs, outputs, 3, stride, 1)
        net.relu()
        net.conv(outputs, outputs, 3, 1, 1)
        branch, net.last = net.last, start
        if stride != 1:
            net.conv(inputs, outputs, 1, stride, 0)
        net.node("Add", [branch])
        net.relu()
        inputs = outputs
    net.node("GlobalAveragePool")
    net.node("Flatten")
    net.dense(512, 1000)
    return net.model([1, 3, 224, 224], 1000)


def save(name, path):
    onnx.save({"alexnet": alexnet, "resnet18": resnet18}[name](), str(path))

// A network frozen on the device against the same on the CPU: what every kernel of graphs makes together. In double
// precision every number of the pass is a sum of up to 54 rounded products, ten nodes deep: 1e-12 of the largest number is
// some thousand roundings. In single precision 1e-5, the bound that docs/gpu.md has.
#include <array>

#include "descrambler/frozen.hpp"
#include "device.hpp"
#include "graph/scope.hpp"
#include "io/onnx_bytes.hpp"

namespace descrambler::test {
namespace {

std::string integers(const std::string& name, const std::vector<std::int64_t>& numbers) {
    return onnx::attribute(name, 7, onnx::field(8, onnx::packed(numbers)));
}
std::string constant(const std::string& name, const std::vector<std::int64_t>& dims, std::uint64_t number) {
    Index count = 1;
    for (const std::int64_t dim : dims)
        count *= dim;
    std::vector<float> values = normals<float>(count, number);
    for (float& value : values)
        value *= .4f;
    return onnx::initialiser(onnx::tensor(name, dims, values));
}

// Convolutions of six outputs (by tiles), of one a group and transposed with stride 2 (directly).
Graph network() {
    using onnx::node;
    const std::string graph =
        onnx::input("x", {1, 2, 9, 8}) + node("Conv", {"x", "W1", "b1"}, {"c"}, integers("pads", {1, 1, 1, 1})) +
        constant("W1", {6, 2, 3, 3}, 1) + constant("b1", {6}, 2) + node("Relu", {"c"}, {"a"}) +
        node("MaxPool", {"a"}, {"p"}, integers("kernel_shape", {2, 2}) + integers("strides", {2, 2})) +
        node("InstanceNormalization", {"p", "scale", "shift"}, {"n"}) + constant("scale", {6}, 3) +
        constant("shift", {6}, 4) +
        node("Conv", {"n", "W2"}, {"d"},
             integers("pads", {1, 1, 1, 1}) + onnx::attribute("group", 2, onnx::field(3, std::int64_t{6}))) +
        constant("W2", {6, 1, 3, 3}, 5) + node("LeakyRelu", {"d"}, {"l"}) +
        node("ConvTranspose", {"l", "W3", "b3"}, {"t"}, integers("strides", {2, 2})) + constant("W3", {6, 3, 3, 2}, 6) +
        constant("b3", {3}, 7) + node("Sigmoid", {"t"}, {"g"}) + node("Mul", {"t", "g"}, {"s"}) +
        node("Flatten", {"s"}, {"f"}) + node("Gemm", {"f", "W4", "b4"}, {"y"}) + constant("W4", {216, 7}, 8) +
        constant("b4", {7}, 9) + node("Softmax", {"y"}, {"z"}) + onnx::output("z", {1, 7});
    ImportOptions options;
    options.logits = false;
    return import_onnx(parse_onnx(onnx::model(graph, onnx::opset("", 17)), "net.onnx", "."), options);
}

template <class T>
FrozenNetwork<T> frozen_on(Backend<T>& on, Backend<double>& exact, const Graph& graph, const FreezeOptions& options) {
    return {on, exact, graph, normals<double>(graph.inputs(), 10), options};
}

template <class T>
std::vector<std::vector<double>> answers(Backend<T>& on, Backend<double>& exact, const Graph& graph,
                                         const FreezeOptions& options) {
    const FrozenNetwork<T> frozen = frozen_on(on, exact, graph, options);
    const std::vector<Index> outputs{0, 3, 6}, inputs{0, 5, 77, 143};
    const auto numbers = [](const auto& list) { return std::vector<double>(list.begin(), list.end()); };
    const Parts<T> parts = frozen.parts();
    return {frozen.output(),
            numbers(frozen.residual()),
            numbers(parts.linear),
            numbers(frozen.rows(outputs).values()),
            numbers(frozen.columns(inputs).values()),
            numbers(frozen.contributions(outputs).values.values())};
}

constexpr FreezeOptions readings[] = {{FreezeRule::frozen, NormRule::std},
                                      {FreezeRule::frozen, NormRule::mean_std},
                                      {FreezeRule::frozen, NormRule::none},
                                      {FreezeRule::taylor, NormRule::std}};
constexpr std::array<const char*, 6> names{"output", "residual", "linear part", "rows", "columns", "contributions"};

template <class T>
class CudaFrozen : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(CudaFrozen, Precisions);

TYPED_TEST(CudaFrozen, MatchesCpu) {
    using T = TypeParam;
    const Graph graph = network();
    for (const FreezeOptions& options : readings) {
        const auto found = answers(*device<T>(), *device<double>(), graph, options),
                   wanted = answers(*host<T>(), *host<double>(), graph, options);
        for (std::size_t i = 0; i < names.size(); ++i)
            EXPECT_LE(relative_error(found[i], wanted[i]), sizeof(T) == 4 ? 1e-5 : 1e-12)
                << names[i] << ", " << to_string(options.rule) << ", " << to_string(options.norm);
    }
}

TEST(CudaFrozenNetwork, AddsUpAndIsItsOwnTranspose) {
    const Graph graph = network();
    const auto on = device<double>();
    const std::vector<double> x0 = normals<double>(graph.inputs(), 10);
    for (const FreezeOptions& options : readings) {
        const ScopeErrors errors = scope_errors(FrozenNetwork<double>(*on, graph, x0, options), x0);
        EXPECT_LE(errors.identity, 1e-12) << to_string(options.rule) << ", " << to_string(options.norm);
        EXPECT_LE(errors.adjoint, 1e-12) << to_string(options.rule) << ", " << to_string(options.norm);
        EXPECT_LE(errors.conservation, 1e-12) << to_string(options.rule) << ", " << to_string(options.norm);
    }
}

// Alone, and among more than a block of 16 holds.
TYPED_TEST(CudaFrozen, AProbeHasTheSameBitsInAnyCompany) {
    using T = TypeParam;
    const Graph graph = network();
    const auto on = device<T>();
    const auto exact = device<double>();
    const FrozenNetwork<T> frozen = frozen_on<T>(*on, *exact, graph, {});
    constexpr Index K = 19;
    for (const bool adjoint : {false, true}) {
        const Index size = adjoint ? frozen.outputs() : frozen.inputs();
        Matrix<T> probes(size, K);
        std::ranges::copy(normals<T>(size * K, 11), probes.values().begin());
        const Matrix<T> all = adjoint ? frozen.adjoint(probes) : frozen.apply(probes);
        for (const Index k : {0, 7, 15, 16, 18}) {
            Matrix<T> one(size, 1);
            std::ranges::copy(probes.column(k), one.values().begin());
            const Matrix<T> alone = adjoint ? frozen.adjoint(one) : frozen.apply(one);
            EXPECT_TRUE(std::ranges::equal(alone.values(), all.column(k)))
                << (adjoint ? "adjoint, " : "") << "probe " << k;
        }
    }
}

}  // namespace
}  // namespace descrambler::test

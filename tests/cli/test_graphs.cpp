// `export`, and ONNX files in the commands on dense layers.
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "descrambler/dense_graph.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/random.hpp"
#include "io/onnx_bytes.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;

Matrix<double> normal(Index rows, Index cols, std::uint64_t seed) {
    RandomStream random(seed, stream::analysis);
    Matrix<double> result(rows, cols);
    for (double& number : result.values())
        number = random.normal();
    return result;
}
double worst(const Matrix<double>& a, const Matrix<double>& b) {
    double difference = a.rows() == b.rows() && a.cols() == b.cols() ? 0 : INFINITY, size = 0;
    for (Index i = 0; i < a.size() && difference < INFINITY; ++i) {
        difference = std::max(difference, std::abs(a.data()[i] - b.data()[i]));
        size = std::max(size, std::abs(a.data()[i]));
    }
    return difference / size;
}

class GraphCliTest : public CliTest {
protected:
    Outcome good(const std::vector<std::string>& arguments) {
        Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return outcome;
    }
    Matrix<double> matrix(const std::string& file, const std::string& name) {
        return Hdf5File::open(folder / file).root().read_matrix<double>(name);
    }
};

// ---- export: two networks 10-8-6-5 with every activation but one ------------------------------------------------------

class ExportTest : public GraphCliTest {
protected:
    std::string net = folder / "net.h5", onnx = folder / "net.onnx", inputs = folder / "inputs.npy";

    void SetUp() override {
        Ensemble ensemble;
        ensemble.precision = "f64";
        const std::vector<Layer> layers{
            {10, 8, Activation::tanh, false}, {8, 6, Activation::softplus, true}, {6, 5, Activation::logistic, false}};
        for (const std::uint64_t member : {0, 1})
            ensemble.networks.push_back(
                unpack(layers, initial_parameters<double>(layers, 3, member, {Initialisation::fan_in}).data()));
        write_ensemble(net, ensemble);
        write_npy(inputs, normal(200, 10, 1));
    }
};

TEST_F(ExportTest, TheFileDoesWhatTheNetworkOfTheEnsembleDoes) {
    good({"export", net, "--network", "1", "--out", onnx});
    const OnnxModel model = read_onnx(onnx);
    EXPECT_EQ(model.producer, "descrambler");
    EXPECT_EQ(model.metadata.at("source"), "net.h5");
    EXPECT_EQ(model.metadata.at("network"), "1");
    EXPECT_EQ(pack<double>(network_of(import_onnx(model, {}))), pack<double>(read_ensemble(net).networks[1]));
    // the same bits in every command
    const auto expect_same = [&](std::vector<std::string> command, const std::vector<std::string>& names) {
        const std::string verb = command[0];
        command.insert(command.begin() + 1, {onnx, "--out", folder / "of_onnx.h5", "--force"});
        good(command);
        command[1] = net;
        command[3] = folder / "of_net.h5";
        command.insert(command.end(), {"--network", "1"});
        good(command);
        for (const std::string& name : names)
            EXPECT_EQ(matrix("of_onnx.h5", name), matrix("of_net.h5", name)) << verb << " " << name;
    };
    expect_same({"layer", "--inputs", inputs, "--layer", "2", "--tap", "after"},
                {"descrambler", "gram", "descrambled_weight"});
    expect_same({"gram", "--inputs", inputs, "--layer", "3", "--include-bias"}, {"gram"});
    expect_same({"spectrum", "--layer", "2", "--rank", "3"}, {"left_vectors", "right_vectors"});
    // y of the graph: weights and order of sums are the same, the mean is summed by another product
    write_npy(folder / "x.npy", normal(1, 10, 2));
    good({"interpret", onnx, "--input", folder / "x.npy", "--out", folder / "a.h5"});
    good({"interpret", net, "--network", "1", "--input", folder / "x.npy", "--out", folder / "b.h5"});
    const auto y = [&](const char* file) { return Hdf5File::open(folder / file).root().read_vector<double>("output"); };
    for (std::size_t i = 0; i < 5; ++i)
        EXPECT_NEAR(y("a.h5")[i], y("b.h5")[i], 64 * 0x1p-53);  // 8 + 6 + 6 sums of numbers around 1, slope 1/4
}

TEST_F(ExportTest, PrecisionIsThatOfTheFileUnlessGiven) {
    const Json wide = Json::parse(good({"export", net, "--network", "0", "--out", onnx, "--json"}).out);
    EXPECT_EQ(wide["precision"], "f64");
    EXPECT_EQ(wide["widths"], "10-8-6-5");
    EXPECT_EQ(read_onnx(onnx).graph.constants.at("layer_1.weight").type, ElementType::f64);
    good({"export", net, "--network", "0", "--out", onnx, "--precision", "f32", "--force"});
    EXPECT_EQ(read_onnx(onnx).graph.constants.at("layer_1.weight").type, ElementType::f32);
    EXPECT_EQ(pack<float>(network_of(import_onnx(read_onnx(onnx), {}))), pack<float>(read_ensemble(net).networks[0]));
    // of an ONNX file that is one itself, and of a network that stands alone
    good({"export", onnx, "--out", folder / "again.onnx"});
    EXPECT_EQ(read_onnx(folder / "again.onnx").graph.constants, read_onnx(onnx).graph.constants);
}

TEST_F(ExportTest, BadInputIsOneLine) {
    expect_refusal({"export", net, "--out", onnx}, "--network: expected 0 to 1");
    expect_refusal({"export", net, "--network", "2", "--out", onnx}, "--network 2: expected 0 to 1");
    expect_refusal({"export", net, "--network", "0", "--out", folder / "net.bin"}, "ends with .onnx");
    expect_refusal({"export", inputs, "--out", onnx}, "inputs.npy");
    EXPECT_FALSE(std::filesystem::exists(onnx));
    good({"export", net, "--network", "0", "--out", onnx});
    const std::string before = slurp(onnx);
    expect_refusal({"export", net, "--network", "1", "--out", onnx}, "is there already");
    EXPECT_EQ(slurp(onnx), before);
    Ensemble large = read_ensemble(net);
    large.networks[0].layers[1].weight(2, 3) = 1e39;
    write_ensemble(net, large);
    expect_refusal({"export", net, "--network", "0", "--out", onnx, "--precision", "f32", "--force"},
                   "--precision f32: a weight is beyond its range");
    EXPECT_EQ(slurp(onnx), before);
}

// ---- layer --tap NODE: a convolution, a rectifier and two dense layers ------------------------------------------------

class NodeTest : public GraphCliTest {
protected:
    static constexpr Index side = 6, inner = side - 2, channels = 2, flat = channels * inner * inner, width = 7;
    std::string net = folder / "cnn.onnx", inputs = folder / "images.npy", out = folder / "tap.h5";
    Matrix<double> K = in_single(normal(channels, 9, 1)), W = in_single(normal(width, flat, 2)),
                   V = in_single(normal(3, width, 3)), b = in_single(normal(width, 1, 4)), X = normal(50, side*side, 5);

    static Matrix<double> in_single(Matrix<double> numbers) {
        for (double& number : numbers.values())
            number = static_cast<double>(static_cast<float>(number));
        return numbers;
    }
    static std::string constant(const std::string& name, const std::vector<std::int64_t>& dims,
                                const Matrix<double>& A) {
        std::vector<float> rows;
        for (Index i = 0; i < A.rows(); ++i)
            for (Index j = 0; j < A.cols(); ++j)
                rows.push_back(static_cast<float>(A(i, j)));
        return onnx::initialiser(onnx::tensor(name, dims, rows));
    }
    void SetUp() override {
        using namespace onnx;
        const std::string turned = attribute("transB", 2, field(3, std::int64_t{1}));
        const std::string graph =
            node("Conv", {"x", "K"}, {"c"}, field(3, "conv")) + node("Relu", {"c"}, {"r"}, field(3, "relu")) +
            node("Flatten", {"r"}, {"f"}, field(3, "flat")) +
            node("Gemm", {"f", "W", "b"}, {"h"}, field(3, "fc1") + turned) +
            node("Relu", {"h"}, {"a"}, field(3, "relu2")) + node("Gemm", {"a", "V"}, {"y"}, field(3, "fc2") + turned) +
            node("Softmax", {"y"}, {"p"}, field(3, "probability")) +
            node("Gemm", {"a", "V"}, {"z"}, field(3, "twin") + turned) + node("Relu", {"z"}, {"q"}, field(3, "twin")) +
            constant("K", {channels, 1, 3, 3}, K) + constant("W", {width, flat}, W) + constant("V", {3, width}, V) +
            constant("b", {width}, b) + input("x", {1, 1, side, side}) + output("p", {1, 3}) + output("q", {1, 3});
        write_file(net, model(graph));
        write_npy(inputs, X);
    }
    // What enters fc1, by loops: [samples, flat].
    [[nodiscard]] Matrix<double> signals() const {
        Matrix<double> h(X.rows(), flat);
        for (Index n = 0; n < X.rows(); ++n)
            for (Index c = 0; c < channels; ++c)
                for (Index i = 0; i < inner; ++i)
                    for (Index j = 0; j < inner; ++j) {
                        double sum = 0;
                        for (Index k = 0; k < 9; ++k)
                            sum += K(c, k) * X(n, (i + k / 3) * side + j + k % 3);
                        h(n, (c * inner + i) * inner + j) = std::max(sum, 0.0);
                    }
        return h;
    }
    Json tap(const std::string& node, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"layer", net, "--tap", node, "--inputs", inputs, "--out", out, "--force", "--json"});
        const Outcome outcome = good(more);
        return outcome.code == 0 ? Json::parse(outcome.out) : Json();
    }
    // fc1 as a network, alone or behind a layer that does nothing, with its signals as inputs.
    std::string dense(bool before) {
        Ensemble ensemble;
        ensemble.precision = "f64";
        Network& network = ensemble.networks.emplace_back();
        if (before) {
            DenseLayer same{.weight = Matrix<double>(flat, flat), .bias = {}};
            for (Index i = 0; i < flat; ++i)
                same.weight(i, i) = 1;
            network.layers.push_back(same);
        }
        network.layers.push_back({.weight = W, .bias = {b.values().begin(), b.values().end()}});
        write_ensemble(folder / "dense.h5", ensemble);
        write_npy(folder / "h.npy", signals());
        return folder / "dense.h5";
    }
};

// Sums of 9 products and 50 samples in another order: 1e-13 of the largest number is some hundred roundings of it.
TEST_F(NodeTest, OutputsOfADenseNodeAreDescrambled) {
    const std::string expected = folder / "expected.h5";
    for (const bool bias : {false, true}) {
        const std::vector<std::string> more =
            bias ? std::vector<std::string>{"--include-bias"} : std::vector<std::string>();
        const Json found = tap("fc1", more);
        std::vector<std::string> command{"layer",          dense(false), "--layer", "1",       "--inputs",
                                         folder / "h.npy", "--out",      expected,  "--force", "--json"};
        command.insert(command.end(), more.begin(), more.end());
        const Json by_hand = Json::parse(good(command).out);
        EXPECT_LE(worst(matrix("expected.h5", "gram"), matrix("tap.h5", "gram")), 1e-13);
        EXPECT_NEAR(found["eta"].get<double>() / by_hand["eta"].get<double>(), 1, 1e-9);
        EXPECT_EQ(found["samples"], 50);
        EXPECT_EQ(found["tap"], "fc1");
        EXPECT_EQ(found["layer"], 0);
        const Matrix<double> P = matrix("tap.h5", "descrambler"), PW = matrix("tap.h5", "descrambled_weight");
        ASSERT_EQ(PW.cols(), flat);
        Matrix<double> product(width, flat);
        for (Index i = 0; i < width; ++i)
            for (Index j = 0; j < flat; ++j)
                for (Index k = 0; k < width; ++k)
                    product(i, j) += P(i, k) * W(k, j);
        EXPECT_LE(worst(product, PW), 1e-14 * width);
    }
}

TEST_F(NodeTest, WhatEntersADenseNodeIsDescrambled) {
    const Json found = tap("fc1:input");
    const Json by_hand = Json::parse(good({"layer", dense(true), "--layer", "1", "--tap", "after", "--inputs",
                                           folder / "h.npy", "--out", folder / "expected.h5", "--json"})
                                         .out);
    EXPECT_LE(worst(matrix("expected.h5", "gram"), matrix("tap.h5", "gram")), 1e-13);
    EXPECT_NEAR(found["eta"].get<double>() / by_hand["eta"].get<double>(), 1, 1e-9);
    const Matrix<double> WP = matrix("tap.h5", "descrambled_weight");
    EXPECT_EQ(WP.rows(), width);
    EXPECT_EQ(WP.cols(), flat);
}

TEST_F(NodeTest, NodesAreKnownByTheirOutputsToo) {
    EXPECT_EQ(tap("fc1")["eta"], tap("h")["eta"]);
    // behind a node of several outputs of the network, and with nothing in front: images of more axes
    Matrix<double> many = X;
    EXPECT_GT(tap("fc2")["eta_raw"], 0);
    const std::string first = slurp(inputs);
    const std::string shape = "'shape': (50, 36)", four = "'shape': (50, 1, 6, 6)";
    const std::size_t at = first.find(shape);
    ASSERT_NE(at, std::string::npos);
    std::string images = first;
    images.replace(at, shape.size(), four);
    images.erase(images.find("  ", at), four.size() - shape.size());  // the header keeps its length
    write_file(folder / "four.npy", images);
    const double eta = tap("fc2")["eta"];
    inputs = folder / "four.npy";
    EXPECT_EQ(tap("fc2")["eta"], eta);
}

// Weights of a layer in front, in a file beside the network: with others it is another request.
TEST_F(NodeTest, ExternalWeightsBelongToTheRequest) {
    using namespace onnx;
    const auto put_weights = [&](double size) {
        std::vector<float> numbers;
        for (const double number : normal(width, side * side, 2).values())
            numbers.push_back(static_cast<float>(size * number));
        write_file(folder / "w.bin", raw(numbers));
    };
    const std::string outside = field(14, 1) + field(13, field(1, "location") + field(2, "w.bin"));
    write_file(net, model(node("MatMul", {"x", "W"}, {"h"}) + node("Relu", {"h"}, {"a"}) +
                          node("Gemm", {"a", "V"}, {"y"}, attribute("transB", 2, field(3, std::int64_t{1}))) +
                          initialiser(tensor("W", {side * side, width}, float32, outside)) +
                          constant("V", {3, width}, V) + input("x", {1, side * side}) + output("y", {1, 3})));
    const std::vector<std::string> asked{"layer", net, "--tap", "y", "--inputs", inputs, "--out", out};
    put_weights(1);
    (void)good(asked);
    (void)good(asked);  // the same request makes it again
    put_weights(2);
    const Outcome outcome = run(asked);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find("--force"), std::string::npos) << outcome.err;
    std::vector<std::string> over = asked;
    over[7] = folder / "w.bin";
    over.push_back("--force");
    EXPECT_EQ(run(over).code, 2);
}

TEST_F(NodeTest, TheSameBitsForAnyNumberOfThreadsAndAgain) {
    const auto P = [&](const std::string& threads) {
        (void)tap("fc1", {"--threads", threads, "--snr", "5"});
        return matrix("tap.h5", "descrambler");
    };
    const Matrix<double> one = P("1");
    EXPECT_EQ(P("2"), one);
    EXPECT_EQ(P("3"), one);
}

TEST_F(NodeTest, AnIndependentEvaluatorAgreesOnATrainedNetwork) {
    const std::string golden = "interpreters/golden/digits_cnn.npz", trained = "interpreters/onnx/digits_cnn.onnx";
    if (!has_data(golden) || !has_data(trained))
        GTEST_SKIP() << no_data(golden);
    const std::string unpack = "python3 -m zipfile -e '" + data(golden).string() + "' '" + folder.path().string() + "'";
    ASSERT_EQ(std::system(unpack.c_str()), 0);
    net = data(trained);
    inputs = folder / "x0.npy";  // 1 x 1 x 28 x 28: one sample
    (void)tap("fc2", {"--include-bias"});
    const std::vector<double> y = read_npy_tensor(folder / "y.npy").as<double>();
    const Matrix<double> gram = matrix("tap.h5", "gram");
    ASSERT_EQ(gram.rows(), std::ssize(y));
    Matrix<double> expected(gram.rows(), gram.rows());
    for (Index i = 0; i < gram.rows(); ++i)
        for (Index j = 0; j < gram.rows(); ++j)
            expected(i, j) = y[static_cast<std::size_t>(i)] * y[static_cast<std::size_t>(j)];
    EXPECT_LE(worst(expected, gram), 2e-9);  // twice what the answers of that evaluator are good for
}

TEST_F(NodeTest, BadInputIsOneLine) {
    const auto bad = [&](const std::string& node, const std::string& about, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"layer", net, "--tap", node, "--inputs", inputs, "--out", out});
        expect_refusal(more, about);
    };
    bad("fc3", "--tap fc3: expected before, after or a node of " + net + "; dense nodes are fc1, fc2, twin");
    bad("fc3:input", "--tap fc3:input: expected before, after or a node");
    bad("conv",
        "node \"conv\" (Conv): is not dense, expected Gemm or MatMul with constant weights; dense nodes are fc1");
    bad("relu2", "node \"relu2\" (Relu): is not dense");
    bad("twin", "several nodes of this name");
    bad("fc1", "--layer: expected --tap before or after", {"--layer", "1"});
    bad("fc1", "--jacobian: expected --tap before or after", {"--jacobian"});
    bad("fc1", "--share: expected --tap before or after", {"--share", "1:after"});
    bad("fc1", "--network: expected --tap before or after", {"--network", "0"});
    bad("fc1", "--shape 1xx3: expected whole numbers with 'x' between them", {"--shape", "x=1xx3"});
    bad("fc1", "--set gain: expected NAME=VALUE", {"--set", "gain"});
    bad("fc1", "no input of this name", {"--input-name", "w"});
    bad("before", "--layer: expected the layer");
    bad("before", "2 outputs, expected a dense network with one", {"--layer", "1"});
    bad("before", "expected --tap NODE", {"--layer", "1", "--shape", "x=1x1x6x6"});
    write_npy(folder / "narrow.npy", normal(4, 35, 1));
    inputs = folder / "narrow.npy";
    bad("fc1", "expected 36 columns (features), found 35");
    EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace descrambler

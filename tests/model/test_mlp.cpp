// Networks on the host and their files.
#include "descrambler/mlp.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "data.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

const std::vector<Layer> layers{{7, 5, Activation::tanh, false}, {5, 6, Activation::softplus, true}};

Network network(std::uint64_t member) {
    return unpack(layers, initial_parameters<float>(layers, 1, member).data());
}

TEST(Mlp, PackingRoundTrips) {
    const Network made = network(0);
    EXPECT_EQ(static_cast<Index>(pack<double>(made).size()), parameter_count(layers));
    const Network again = unpack(layers, pack<float>(made).data());
    EXPECT_EQ(again.layers[0].weight, made.layers[0].weight);
    EXPECT_EQ(again.layers[1].bias, made.layers[1].bias);
    EXPECT_EQ(shape_of(again), layers);
}

TEST(Mlp, ALayerWithoutBiasKeepsThePlaceOfOne) {
    std::vector<Layer> without = layers;
    without[0].bias = without[1].bias = false;
    const InitialWeights fan_in{Initialisation::fan_in, 1};
    const std::vector<double> parameters = initial_parameters<double>(without, 1, 0, fan_in);
    ASSERT_EQ(std::ssize(parameters), parameter_count(layers));
    for (std::size_t i = 0; i < 5; ++i)
        EXPECT_EQ(parameters[35 + i], 0);
    EXPECT_NE(initial_parameters<double>(layers, 1, 0, fan_in)[35], 0);
    const Network made = unpack(without, parameters.data());
    EXPECT_TRUE(made.layers[0].bias.empty() && made.layers[1].bias.empty());
    EXPECT_EQ(pack<double>(made), parameters);

    const test::Scratch folder("without_bias");
    Ensemble ensemble;
    ensemble.networks = {made};
    ensemble.precision = "f64";
    write_ensemble((folder / "net.h5").string(), ensemble);
    const Network found = read_ensemble((folder / "net.h5").string()).networks.front();
    EXPECT_TRUE(found.layers[0].bias.empty() && found.layers[1].bias.empty());
    EXPECT_EQ(pack<double>(found), parameters);
}

TEST(Mlp, InitialWeightsAreGlorotAndDifferByMember) {
    const Network first = network(0), second = network(1);
    EXPECT_NE(first.layers[0].weight, second.layers[0].weight);
    const double bound = std::sqrt(6.0 / 12);
    double largest = 0;
    for (const double w : first.layers[0].weight.values()) {
        EXPECT_LE(std::abs(w), bound);
        largest = std::max(largest, std::abs(w));
    }
    EXPECT_GT(largest,
              0.8 * bound);  // 35 uniform numbers all below 0.8 of the bound: chance 4e-4, and the seed is fixed
    EXPECT_EQ(first.layers[0].bias, std::vector<double>(5, 0.0));
}

TEST(Mlp, RenormDividesByTheMean) {
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> X(7, 2);
    for (Index i = 0; i < X.size(); ++i)
        X.data()[i] = std::sin(static_cast<double>(i));
    const Matrix<double> y = forward(*on, network(0), X);
    for (Index j = 0; j < 2; ++j) {
        double sum = 0;
        for (const double value : y.column(j))
            sum += value;
        EXPECT_NEAR(sum / 6, 1, 1e-14);
    }
}

TEST(Mlp, RefusesLayersAndWidthsThatAreNotThere) {
    const auto on = make_cpu_backend<double>(1);
    EXPECT_THROW((void)forward(*on, network(0), Matrix<double>(7, 1), 3), InputError);
    EXPECT_THROW((void)forward(*on, network(0), Matrix<double>(6, 1)), InputError);
    EXPECT_THROW((void)activation_from("sigmoid"), InputError);
}

// Largest error over the peak of each output, and the tolerance that the data's README states for fp64 arithmetic on
// the folded single-precision weights.
TEST(Mlp, ReproducesThePublishedDeerNets) {
    if (!test::has_data("deernet/nets.h5"))
        GTEST_SKIP() << test::no_data("deernet/nets.h5");
    const auto on = make_cpu_backend<double>(2);
    const Hdf5File nets = Hdf5File::open(test::data("deernet/nets.h5").string());
    const Hdf5File reference = Hdf5File::open(test::data("deernet/reference_forward.h5").string());
    const Matrix<double> input = transpose(reference.root().read_matrix<double>("input"));
    const FileArray<double> output = reference.root().read<double>("output_f64");  // [16, 20, 512]
    for (const Index net : {1, 16}) {
        Network published;
        const Hdf5Group at = nets.root().group(net < 10 ? "net_0" + std::to_string(net) : "net_" + std::to_string(net));
        for (int k = 1; k <= 6; ++k) {
            const Hdf5Group layer = at.group("layer_" + std::to_string(k));
            published.layers.push_back({layer.read_matrix<double>("W_folded"), layer.read_vector<double>("b_folded"),
                                        Activation::softplus, k == 6});
        }
        const Matrix<double> found = forward(*on, published, input);
        for (Index trace = 0; trace < 20; ++trace) {
            double peak = 0, error = 0;
            for (Index r = 0; r < 512; ++r) {
                const double wanted = output.values[static_cast<std::size_t>(((net - 1) * 20 + trace) * 512 + r)];
                peak = std::max(peak, wanted);
                error = std::max(error, std::abs(found(r, trace) - wanted));
            }
            EXPECT_LE(error, 2e-5 * peak) << "net " << net << " trace " << trace;
        }
    }
}

class EnsembleTest : public ::testing::Test {
protected:
    test::Scratch folder{"ensemble"};
    std::string path = folder / "ensemble.h5";
    Ensemble made{{network(0), network(1)},
                  Recipe{{{"task", std::string("any"), {}},
                          {"points", std::int64_t{7}, {}},
                          {"snr", std::vector<double>{1, 2.5}, {"1", "noise", "snr"}},
                          {"tracks", std::vector<std::string>{"a", "b"}, {"1", "tracks", "track"}}},
                         ""},
                  17,
                  "f32"};

    // The message of the InputError that reading the file gives.
    std::string refusal() {
        try {
            (void)read_ensemble(path);
        } catch (const InputError& error) {
            return error.what();
        }
        return "accepted";
    }
    void expect_refusal(const std::string& about) {
        const std::string message = refusal();
        EXPECT_NE(message.find(about), std::string::npos) << message;
        EXPECT_NE(message.find(path), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
};

TEST_F(EnsembleTest, RoundTripsToTheSameBits) {
    write_ensemble(path, made);
    const Ensemble found = read_ensemble(path);
    ASSERT_EQ(found.networks.size(), 2u);
    EXPECT_EQ(found.networks[1].layers[1].weight, made.networks[1].layers[1].weight);
    EXPECT_EQ(shape_of(found.networks[0]), layers);
    EXPECT_EQ(found.recipe, made.recipe);
    EXPECT_EQ(found.seed, 17u);
}

TEST_F(EnsembleTest, RefusesShapesThatDoNotChain) {
    made.networks[1].layers[1].weight = Matrix<double>(6, 4);
    write_ensemble(path, made);
    expect_refusal("expected 5 columns");
}

TEST_F(EnsembleTest, RefusesNaN) {
    made.networks[0].layers[0].weight(2, 3) = std::nan("");
    write_ensemble(path, made);
    expect_refusal("not finite");
}

TEST_F(EnsembleTest, RefusesNetworksOfDifferentShapes) {
    made.networks[1].layers.pop_back();
    write_ensemble(path, made);
    expect_refusal("/networks/001");
}

TEST_F(EnsembleTest, RefusesGapsInTheNumbering) {
    const auto with = [&](const std::string& name, const std::string& more) {
        Hdf5File file = Hdf5File::create(path);
        write_network(file.root().create_group("networks/000"), made.networks[0], "f64");
        write_network(file.root().create_group("networks/" + name), made.networks[0], "f64");
        if (!more.empty())
            (void)file.root().create_group("networks/000/" + more);
        file.commit();
    };
    with("002", "");
    expect_refusal("no 001");
    with("abc", "");
    expect_refusal("no 001");
    with("001", "layer_4");
    expect_refusal("layer_4");
}

TEST_F(EnsembleTest, RefusesAnUnknownActivation) {
    {
        Hdf5File file = Hdf5File::create(path);
        const Hdf5Group at = file.root().create_group("networks/000");
        write_network(at, made.networks[0], "f64");
        at.attribute("layer_1", "activation", std::string("swish"));
        file.commit();
    }
    expect_refusal("swish");
}

TEST_F(EnsembleTest, RefusesAFileWithoutNetworks) {
    {
        Hdf5File file = Hdf5File::create(path);
        file.commit();
    }
    expect_refusal("/networks");
}

TEST(Mlp, FanInDrawsBiasesAndTheFirstWeightsAreScaled) {
    const std::vector<Layer> layers{{100, 30, Activation::relu, false}, {30, 20, Activation::identity, false}};
    const std::vector<double> plain = initial_parameters<double>(layers, 1, 2, {Initialisation::fan_in, 1}),
                              scaled = initial_parameters<double>(layers, 1, 2, {Initialisation::fan_in, 0.25});
    double top = 0, top_second = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        EXPECT_EQ(scaled[i], i < 3000 ? 0.25 * plain[i] : plain[i]) << i;  // biases and layer 2 as they are
        EXPECT_NE(plain[i], 0);
        (i < 3030 ? top : top_second) = std::max(i < 3030 ? top : top_second, std::abs(plain[i]));
    }
    // 1 / sqrt(in); the largest of n uniform numbers lies within 20 / n of the bound (chance 2e-9)
    EXPECT_LE(top, 0.1);
    EXPECT_GT(top, 0.1 * (1 - 20.0 / 3030));
    EXPECT_LE(top_second, 1 / std::sqrt(30.0));
    EXPECT_GT(top_second, (1 - 20.0 / 620) / std::sqrt(30.0));
    EXPECT_EQ(initial_parameters<double>(layers, 1, 2), initial_parameters<double>(layers, 1, 2, {}));
}

}  // namespace
}  // namespace descrambler

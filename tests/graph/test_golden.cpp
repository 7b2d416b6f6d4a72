// Answers of an independent evaluator for trained networks, in double precision (data: interpreters/golden).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <regex>
#include <sstream>

#include "data.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/lanczos.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;

struct Array {
    Shape shape;
    std::vector<double> numbers;
    std::vector<std::string> names;
};

// f4, f8, i8 and text of these trusted files alone.
Array read_array(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream all;
    all << file.rdbuf();
    const std::string bytes = all.str();
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(bytes.at(8))) +
                        256 * static_cast<std::size_t>(static_cast<unsigned char>(bytes.at(9)));
    const std::string header = bytes.substr(10, length), content = bytes.substr(10 + length);
    Array result;
    std::smatch found;
    EXPECT_TRUE(std::regex_search(header, found, std::regex("'shape': \\(([^)]*)\\)"))) << header;
    std::istringstream extents(found[1].str());
    for (std::string extent; std::getline(extents, extent, ',');)
        if (extent.find_first_not_of(' ') != std::string::npos)
            result.shape.push_back(std::stol(extent));
    const auto count = static_cast<std::size_t>(volume(result.shape));
    if (std::regex_search(header, found, std::regex("'<U([0-9]+)'"))) {
        const std::size_t width = 4 * std::stoul(found[1].str());
        for (std::size_t i = 0; i < count; ++i) {
            std::string name;
            for (std::size_t c = 0; c < width && content[i * width + c] != 0; c += 4)
                name += content[i * width + c];
            result.names.push_back(name);
        }
        return result;
    }
    const bool whole = header.find("'<i8'") != std::string::npos, single = header.find("'<f4'") != std::string::npos;
    for (std::size_t i = 0; i < count; ++i) {
        double number = 0;
        std::int64_t integer = 0;
        float narrow = 0;
        if (single)
            std::memcpy(&narrow, content.data() + 4 * i, 4);
        else
            std::memcpy(whole ? static_cast<void*>(&integer) : &number, content.data() + 8 * i, 8);
        result.numbers.push_back(single ? static_cast<double>(narrow) : whole ? static_cast<double>(integer) : number);
    }
    return result;
}

struct Golden {
    const char *file, *network;
    FreezeOptions options;
    bool styles = false;
};
void PrintTo(const Golden& golden, std::ostream* to) {
    *to << golden.file;
}
const Golden all[] = {
    {"digits_cnn", "digits_cnn", {}},
    {"realesr_animevideov3_x4", "realesr_animevideov3_x4", {}},
    {"waifu2x_resnet10", "waifu2x_resnet10_noise1_y", {}},
    {"waifu2x_upconv7", "waifu2x_upconv7_scale_rgb", {}},
    {"demosaicnet_gate_frozen", "demosaicnet_bayer", {}},
    {"demosaicnet_taylor", "demosaicnet_bayer", {FreezeRule::taylor, NormRule::std}},
    {"multistyle26_std", "multistyle26", {}, true},
    {"multistyle26_mean_std", "multistyle26", {FreezeRule::frozen, NormRule::mean_std}, true},
    {"multistyle26_taylor", "multistyle26", {FreezeRule::taylor, NormRule::none}, true},
    {"efficientnet_lite0", "efficientnet_lite0", {}},
};

class GoldenTest : public testing::TestWithParam<Golden> {
protected:
    void SetUp() override {
        const std::string file = std::string("interpreters/golden/") + GetParam().file + ".npz";
        if (!has_data(file))
            GTEST_SKIP() << no_data(file);
        const std::string command =
            "python3 -m zipfile -e '" + data(file).string() + "' '" + scratch_.path().string() + "'";
        ASSERT_EQ(std::system(command.c_str()), 0);
    }
    [[nodiscard]] Array array(const std::string& name) const { return read_array(scratch_.path() / (name + ".npy")); }
    // |r| / |y|: restoration lives on F x, style transfer and classifiers do not.
    static void expect_share(double share) {
        const std::string network = GetParam().network;
        if (network == "multistyle26") {
            EXPECT_GE(share, 2);
        } else if (network != "efficientnet_lite0") {
            EXPECT_LE(share, .3);
        }
    }
    // Relative to the largest number.
    static void expect_close(std::span<const double> found, const std::vector<double>& expected, double tolerance,
                             const std::string& what) {
        ASSERT_EQ(found.size(), expected.size()) << what;
        double worst = 0;
        for (std::size_t i = 0; i < expected.size(); ++i)
            worst = std::max(worst, std::abs(found[i] - expected[i]));
        EXPECT_LE(worst, tolerance * largest(expected)) << what;
    }

    Scratch scratch_{"golden"};
};

Graph graph_for(const Golden& golden, const Shape& shape) {
    const OnnxModel model = read_onnx(data(std::string("interpreters/onnx/") + golden.network + ".onnx"));
    ImportOptions import;
    for (const OnnxValue& input : model.graph.inputs)
        if (golden.styles && input.name == "style_weights") {
            std::vector<double> one(26);
            one[19] = 1;
            import.set[input.name] = tensor({26}, one);
        } else {
            import.shapes[input.name] = shape;
        }
    return import_onnx(model, import);
}

std::vector<Index> indices(const Array& array) {
    return {array.numbers.begin(), array.numbers.end()};
}

TEST_P(GoldenTest, RowsColumnsResidualAndContributions) {
    const Array x0 = array("x0");
    const Graph graph = graph_for(GetParam(), x0.shape);
    const auto on = make_cpu_backend<double>(2);
    const FrozenNetwork<double> frozen(*on, graph, x0.numbers, GetParam().options);
    constexpr double tolerance = 1e-9;
    expect_close(frozen.output(), array("y").numbers, tolerance, "y");
    const std::vector<double> y = array("y").numbers, r = array("r").numbers;
    std::vector<double> difference(r.size());
    const std::vector<double> found = frozen.residual();
    ASSERT_EQ(found.size(), r.size());
    for (std::size_t i = 0; i < r.size(); ++i)
        difference[i] = found[i] - r[i];
    EXPECT_LE(largest(difference), tolerance * std::max(largest(r), largest(y))) << "r";
    if (y.size() > 10 && GetParam().options.rule == FreezeRule::frozen)
        expect_share(std::sqrt(std::inner_product(found.begin(), found.end(), found.begin(), 0.0) /
                               std::inner_product(y.begin(), y.end(), y.begin(), 0.0)));
    const std::vector<Index> rows = indices(array("row_index")), columns = indices(array("column_index"));
    expect_close(frozen.rows(rows).values(), array("rows").numbers, tolerance, "rows");
    expect_close(frozen.columns(columns).values(), array("columns").numbers, tolerance, "columns");
    const Array names = array("contribution_names"), values = array("contributions");
    if (!values.numbers.empty()) {
        const Contributions parts = frozen.contributions(indices(array("output_index")));
        double expected = 0, sum = 0, size = 0;
        for (const double part : values.numbers)
            expected += part;
        for (const double part : parts.values.values()) {
            sum += part;
            size += std::abs(part);
        }
        EXPECT_NEAR(sum, expected, 1e-12 * size);
        for (std::size_t i = 0; i < names.names.size(); ++i) {  // names of the file; an evaluator may have others
            const auto place = std::ranges::find(parts.names, names.names[i]);
            if (place != parts.names.end()) {
                EXPECT_NEAR(parts.values(place - parts.names.begin(), 0), values.numbers[i], tolerance * size)
                    << names.names[i];
            }
        }
    }
    const ScopeErrors errors = scope_errors(frozen, x0.numbers);
    EXPECT_LE(errors.identity, 1e-12);
    EXPECT_LE(errors.adjoint, 1e-12);
    EXPECT_LE(errors.conservation, 1e-12);
    EXPECT_EQ(errors.windows, 0);
}

// Single precision: |y_32 - y| within 1e-5 of |F x0| + |r|, number by number of the largest, and rows and columns
// within 1e-4 of their largest number (depths of some thousand products, seventeen layers).
TEST_P(GoldenTest, SinglePrecision) {
    const Array x0 = array("x0");
    const Graph graph = graph_for(GetParam(), x0.shape);
    const auto on = make_cpu_backend<float>(2);
    const auto exact = make_cpu_backend<double>(2);
    const FrozenNetwork<float> frozen(*on, *exact, graph, x0.numbers, GetParam().options);
    const Parts<float> parts = frozen.parts();
    const std::vector<double> y = array("y").numbers, r = array("r").numbers;
    double scale = 0, worst_y = 0, worst_r = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
        scale = std::max(scale, std::abs(y[i] - r[i]) + std::abs(r[i]));
        worst_y = std::max(worst_y, std::abs(frozen.output()[i] - y[i]));
        worst_r = std::max(worst_r, std::abs(static_cast<double>(parts.residual[i]) - r[i]));
    }
    EXPECT_LE(worst_y, 1e-5 * scale);
    EXPECT_LE(worst_r, 1e-5 * scale);
    const auto expect_rows = [&](const Matrix<float>& found, const std::string& name) {
        const std::vector<double> expected = array(name).numbers;
        ASSERT_EQ(found.size(), std::ssize(expected));
        double worst = 0;
        for (std::size_t i = 0; i < expected.size(); ++i)
            worst = std::max(worst, std::abs(static_cast<double>(found.values()[i]) - expected[i]));
        EXPECT_LE(worst, 1e-5 * largest(expected)) << name;
    };
    expect_rows(frozen.rows(indices(array("row_index"))), "rows");
    expect_rows(frozen.columns(indices(array("column_index"))), "columns");
}

class GoldenSpectrumTest : public GoldenTest {};  // the files that have one

TEST_P(GoldenSpectrumTest, SingularValues) {
    const std::vector<double> expected = array("sigma").numbers;
    ASSERT_FALSE(expected.empty());
    const Array x0 = array("x0");
    const Graph graph = graph_for(GetParam(), x0.shape);
    const auto on = make_cpu_backend<double>(2);
    const FrozenNetwork<double> frozen(*on, graph, x0.numbers, GetParam().options);
    LanczosOptions options;
    options.wanted = 10;
    ASSERT_LE(expected.size(), 10U);
    options.tolerance = 1e-6;  // of the residuals; the error of a value is their square over the gap
    const LanczosSvd svd = lanczos_svd(*on, operator_of(frozen), options);
    EXPECT_TRUE(svd.converged);
    EXPECT_LE(svd.pairs, 160);
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(svd.s[i], expected[i], 1e-9 * expected[0]) << i;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenTest, testing::ValuesIn(all),
                         [](const auto& one) { return std::string(one.param.file); });

INSTANTIATE_TEST_SUITE_P(All, GoldenSpectrumTest,
                         testing::Values(all[0], all[1], all[2], all[3], all[6], all[7], all[8]),
                         [](const auto& one) { return std::string(one.param.file); });

}  // namespace
}  // namespace descrambler

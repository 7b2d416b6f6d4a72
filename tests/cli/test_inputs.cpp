// Libraries of inputs in files: one or many, small or larger than what is kept in memory.
#include <sys/resource.h>

#include <cmath>

#include "descrambler/ensemble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/random.hpp"
#include "io/bytes.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;

constexpr Index features = 512;

class InputsTest : public CliTest {
protected:
    std::string net = folder / "net.h5", out = folder / "gram.h5";

    void SetUp() override {
        Ensemble ensemble;
        ensemble.precision = "f64";
        const std::vector<Layer> layers{{features, 12, Activation::tanh, false}, {12, 6, Activation::identity, false}};
        ensemble.networks.push_back(unpack(layers, initial_parameters<double>(layers, 3, 0).data()));
        write_ensemble(net, ensemble);
    }
    static Matrix<double> samples(Index count, std::uint64_t seed) {
        RandomStream random(seed, stream::analysis);
        Matrix<double> S(count, features);
        for (double& value : S.values())
            value = random.normal();
        return S;
    }
    static Matrix<double> rows(const Matrix<double>& S, Index first, Index count) {
        Matrix<double> part(count, features);
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j < features; ++j)
                part(i, j) = S(first + i, j);
        return part;
    }
    std::vector<std::string> gram(const std::string& inputs, const std::string& to) const {
        return {"gram", net, "--layer", "1", "--tap", "after", "--inputs", inputs, "--out", to, "--quiet", "--force"};
    }
    Matrix<double> result(const std::string& inputs) {
        const Outcome outcome = run(gram(inputs, out));
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return outcome.code == 0 ? Hdf5File::open(out).root().read_matrix<double>("gram") : Matrix<double>();
    }
};

TEST_F(InputsTest, ManyFilesAreOneLibrary) {
    const Matrix<double> S = samples(3000, 1);
    write_npy(folder / "whole.npy", S);
    write_npy(folder / "part-9.npy", rows(S, 0, 1500));
    write_npy(folder / "part-10.npy", rows(S, 1500, 1));
    Hdf5File last = Hdf5File::create(folder / "part-11.h5");
    last.root().write("inputs", rows(S, 1501, 1499), {});
    last.commit();
    write("list.txt", "# three parts\npart-9.npy\npart-10.npy\npart-11.h5:/inputs\n");
    const Matrix<double> whole = result(folder / "whole.npy");
    EXPECT_EQ(result(folder / "part-*"), whole);
    EXPECT_EQ(result(std::string("@").append(folder / "list.txt")), whole);

    // no file that is read is overwritten
    const std::string list = std::string("@").append(folder / "list.txt");
    expect_refusal(gram(folder / "part-*", folder / "part-11.h5"), "another file");
    expect_refusal(gram(list, folder / "part-10.npy"), "another file");
    expect_refusal(gram(list, folder / "list.txt"), "another file");
    EXPECT_EQ(read_npy(folder / "part-10.npy").rows(), 1);

    std::filesystem::remove(folder / "part-10.npy");
    expect_refusal(gram(list, out), "list.txt: line 3: expected the file");
    expect_refusal(gram(folder / "none-*.npy", out), "none-*.npy: expected at least one file of such a name");
    std::filesystem::rename(folder / "part-11.h5", folder / "part-11.npy");
    expect_refusal(gram(folder / "part-*.npy", out), "expected part-10.npy between part-9.npy and part-11.npy");
}

// 742 MiB of doubles, most of them zeros that no disk holds, go through much less memory.
TEST_F(InputsTest, LargeFilesAreStreamed) {
    constexpr Index ends = 600, count = 190'000;
    const Matrix<double> head = samples(ends, 2), tail = samples(ends, 3);
    Matrix<double> both(2 * ends, features);
    for (Index i = 0; i < ends; ++i)
        for (Index j = 0; j < features; ++j) {
            both(i, j) = head(i, j);
            both(ends + i, j) = tail(i, j);
        }
    write_npy(folder / "both.npy", both);
    const Matrix<double> expected = result(folder / "both.npy");

    // the same between the ends of a large file
    const std::string large = folder / "large.npy";
    std::string header = slurp(folder / "both.npy").substr(0, 128);
    const std::string shape = "(1200, 512), }   ", wide = "(190000, 512), } ";
    ASSERT_NE(header.find(shape), std::string::npos);
    header.replace(header.find(shape), shape.size(), wide);
    const auto write_rows = [&](std::ostream& to, const Matrix<double>& S) {
        for (Index i = 0; i < S.rows(); ++i)
            for (Index j = 0; j < features; ++j)
                to.write(to_bytes(S(i, j), std::endian::little).data(), 8);
    };
    {
        std::ofstream file(large, std::ios::binary);
        file << header;
        write_rows(file, head);
        file.seekp(128 + (count - ends) * features * 8);
        write_rows(file, tail);
    }
    const Matrix<double> found = result(large);
    ASSERT_EQ(found.rows(), expected.rows());
    double scale = 0;
    for (Index i = 0; i < expected.rows(); ++i)
        scale = std::max(scale, expected(i, i));
    // the sums run over other blocks: rounding of a sum of 1200 terms
    for (Index k = 0; k < expected.size(); ++k)
        EXPECT_NEAR(found.data()[k], expected.data()[k], 1200 * 2.3e-16 * scale) << k;
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    EXPECT_LT(usage.ru_maxrss, 1 << 19);  // KiB

    // what is wrong at the end is found at the end
    {
        std::fstream file(large, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(128 + (count * features - 1) * 8).write(to_bytes(std::nan(""), std::endian::little).data(), 8);
    }
    std::filesystem::remove(out);
    expect_refusal(gram(large, out), "large.npy: row 189999, column 511 (from 0): expected a finite number");
    EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace descrambler

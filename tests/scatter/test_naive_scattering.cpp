// The banks against kymatio's stored coefficients, through the transform as it is defined.
#include <gtest/gtest.h>

#include "data.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/random.hpp"
#include "descrambler/tensor.hpp"
#include "scatter/naive_scattering.hpp"

namespace descrambler {
namespace {

using namespace test;

// |a - b| / |b|
double distance(std::span<const double> a, std::span<const double> b) {
    double above = 0, below = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        above += (a[i] - b[i]) * (a[i] - b[i]);
        below += b[i] * b[i];
    }
    return std::sqrt(above / below);
}

struct Golden {
    std::vector<double> ours, theirs;
    std::vector<Index> order;  // of each number
    [[nodiscard]] double error(Index of = -1) const {
        std::vector<double> a, b;
        for (std::size_t i = 0; i < ours.size(); ++i)
            if (of < 0 || order[i] == of) {
                a.push_back(ours[i]);
                b.push_back(theirs[i]);
            }
        return distance(a, b);
    }
};

// signals: how many of the stored ones.
Golden compare(const FilterBank& bank, const Grid& inner, const std::string& which, std::size_t signals) {
    const Tensor x = read_npy_tensor(data("kymatio/kymatio_" + which + "_x.npy"));
    const Tensor S = read_npy_tensor(data("kymatio/kymatio_" + which + "_Sx.npy"));
    const std::vector<double> all = x.as<double>();
    const auto size = static_cast<std::size_t>(inner.size());
    Golden golden;
    const NaiveScattering scattering(bank, inner, {});
    for (std::size_t i = 0; i < signals; ++i)
        for (const ScatteringPath& path : scattering(std::span(all).subspan(i * size, size)).paths)
            for (const double value : path.values) {
                golden.ours.push_back(value);
                golden.order.push_back(std::ssize(path.wavelets));
            }
    golden.theirs = S.as<double>();
    EXPECT_EQ(golden.theirs.size() * signals * size, golden.ours.size() * all.size());
    golden.theirs.resize(golden.ours.size());
    return golden;
}

TEST(Kymatio, OneDimension) {  // 4 signals of 512, J = 6, Q = 16
    if (!has_data("kymatio/kymatio_1d_x.npy"))
        GTEST_SKIP() << no_data("kymatio/kymatio_1d_x.npy");
    const Grid inner{1, 512}, grid = padded_grid(inner, 6, Padding::reflect);
    EXPECT_EQ(grid.n2, 1024);
    FilterBank bank = morlet_bank_1d(grid.n2, {.scales = 6, .per_octave = {16}, .convention = Convention::kymatio});
    const Golden golden = compare(bank, inner, "1d", 4);
    EXPECT_LE(golden.error(), 1e-7);
    RecordProperty("l2", digits(golden.error()));
    for (FilterLayer& layer : bank.layers)  // a planted fault: filters 1e-6 too large
        for (SpectralFilter& psi : layer.spectra.bands)
            for (double& number : psi.re)
                number *= 1 + 1e-6;
    EXPECT_GT(compare(bank, inner, "1d", 1).error(), 1e-7);
}

// The same coefficients with pi written out, and with the aliases summed at every level, are other ones by what the notes say:
// the comparison sees it. The stored coefficients are single precision.
TEST(Kymatio, TwoDimensions) {  // 2 x 3 images of 32^2, J = 4, L = 8
    if (!has_data("kymatio/kymatio_2d_x.npy"))
        GTEST_SKIP() << no_data("kymatio/kymatio_2d_x.npy");
    const Grid inner{32, 32}, grid = padded_grid(inner, 4, Padding::reflect);
    EXPECT_EQ(grid, (Grid{64, 64}));
    FilterBank bank = morlet_bank_2d(grid, {.scales = 4, .angles = {8}, .convention = Convention::kymatio});
    const Golden golden = compare(bank, inner, "2d", 6);
    EXPECT_LE(golden.error(), 3e-7);
    RecordProperty("l2", digits(golden.error()));
    bank.convention = Convention::exact;  // levels of the other convention
    const Golden aliased = compare(bank, inner, "2d", 1);
    for (Index order = 1; order <= 2; ++order) {
        EXPECT_GE(aliased.error(order), 3e-4) << order;
        EXPECT_LE(aliased.error(order), 5e-3) << order;
    }
    bank.convention = Convention::kymatio;
    FilterLayer& layer = bank.layers[0];
    layer.spectra.bands.push_back(layer.spectra.low_pass);
    for (SpectralFilter& filter : layer.spectra.bands)
        for (double& number : filter.re)
            number *= 3.1415 / std::numbers::pi;
    layer.spectra.low_pass = layer.spectra.bands.back();
    layer.spectra.bands.pop_back();
    const Golden exact = compare(bank, inner, "2d", 1);
    const double off = 1 - 3.1415 / std::numbers::pi;  // 2.95e-5 a filter
    for (Index order = 0; order <= 2; ++order)
        EXPECT_NEAR(exact.error(order), static_cast<double>(order + 1) * off, 3e-7) << order;
}

// A convolution by spectra is the sum in space.
TEST(NaiveScattering, ConvolvesAsTheSumDoes) {
    const Grid grid{6, 10};
    const FilterBank bank = morlet_bank_2d(grid, {.scales = 1, .angles = {3}});
    Field x;
    for (int k = 0; k < grid.size(); ++k)
        x.push_back(std::sin(.7 * k) + .1 * k);
    const SpectralFilter& psi = bank.layers[0].spectra.bands[1];
    Field spectrum;
    for (Index k = 0; k < grid.size(); ++k)
        spectrum.push_back(psi[k]);
    const Field in_space = dft(spectrum, grid, 1), fast = filtered(dft(x, grid, -1), psi, grid);
    for (Index i = 0; i < grid.n1; ++i)
        for (Index j = 0; j < grid.n2; ++j) {
            Complex sum = 0;
            for (Index a = 0; a < grid.n1; ++a)
                for (Index b = 0; b < grid.n2; ++b)
                    sum += x[a * grid.n2 + b] *
                           in_space[(i - a + grid.n1) % grid.n1 * grid.n2 + (j - b + grid.n2) % grid.n2];
            EXPECT_NEAR(std::abs(sum - fast[i * grid.n2 + j]), 0, 1e-13);
        }
}

TEST(NaiveScattering, CountsOfPaths) {  // 1 + J L + L^2 J (J - 1) / 2
    for (const Index J : {3, 4}) {
        const Grid inner{16, 20};
        const Scattering how{.padding = Padding::zero};
        const FilterBank bank = morlet_bank_2d(padded_grid(inner, J, how.padding), {.scales = J});
        const ScatteringResult S = NaiveScattering(bank, inner, how)(std::vector<double>(320, 1.));
        EXPECT_EQ(S.paths.size(), J == 3 ? 217U : 417U);
    }
}

TEST(NaiveScattering, OrdersPathsAndPaddings) {
    const Grid inner{1, 64};
    std::vector<double> x;
    for (int k = 0; k < 64; ++k)
        x.push_back(std::cos(.3 * k * (1 + .01 * k)));
    for (const Padding padding : {Padding::periodic, Padding::reflect, Padding::zero}) {
        const FilterBank bank = lattice_bank(padded_grid(inner, 3, padding), {.scales = 3}, std::vector{.4});
        const ScatteringResult chosen = NaiveScattering(bank, inner, {.orders = 3, .padding = padding})(x);
        EXPECT_EQ(chosen.paths.size(), 1U + 3 + 3 + 1);
        EXPECT_EQ(chosen.output.n2, 8);
        EXPECT_EQ(chosen.paths.back().wavelets, (std::vector<Index>{0, 1, 2}));
        const Scattering all{3, true, padding, Moduli::full};
        EXPECT_EQ(NaiveScattering(bank, inner, all)(x).paths.size(), 1U + 3 + 9 + 27);
    }
    EXPECT_EQ(source(-2, 4, Padding::reflect), 2);
    EXPECT_EQ(source(7, 4, Padding::reflect), 1);
    EXPECT_EQ(source(-1, 4, Padding::zero), -1);
    EXPECT_EQ(source(-1, 4, Padding::periodic), 3);
}

}  // namespace
}  // namespace descrambler

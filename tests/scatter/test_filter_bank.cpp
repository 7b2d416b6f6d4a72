#include "descrambler/filter_bank.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <numbers>
#include <random>

#include "descrambler/atrous.hpp"
#include "descrambler/lattice.hpp"
#include "descrambler/parameter_map.hpp"
#include "scatter/differences.hpp"

namespace descrambler {
namespace {

using namespace test;

const std::vector<double> db2{std::numbers::pi / 3};

std::vector<FilterBank> small_banks(Normalisation how) {
    const Grid plane{12, 16}, line{1, 40};
    const BankOptions options{.scales = 2, .angles = {3, 2}, .per_octave = {2, 1}, .normalisation = how};
    BankOptions kymatio = options;
    kymatio.convention = Convention::kymatio;
    std::vector<FilterBank> banks;
    banks.push_back(morlet_bank_2d(plane, options));
    banks.push_back(morlet_bank_2d(plane, kymatio));
    banks.push_back(morlet_bank_1d(48, options));
    for (const Grid& grid : {line, plane}) {
        banks.push_back(lattice_bank(grid, options, std::vector{.5, -.9}));
        banks.push_back(daubechies_bank(grid, options, {1, {.1}, {{-.1, .5}}}));
        banks.push_back(coiflet_bank(grid, options, 2.2));
    }
    return banks;
}

std::string words(const FilterBank& bank) {
    return name(bank.family) + " " + std::to_string(bank.grid.n1) + "x" + std::to_string(bank.grid.n2) + " " +
           std::to_string(static_cast<int>(bank.normalisation));
}

// The real families are tight as they are: A = 1 to the rounding of J products of sums of 2 K terms.
TEST(Atrous, IsTight) {
    std::mt19937 draw(3);
    std::uniform_real_distribution<double> uniform(-3, 3);
    for (const Grid& grid : {Grid{1, 64}, Grid{1, 45}, Grid{32, 32}, Grid{20, 27}})
        for (Index K = 1; K <= 4; ++K) {
            std::vector<double> angles(static_cast<std::size_t>(K - 1));
            for (double& angle : angles)
                angle = uniform(draw);
            const FilterBank bank = lattice_bank(grid, {.scales = 3}, angles);
            EXPECT_NEAR(bounds(bank.layers[0].paley).least, 1, 1e-14) << K;
            EXPECT_NEAR(bounds(bank.layers[0].paley).most, 1, 1e-14) << K;
            EXPECT_EQ(bank.layers[0].wavelets.size(), grid.one_dimensional() ? 3U : 12U);
        }
    for (const FilterBank& bank : small_banks(Normalisation::none))
        if (bank.family != Family::morlet) {
            EXPECT_NEAR(bounds(bank.layers[0].paley).least, 1, 1e-13) << words(bank);
            EXPECT_NEAR(bounds(bank.layers[0].paley).most, 1, 1e-13) << words(bank);
        }
}

// By hand: Haar, one scale, four frequencies. |phi|^2 = cos^2(w / 2).
TEST(Atrous, HaarByHand) {
    const Bands haar = atrous_bands({1, 4}, {{std::sqrt(.5), std::sqrt(.5)}});
    EXPECT_NEAR(std::norm(haar.low_pass[0]), 1, 1e-15);
    EXPECT_NEAR(std::norm(haar.low_pass[1]), .5, 1e-15);
    EXPECT_NEAR(std::norm(haar.low_pass[2]), 0, 1e-15);
    EXPECT_NEAR(std::norm(haar.bands[0][0]), 0, 1e-15);
    EXPECT_NEAR(std::norm(haar.bands[0][1]), 1, 1e-15);  // 2 sin^2(pi / 4)
    EXPECT_NEAR(std::norm(haar.bands[0][2]), 1, 1e-15);
    EXPECT_EQ(std::norm(haar.bands[0][3]), 0);
    EXPECT_EQ(alternating_flip(std::vector<double>{1, 2, 3, 4}), (std::vector<double>{4, -3, 2, -1}));
}

// Orientation of the four bands: where each of them has its energy.
TEST(Atrous, BandsLookWhereTheySay) {
    const Grid grid{16, 16};
    const FilterBank bank = lattice_bank(grid, {.scales = 1}, db2);
    const std::vector<Wavelet>& wavelets = bank.layers[0].wavelets;
    for (std::size_t i = 0; i < 4; ++i) {
        double along = 0, across = 0;
        for (Index k = 0; k < grid.size(); ++k) {
            const double w1 = angular_frequency(k / 16, 16), w2 = angular_frequency(k % 16, 16);
            const double energy =
                2 * (k / 16) == 16 || 2 * (k % 16) == 16 ? 0 : std::norm(bank.layers[0].spectra.bands[i][k]);
            along += energy * (w1 * std::cos(wavelets[i].theta) + w2 * std::sin(wavelets[i].theta));
            across += energy * (w2 * std::cos(wavelets[i].theta) - w1 * std::sin(wavelets[i].theta));
        }
        EXPECT_GT(along, 1) << i;
        EXPECT_NEAR(across / along, 0, 1e-12) << i;
    }
}

TEST(Normalisation, TightIsOne) {
    for (const FilterBank& bank : small_banks(Normalisation::tight))
        for (const FilterLayer& layer : bank.layers) {
            const PaleyBounds after = bounds(littlewood_paley(bank.grid, layer.spectra));
            EXPECT_NEAR(after.least, 1, 1e-14) << words(bank);
            EXPECT_NEAR(after.most, 1, 1e-14) << words(bank);
        }
    const FilterBank usual =
        morlet_bank_2d({32, 32}, {.scales = 2, .angles = {4}, .normalisation = Normalisation::tight});
    const PaleyBounds after = bounds(littlewood_paley(usual.grid, usual.layers[0].spectra));
    EXPECT_NEAR(after.least, 1, 1e-14);
    EXPECT_NEAR(after.most, 1, 1e-14);
}

TEST(Normalisation, BoundedIsAtMostOne) {
    for (const Index J : {3, 4}) {
        const FilterBank raw = morlet_bank_2d({64, 64}, {.scales = J});
        const FilterBank bank = morlet_bank_2d({64, 64}, {.scales = J, .normalisation = Normalisation::bounded});
        const PaleyBounds before = bounds(raw.layers[0].paley),
                          after = bounds(littlewood_paley(bank.grid, bank.layers[0].spectra));
        EXPECT_GT(before.most, 1.01);
        EXPECT_LE(after.most, 1 + 1e-12);
        EXPECT_NEAR(after.least, before.least / before.most, 1e-14);
    }
    const FilterBank raw = morlet_bank_2d({32, 32}, {.scales = 2, .angles = {4}});  // below one already: as it is
    const FilterBank bank =
        morlet_bank_2d({32, 32}, {.scales = 2, .angles = {4}, .normalisation = Normalisation::bounded});
    ASSERT_LE(bounds(raw.layers[0].paley).most, 1);
    EXPECT_EQ(raw.layers[0].spectra.bands[3].re, bank.layers[0].spectra.bands[3].re);
}

// Loss: Re sum conj(weights) spectra with fixed weights.
std::vector<Bands> weights(const FilterBank& bank) {
    std::mt19937 draw(7);
    std::normal_distribution<double> normal;
    std::vector<Bands> result;
    const auto fill = [&](const SpectralFilter& like) {
        SpectralFilter filter{std::vector<double>(like.re.size()), std::vector<double>(like.re.size())};
        for (std::size_t k = 0; k < like.re.size(); ++k) {
            filter.re[k] = normal(draw);
            filter.im[k] = normal(draw);
        }
        return filter;
    };
    for (const FilterLayer& layer : bank.layers) {
        result.emplace_back();
        for (const SpectralFilter& psi : layer.spectra.bands)
            result.back().bands.push_back(fill(psi));
        result.back().low_pass = fill(layer.spectra.low_pass);
    }
    return result;
}

double loss(const FilterBank& bank, const std::vector<Bands>& by) {
    double sum = 0;
    const auto add = [&](const SpectralFilter& g, const SpectralFilter& f) {
        for (Index k = 0; k < bank.grid.size(); ++k)
            sum += std::real(std::conj(g[k]) * f[k]);
    };
    for (std::size_t l = 0; l < by.size(); ++l) {
        for (std::size_t i = 0; i < by[l].bands.size(); ++i)
            add(by[l].bands[i], bank.layers[l].spectra.bands[i]);
        add(by[l].low_pass, bank.layers[l].spectra.low_pass);
    }
    return sum;
}

// All families, conventions, normalisations; complex spectra too.
TEST(FilterBank, GradientMatchesDifferences) {
    for (const Normalisation how : {Normalisation::none, Normalisation::bounded, Normalisation::tight})
        for (const FilterBank& bank : small_banks(how)) {
            const std::vector<Bands> by = weights(bank);
            const std::vector<double> at = parameters(bank), gradient = parameter_gradient(bank, by);
            const Function f = [&](const std::vector<double>& p) {
                return std::vector{loss(with_parameters(bank, p), by)};
            };
            std::vector<double> slopes;
            for (std::size_t p = 0; p < at.size(); ++p)
                slopes.push_back(difference(f, at, p)[0]);
            // sums of some hundred terms: a few times what one difference has; the real families are tight, their largest A is
            // rounding of 1 and `bounded` follows none of it
            EXPECT_LE(off(gradient, slopes), 5e-9) << words(bank);
        }
}

// `bounded` where it acts: the largest A is above 1.
TEST(FilterBank, GradientThroughTheBound) {
    const FilterBank bank = morlet_bank_2d({32, 32}, {.scales = 3, .normalisation = Normalisation::bounded});
    ASSERT_GT(bounds(bank.layers[0].paley).most, 1.01);
    FilterBank moved = bank;
    std::vector<double> at = parameters(bank);
    std::mt19937 draw(1);
    std::uniform_real_distribution<double> uniform(-.02, .02);
    for (double& value : at)  // off the symmetric bank, whose largest A several frequencies have
        value += uniform(draw);
    moved = with_parameters(bank, at);
    ASSERT_GT(bounds(moved.layers[0].paley).most, 1.01);
    const std::vector<Bands> by = weights(moved);
    const std::vector<double> gradient = parameter_gradient(moved, by);
    const Function f = [&](const std::vector<double>& p) { return std::vector{loss(with_parameters(bank, p), by)}; };
    std::vector<double> some, slopes;
    for (std::size_t p = 0; p < at.size(); p += 5) {
        some.push_back(gradient[p]);
        slopes.push_back(difference(f, at, p)[0]);
    }
    EXPECT_LE(off(some, slopes), 5e-9);
}

TEST(FilterBank, ParametersComeBack) {
    for (const FilterBank& bank : small_banks(Normalisation::tight)) {
        const FilterBank again = with_parameters(bank, parameters(bank));
        for (std::size_t l = 0; l < bank.layers.size(); ++l)
            for (std::size_t i = 0; i < bank.layers[l].spectra.bands.size(); ++i) {
                EXPECT_EQ(bank.layers[l].spectra.bands[i].re, again.layers[l].spectra.bands[i].re);
                EXPECT_EQ(bank.layers[l].spectra.bands[i].im, again.layers[l].spectra.bands[i].im);
            }
    }
}

TEST(FilterBank, LayersByOrder) {
    const FilterBank line = morlet_bank_1d(256, {.scales = 4, .per_octave = {8}});
    ASSERT_EQ(line.layers.size(), 2U);
    EXPECT_EQ(&line.layer_of_order(1), &line.layers[0]);
    EXPECT_EQ(&line.layer_of_order(3), &line.layers[1]);
    EXPECT_EQ(&line.low_pass_of_order(0), &line.layers[0].spectra.low_pass);
    EXPECT_EQ(&line.low_pass_of_order(1), &line.layers[1].spectra.low_pass);
    const FilterBank plane = morlet_bank_2d({16, 16}, {.scales = 2, .angles = {4}});
    EXPECT_EQ(&plane.layer_of_order(2), &plane.layers[0]);
}

TEST(FilterBank, SameBitsForAnyThreads) {
    const int before = omp_get_max_threads();
    std::vector<std::vector<FilterBank>> runs;
    std::vector<std::vector<double>> gradients;
    for (const int threads : {1, 3}) {
        omp_set_num_threads(threads);
        runs.push_back(small_banks(Normalisation::tight));
        gradients.push_back(parameter_gradient(runs.back()[0], weights(runs.back()[0])));
    }
    omp_set_num_threads(before);
    for (std::size_t b = 0; b < runs[0].size(); ++b)
        for (std::size_t i = 0; i < runs[0][b].layers[0].spectra.bands.size(); ++i)
            EXPECT_EQ(runs[0][b].layers[0].spectra.bands[i].re, runs[1][b].layers[0].spectra.bands[i].re);
    EXPECT_EQ(gradients[0], gradients[1]);
}

TEST(ParameterMap, TiesAndFreezes) {
    const FilterBank bank = morlet_bank_2d({16, 16}, {.scales = 2, .angles = {3}});
    const ParameterMap map = tie(bank, {Sharing::shared, Sharing::by_scale, Sharing::free, Sharing::frozen});
    ASSERT_EQ(map.start.size(), 1U + 2 + 6);
    const std::vector<double> at = parameters(bank), same = expand(map, map.start);
    for (std::size_t i = 0; i < at.size(); ++i)
        EXPECT_NEAR(same[i], at[i], 1e-15);
    std::vector<double> moved = map.start;
    for (double& value : moved)
        value += .1;
    const std::vector<double> there = expand(map, moved);
    for (std::size_t i = 0; i < at.size(); ++i)
        EXPECT_NEAR(there[i] - at[i], bank.parameters[i].kind == ParameterKind::log_slant ? 0 : .1, 1e-15);
    // the gradient is the transpose
    std::vector<double> g;
    for (std::size_t i = 0; i < at.size(); ++i)
        g.push_back(std::sin(static_cast<double>(i)));
    const std::vector<double> collected = collect(map, g);
    double left = 0, right = 0;
    for (std::size_t v = 0; v < moved.size(); ++v)
        left += collected[v] * .1;
    for (std::size_t i = 0; i < at.size(); ++i)
        right += g[i] * (there[i] - at[i]);
    EXPECT_NEAR(left, right, 1e-15);
    const FilterBank real = lattice_bank({1, 32}, {.scales = 3}, std::vector{.1, .2});
    const std::vector<double> one = tie(real, {}).start;  // one lattice for all scales
    ASSERT_EQ(one.size(), 2U);
    EXPECT_NEAR(one[0], .1, 1e-16);
    EXPECT_NEAR(one[1], .2, 1e-16);
    EXPECT_EQ(tie(real, {.real_family = Sharing::by_scale}).start.size(), 6U);
    EXPECT_TRUE(tie(real, {.real_family = Sharing::frozen}).start.empty());
}

std::string refusal(const std::function<void()>& make) {
    try {
        make();
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

TEST(FilterBank, Refuses) {
    const auto plane = [](Index n, Index J, std::vector<Index> angles) {
        return refusal([&] { (void)morlet_bank_2d({n, n}, {.scales = J, .angles = angles}); });
    };
    const auto line = [](Index n, Index J, std::vector<Index> Q) {
        return refusal([&] { (void)morlet_bank_1d(n, {.scales = J, .per_octave = Q}); });
    };
    EXPECT_EQ(plane(16, 5, {8}), "--scales: expected 1 .. J with 2^J at most the size 16, found 5");
    EXPECT_EQ(plane(16, 4, {8}), "");  // 2^J = N
    EXPECT_EQ(plane(16, 0, {8}), "--scales: expected 1 .. J with 2^J at most the size 16, found 0");
    EXPECT_EQ(plane(16, 2, {0}), "--angles: expected within 1 .. 256, found 0");
    EXPECT_EQ(plane(16, 2, {4, 4, 4}),
              "--angles: expected one number, or one for each of the 2 scales, found 3 numbers");
    EXPECT_EQ(line(64, 3, {0}), "--per-octave: expected within 1 .. 256, found 0");
    EXPECT_EQ(line(64, 3, {17}), "--per-octave: expected at most a quarter of the 64 frequencies, found 17");
    EXPECT_EQ(line(64, 7, {1}), "--scales: expected 1 .. J with 2^J at most the size 64, found 7");
    EXPECT_EQ(line(64, 3, {}), "--per-octave: expected one number an order, found none");
    EXPECT_NE(refusal([] { (void)daubechies_bank({1, 64}, {}, {0, {}, {{0, .3}}}); }), "");
    EXPECT_NE(refusal([] { (void)coiflet_bank({1, 64}, {}, 5); }), "");
    EXPECT_NE(refusal([] { (void)lattice_bank({1, 64}, {.convention = Convention::kymatio}, db2); }), "");
    const FilterBank bank = morlet_bank_2d({16, 16}, {.scales = 2, .angles = {4}});
    std::vector<double> far = parameters(bank);
    far[2] = 3;  // log xi beyond the corner of the band
    EXPECT_NE(refusal([&] { (void)with_parameters(bank, far); }), "");
}

}  // namespace
}  // namespace descrambler

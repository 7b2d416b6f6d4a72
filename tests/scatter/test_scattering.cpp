// The fast transform against its definition, kymatio's stored coefficients and finite differences; what theory says of it.
#include "descrambler/scattering_transform.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "data.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/random.hpp"
#include "descrambler/tensor.hpp"
#include "scatter/naive_scattering.hpp"

namespace descrambler {
namespace {

Matrix<double> noise(Index rows, Index cols, std::uint64_t seed) {
    Matrix<double> x(rows, cols);
    const auto on = make_cpu_backend<double>(1);
    on->random_normal(seed, 0, 0, {x.data(), rows, cols});
    return x;
}
double norm(std::span<const double> x) {
    return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
}
double distance(std::span<const double> a, std::span<const double> b) {  // |a - b| / |b|
    std::vector<double> difference;
    for (std::size_t i = 0; i < b.size(); ++i)
        difference.push_back(a[i] - b[i]);
    return norm(difference) / norm(b);
}
template <class T>
Matrix<double> in_double(const Matrix<T>& x) {
    Matrix<double> result(x.rows(), x.cols());
    std::ranges::copy(x.values(), result.data());
    return result;
}
Matrix<float> in_single(const Matrix<double>& x) {
    Matrix<float> result(x.rows(), x.cols());
    for (Index i = 0; i < x.size(); ++i)
        result.data()[i] = static_cast<float>(x.data()[i]);
    return result;
}

struct Case {
    Grid signal;
    Index scales;
    ScatteringOptions options;
    Family family = Family::morlet;
    std::vector<Index> angles{4}, per_octave{4, 1};
};
FilterBank bank_of(const Case& c) {
    const Grid grid = padded_grid(c.signal, c.scales, c.options.padding);
    const BankOptions options{.scales = c.scales, .angles = c.angles, .per_octave = c.per_octave};
    if (c.family == Family::lattice)
        return lattice_bank(grid, options, std::vector<double>{.3, -.2});
    return grid.one_dimensional() ? morlet_bank_1d(grid.n2, options) : morlet_bank_2d(grid, options);
}
std::vector<double> by_definition(const Case& c, const FilterBank& bank, std::span<const double> x) {
    const test::Scattering how{c.options.orders, c.options.all_paths, static_cast<test::Padding>(c.options.padding),
                               c.options.all_paths ? test::Moduli::full : test::Moduli::subsampled};
    return test::NaiveScattering(bank, c.signal, how)(x).all();
}
const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {{16, 16}, 1, {.padding = Padding::periodic}},
        {{16, 16}, 2, {.padding = Padding::periodic}},
        {{16, 16}, 3, {.padding = Padding::periodic}},
        {{16, 16}, 4, {.padding = Padding::periodic}},  // 2^J = N
        {{12, 20}, 2, {.padding = Padding::periodic}},
        {{17, 23}, 2, {.padding = Padding::reflect}},
        {{23, 17}, 2, {.padding = Padding::zero}},
        {{60, 8}, 2, {.padding = Padding::reflect}},  // padded to 68 = 4 17
        {{16, 16}, 3, {.orders = 3, .padding = Padding::periodic}, Family::morlet, {2, 3, 1}},
        {{16, 16}, 2, {.orders = 1, .padding = Padding::periodic}},
        {{16, 16}, 2, {.orders = 0, .padding = Padding::reflect}},
        {{16, 16}, 3, {.padding = Padding::periodic}, Family::lattice},
        {{1, 64}, 4, {.padding = Padding::periodic}},
        {{1, 57}, 3, {.padding = Padding::reflect}},
        {{1, 100}, 4, {.orders = 3, .padding = Padding::zero}, Family::morlet, {1}, {3, 2, 1}},
        {{1, 48}, 4, {.padding = Padding::periodic}, Family::lattice},
    };
    return all;
}

TEST(Scattering, AgreesWithItsDefinition) {
    const auto on = make_cpu_backend<double>(2);
    for (const Case& c : cases()) {
        const FilterBank bank = bank_of(c);
        const Matrix<double> x = noise(c.signal.size(), 3, 5);
        const ScatteringTransform<double> transform(*on, c.signal, bank, c.options);
        const Matrix<double> S = transform(x);
        ASSERT_EQ(S.rows(), transform.features());
        for (Index k = 0; k < x.cols(); ++k) {
            const std::vector<double> expected = by_definition(c, bank, x.column(k));
            ASSERT_EQ(std::ssize(expected), S.rows()) << c.signal.n1 << " x " << c.signal.n2 << ", J " << c.scales;
            EXPECT_LE(distance(S.column(k), expected), 1e-12)
                << c.signal.n1 << " x " << c.signal.n2 << ", J " << c.scales;
        }
    }
}

// At full resolution: what the definition says without sampling; and every 2^J-th of these is near the windowed output.
TEST(Scattering, FullResolutionAndAllPaths) {
    const auto on = make_cpu_backend<double>(2);
    const Case c{{12, 8}, 2, {.all_paths = true, .padding = Padding::periodic, .output = ScatteringOutput::full}};
    const FilterBank bank = bank_of(c);
    const Matrix<double> x = noise(96, 1, 6);
    const ScatteringTransform<double> transform(*on, c.signal, bank, c.options);
    EXPECT_EQ(transform.paths().size(), 1u + 8 + 64);
    const Matrix<double> S = transform(x);
    const std::vector<double> expected = by_definition(c, bank, x.column(0));  // at steps of 4
    std::vector<double> sampled;
    for (Index p = 0; p < std::ssize(transform.paths()); ++p)
        for (Index i = 0; i < 12; i += 4)
            for (Index j = 0; j < 8; j += 4)
                sampled.push_back(S((p * 12 + i) * 8 + j, 0));
    EXPECT_LE(distance(sampled, expected), 1e-12);
}

TEST(Scattering, ThePathsOfABank) {
    const auto on = make_cpu_backend<double>(1);
    for (const auto& [J, paths] : {std::pair<Index, std::size_t>{3, 217}, {4, 417}}) {
        const Case c{{32, 32}, J, {.padding = Padding::periodic}, Family::morlet, {8}};
        const ScatteringTransform<double> transform(*on, c.signal, bank_of(c), c.options);
        EXPECT_EQ(transform.paths().size(), paths);
        EXPECT_EQ(transform.paths()[0].order(), 0);
        EXPECT_EQ(transform.paths()[9].wavelets, std::vector<Index>{8});
        EXPECT_EQ(transform.paths().back().order(), 2);
    }
}

template <class T>
double golden_error(const char* which, const Grid& signal, const BankOptions& options) {
    const Tensor x = read_npy_tensor(test::data(std::string("kymatio/kymatio_") + which + "_x.npy"));
    const Tensor S = read_npy_tensor(test::data(std::string("kymatio/kymatio_") + which + "_Sx.npy"));
    const std::vector<double> numbers = x.as<double>(), expected = S.as<double>();
    const Grid grid = padded_grid(signal, options.scales, Padding::reflect);
    const FilterBank bank = signal.one_dimensional() ? morlet_bank_1d(grid.n2, options) : morlet_bank_2d(grid, options);
    const auto on = make_cpu_backend<T>(2);
    const ScatteringTransform<T> transform(*on, signal, bank, {});
    Matrix<T> signals(signal.size(), std::ssize(numbers) / signal.size());
    std::ranges::transform(numbers, signals.data(), [](double number) { return static_cast<T>(number); });
    const Matrix<T> found = transform(signals);
    EXPECT_EQ(found.size(), std::ssize(expected));
    const Matrix<double> ours = in_double(found);
    return distance(ours.values(), expected);
}

TEST(Scattering, TheCoefficientsOfKymatio) {
    if (!test::has_data("kymatio/kymatio_2d_x.npy"))
        GTEST_SKIP() << test::no_data("kymatio/kymatio_2d_x.npy");
    const BankOptions images{.scales = 4, .angles = {8}, .convention = Convention::kymatio},
        signals{.scales = 6, .per_octave = {16}, .convention = Convention::kymatio};
    EXPECT_LE(golden_error<double>("2d", {32, 32}, images), 3e-7);
    EXPECT_LE(golden_error<float>("2d", {32, 32}, images), 6e-7);  // stored and computed in single precision
    EXPECT_LE(golden_error<double>("1d", {1, 512}, signals), 1e-7);
    EXPECT_LE(golden_error<float>("1d", {1, 512}, signals), 4e-7);
    BankOptions exact = images;
    exact.convention = Convention::exact;  // is another bank by 3e-4 to 3e-3
    EXPECT_GT(golden_error<double>("2d", {32, 32}, exact), 1e-4);
}

TEST(Scattering, TheSameBitsForAnyThreadsAndBatch) {
    for (const Case& c : {cases()[5], cases()[14], cases()[11]}) {
        const FilterBank bank = bank_of(c);
        const Matrix<double> x = noise(c.signal.size(), 7, 8);
        const auto one = make_cpu_backend<double>(1);
        const Matrix<double> S = ScatteringTransform<double>(*one, c.signal, bank, c.options)(x);
        const ScatteringGradient<double> gradient =
            ScatteringTransform<double>(*one, c.signal, bank, c.options).gradient(x, S);
        for (const int threads : {2, 3}) {
            const auto on = make_cpu_backend<double>(threads);
            const ScatteringTransform<double> transform(*on, c.signal, bank, c.options);
            EXPECT_TRUE(std::ranges::equal(transform(x).values(), S.values()));
            for (const Index k : {0, 4}) {
                Matrix<double> alone(x.rows(), 1);
                std::ranges::copy(x.column(k), alone.data());
                EXPECT_TRUE(std::ranges::equal(transform(alone).values(), S.column(k)));
            }
            const ScatteringGradient<double> other = transform.gradient(x, S);
            EXPECT_TRUE(std::ranges::equal(other.x.values(), gradient.x.values()));
            EXPECT_EQ(other.filters[0].bands[0].re, gradient.filters[0].bands[0].re);
        }
    }
}

// Central differences of sum w S(x) with step h have the errors h^2 f''' / 6 and eps f / h: 1e-6 asked for, h = 1e-5.
TEST(Scattering, GradientsAreThoseOfDifferences) {
    const auto on = make_cpu_backend<double>(2);
    std::vector<Case> all{{{8, 12}, 2, {.padding = Padding::periodic}, Family::morlet, {3}},
                          {{9, 7}, 2, {.padding = Padding::reflect}, Family::morlet, {2}},
                          {{8, 8}, 2, {.padding = Padding::periodic, .output = ScatteringOutput::global}},
                          {{8, 8}, 2, {.padding = Padding::periodic}, Family::lattice},
                          {{1, 32}, 3, {.padding = Padding::reflect}},
                          {{1, 32}, 3, {.padding = Padding::periodic}, Family::lattice}};
    for (const Case& c : all) {
        const FilterBank bank = bank_of(c);
        const Matrix<double> x = noise(c.signal.size(), 2, 9);
        const ScatteringTransform<double> transform(*on, c.signal, bank, c.options);
        const Matrix<double> w = noise(transform.features(), 2, 10);
        const auto loss = [&](const ScatteringTransform<double>& of, const Matrix<double>& at) {
            const Matrix<double> S = of(at);
            return std::inner_product(S.values().begin(), S.values().end(), w.values().begin(), 0.0);
        };
        const ScatteringGradient<double> gradient = transform.gradient(x, w);
        const double h = 1e-5;
        double largest = 0;
        for (const double number : gradient.x.values())
            largest = std::max(largest, std::abs(number));
        for (Index i = 0; i < x.size(); i += 5) {
            Matrix<double> more = x, less = x;
            more.data()[i] += h;
            less.data()[i] -= h;
            EXPECT_NEAR((loss(transform, more) - loss(transform, less)) / (2 * h), gradient.x.data()[i],
                        1e-6 * largest);
        }
        const std::vector<double> values = parameters(bank), slopes = parameter_gradient(bank, gradient.filters);
        const double scale = std::abs(*std::ranges::max_element(slopes, {}, [](double v) { return std::abs(v); }));
        for (std::size_t p = 0; p < values.size(); ++p) {
            const auto moved = [&](double by) {
                std::vector<double> there = values;
                there[p] += by;
                return loss({*on, c.signal, with_parameters(bank, there), c.options}, x);
            };
            EXPECT_NEAR((moved(h) - moved(-h)) / (2 * h), slopes[p], 1e-6 * scale)
                << "parameter " << p << " of " << values.size() << ", " << name(c.family) << ", " << c.signal.n1;
        }
    }
}

// Where a modulus is zero everywhere the gradient is zero and a number.
TEST(Scattering, AModulusOfZeroHasNoGradient) {
    const auto on = make_cpu_backend<double>(1);
    const Case c{{8, 8}, 2, {.padding = Padding::periodic}};
    const ScatteringTransform<double> transform(*on, c.signal, bank_of(c), c.options);
    const Matrix<double> zeros(64, 1), w = noise(transform.features(), 1, 3);
    const Matrix<double> S = transform(zeros);
    for (const double number : S.values())
        EXPECT_EQ(number, 0);
    const ScatteringGradient<double> gradient = transform.gradient(zeros, w);
    for (const double number : gradient.x.values())
        EXPECT_TRUE(std::isfinite(number));
}

// ---- what theory says ------------------------------------------------------------------------------------------------

FilterBank tight_bank(const Grid& grid, Index scales, Index angles) {
    return morlet_bank_2d(grid, {.scales = scales, .angles = {angles}, .normalisation = Normalisation::tight});
}

// |x|^2 = sum over orders 0 .. 2 of |S|^2 + |U_3|^2 for a tight bank and all paths; |U_3|^2 is what orders 0 to 3 lack of
// that is not smoothed: here by |U_m|^2 = |S_m|^2 + |U_m+1|^2, so that sum_{m<=2} |S_m|^2 <= |x|^2 <= with U_3.
TEST(Scattering, ATightBankKeepsTheEnergy) {
    const auto on = make_cpu_backend<double>(2);
    const Grid grid{16, 16};
    const FilterBank bank = tight_bank(grid, 2, 4);
    const Matrix<double> x = noise(grid.size(), 1, 11);
    ScatteringOptions options{
        .orders = 2, .all_paths = true, .padding = Padding::periodic, .output = ScatteringOutput::full};
    const Matrix<double> S = ScatteringTransform<double>(*on, grid, bank, options)(x);
    double energy = std::pow(norm(S.values()), 2);
    // U_3 by the definition
    using namespace test;
    const std::vector<SpectralFilter>& psi = bank.layers[0].spectra.bands;
    const auto moduli = [&](const std::vector<Field>& of) {
        std::vector<Field> result;
        for (const Field& u : of)
            for (const SpectralFilter& filter : psi) {
                Field next = filtered(dft(u, grid, -1), filter, grid);
                for (Complex& number : next)
                    number = std::abs(number);
                result.push_back(std::move(next));
            }
        return result;
    };
    std::vector<Field> u{Field(x.values().begin(), x.values().end())};
    for (int order = 1; order <= 3; ++order)
        u = moduli(u);
    for (const Field& one : u)
        for (const Complex& number : one)
            energy += std::norm(number);
    EXPECT_NEAR(energy / std::pow(norm(x.values()), 2), 1, 1e-12);
}

TEST(Scattering, ATightBankDoesNotExpand) {
    const auto on = make_cpu_backend<float>(2);
    const Grid grid{16, 16};
    const ScatteringTransform<float> transform(
        *on, grid, tight_bank(grid, 2, 4),
        {.all_paths = true, .padding = Padding::periodic, .output = ScatteringOutput::full});
    constexpr Index pairs = 500;
    Matrix<double> x = noise(grid.size(), 2 * pairs, 12);
    for (Index k = 0; k < x.cols(); k += 3)  // smooth ones: running means along rows
        for (Index i = 1; i < x.rows(); ++i)
            x(i, k) = .9 * x(i - 1, k) + .1 * x(i, k);
    const Matrix<double> S = in_double(transform(in_single(x)));
    double largest = 0;
    for (Index k = 0; k < pairs; ++k) {
        std::vector<double> a, b;
        for (Index i = 0; i < S.rows(); ++i)
            a.push_back(S(i, 2 * k) - S(i, 2 * k + 1));
        for (Index i = 0; i < x.rows(); ++i)
            b.push_back(x(i, 2 * k) - x(i, 2 * k + 1));
        largest = std::max(largest, norm(a) / norm(b));
    }
    EXPECT_LE(largest, 1);
    EXPECT_GE(largest, .5);
}

TEST(Scattering, ShiftsAndMeans) {
    const auto on = make_cpu_backend<double>(2);
    const Grid grid{64, 64};
    Matrix<double> x = noise(grid.size(), 1, 13), shifted(grid.size(), 3);
    for (const Index c : {1, 2, 4})
        for (Index i = 0; i < 64; ++i)
            for (Index j = 0; j < 64; ++j)
                shifted((i + c) % 64 * 64 + j, c / 2) = x(i * 64 + j, 0);
    std::vector<double> error;
    for (const Index J : {3, 4}) {
        const FilterBank bank = morlet_bank_2d(grid, {.scales = J});
        const ScatteringTransform<double> full(*on, grid, bank,
                                               {.padding = Padding::periodic, .output = ScatteringOutput::full});
        const Matrix<double> S = full(x), T = full(shifted);
        const Index images = std::ssize(full.paths());
        Matrix<double> rolled(S.rows(), 1);
        for (Index p = 0; p < images; ++p)
            for (Index i = 0; i < 64; ++i)
                for (Index j = 0; j < 64; ++j)
                    rolled(p * 4096 + (i + 1) % 64 * 64 + j, 0) = S(p * 4096 + i * 64 + j, 0);
        EXPECT_LE(distance(T.column(0), rolled.column(0)), 1e-14);  // equivariance
        error.push_back(distance(T.column(0), S.column(0)));
        const double twice = distance(T.column(1), S.column(0));
        EXPECT_GT(twice / error.back(), 1.7);  // about linear
        EXPECT_LT(twice / error.back(), 2.1);
        const ScatteringTransform<double> mean(*on, grid, bank,
                                               {.padding = Padding::periodic, .output = ScatteringOutput::global});
        EXPECT_LE(distance(mean(shifted).column(0), mean(x).column(0)), 2e-3);  // moduli are sampled on the way
    }
    EXPECT_GE(error[0] / error[1], 2);
    EXPECT_NEAR(error[0], .045, .2 * .045);
    EXPECT_NEAR(error[1], .014, .2 * .014);
}

// T26: a Gabor signal of 4, 8, 16 cycles, deformed by tau = eps 64/(2 pi) sin(2 pi u/64): S moves by the size of the
// deformation whatever the frequency, the Fourier modulus by more the higher it is.
TEST(Scattering, DeformationsOfAnyFrequencyAreOfOneSize) {
    const auto on = make_cpu_backend<double>(2);
    const Grid grid{64, 64};
    const ScatteringTransform<double> transform(*on, grid, tight_bank(grid, 3, 8),
                                                {.padding = Padding::periodic, .output = ScatteringOutput::full});
    constexpr double pi = std::numbers::pi, eps = .02;
    std::vector<double> fourier;
    for (const double cycles : {4., 8., 16.}) {
        const auto signal = [&](double bend) {
            Matrix<double> x(grid.size(), 1);
            for (Index i = 0; i < 64; ++i)
                for (Index j = 0; j < 64; ++j) {
                    const double u =
                        static_cast<double>(i) - bend * 64 / (2 * pi) * std::sin(2 * pi * static_cast<double>(i) / 64);
                    const double v = static_cast<double>(j);
                    const double window = std::exp(-((u - 32) * (u - 32) + (v - 32) * (v - 32)) / (2 * 100));
                    x(i * 64 + j, 0) = window * std::cos(2 * pi * cycles * u / 64);
                }
            return x;
        };
        const Matrix<double> x = signal(0), bent = signal(eps);
        const Matrix<double> S = transform(x), T = transform(bent);
        std::vector<double> difference;
        for (Index i = 0; i < S.rows(); ++i)
            difference.push_back(T(i, 0) - S(i, 0));
        const double slope = norm(difference) / norm(x.values()) / eps;
        EXPECT_GE(slope, 1.0) << cycles;
        EXPECT_LE(slope, 1.5) << cycles;
        const auto sizes = [&](const Matrix<double>& of) {
            std::vector<double> result;
            for (const test::Complex& z : test::dft(test::Field(of.values().begin(), of.values().end()), grid, -1))
                result.push_back(std::abs(z));
            return result;
        };
        const std::vector<double> a = sizes(x), b = sizes(bent);
        fourier.push_back(distance(b, a) / eps);
    }
    EXPECT_NEAR(fourier[1] / fourier[0], 2, .2);
    EXPECT_NEAR(fourier[2] / fourier[1], 2, .2);
}

}  // namespace
}  // namespace descrambler

// Fourier transforms against their definition in long double, and what holds whatever the definition says: Parseval,
// round trips, the same bits in any company. Errors are |found - wanted|/|wanted| of a column, Euclidean. Tolerances:
// u (1 + log2 n), u = eps/2, the bound of the fast transform (a butterfly of R adds about log2 R roundings of u and a
// twiddle one); sizes of kissfft add their largest prime, whose sum it takes term by term.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <stdexcept>

#include "cpu/fft_plan.hpp"
#include "descrambler/backend.hpp"

namespace descrambler {
namespace {

using Exact = std::complex<long double>;

template <class T>
std::vector<T> normals(Index count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<T> x(static_cast<std::size_t>(count));
    for (T& value : x)
        value = static_cast<T>(normal(random));
    return x;
}
template <class T>
std::vector<std::complex<T>> complex_normals(Index count, unsigned seed) {
    const std::vector<T> parts = normals<T>(2 * count, seed);
    std::vector<std::complex<T>> x;
    for (Index i = 0; i < count; ++i)
        x.emplace_back(parts[2 * i], parts[2 * i + 1]);
    return x;
}

// exp(sign 2 pi i k/n)
Exact root(Index k, Index n, int sign) {
    const long double angle = 2 * std::numbers::pi_v<long double> * static_cast<long double>(k % n) / n;
    return {std::cos(angle), sign * std::sin(angle)};
}
// The definition, along each axis of an image.
template <class Number>
std::vector<Exact> definition(const Number* x, const FourierShape& shape) {
    const auto& [n1, n2, inverse] = shape;
    std::vector<Exact> rows(static_cast<std::size_t>(n1 * n2)), result(rows.size()), roots1, roots2;
    for (Index k = 0; k < n1; ++k)
        roots1.push_back(root(k, n1, inverse ? 1 : -1));
    for (Index k = 0; k < n2; ++k)
        roots2.push_back(root(k, n2, inverse ? 1 : -1));
    for (Index i = 0; i < n1; ++i)
        for (Index k = 0; k < n2; ++k)
            for (Index j = 0; j < n2; ++j)
                rows[i * n2 + k] += Exact(x[i * n2 + j]) * roots2[j * k % n2];
    for (Index l = 0; l < n1; ++l)
        for (Index i = 0; i < n1; ++i)
            for (Index k = 0; k < n2; ++k)
                result[l * n2 + k] += rows[i * n2 + k] * roots1[i * l % n1];
    return result;
}

template <class Found, class Wanted>
double error(const Found* found, const std::vector<Wanted>& wanted) {
    long double difference = 0, size = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        difference += std::norm(Exact(found[i]) - Exact(wanted[i]));
        size += std::norm(Exact(wanted[i]));
    }
    return static_cast<double>(std::sqrt(difference / size));
}
Index largest_prime(Index n) {
    Index largest = 1;
    for (Index p = 2; p <= n; ++p)
        for (; n % p == 0; n /= p)
            largest = p;
    return largest;
}
template <class T>
double tolerance(Index n1, Index n2) {
    double factor = 1 + std::log2(static_cast<double>(n1 * n2));
    for (const Index n : {n1, n2})
        if (!cpu::FftPlan<T>::takes(n))
            factor += static_cast<double>(largest_prime(n));
    return std::numeric_limits<T>::epsilon() / 2 * factor;
}

template <class T>
class FourierTest : public ::testing::Test {
protected:
    using Complex = std::complex<T>;
    using Numbers = std::vector<Complex>;
    std::unique_ptr<Backend<T>> on = make_cpu_backend<T>(2);

    Numbers transform(Backend<T>& backend, const FourierShape& shape, const Numbers& x) {
        Numbers y(x.size(), Complex(std::numeric_limits<T>::quiet_NaN(), 0));
        const Index points = shape.points(), columns = std::ssize(x) / points;
        const Batch<const Complex> from(x.data(), points, columns);
        const Batch<Complex> to(y.data(), points, columns);
        if (shape.n1 == 1)
            shape.inverse ? backend.ifft(from, to) : backend.fft(from, to);
        else
            shape.inverse ? backend.ifft2(shape.n1, shape.n2, from, to) : backend.fft2(shape.n1, shape.n2, from, to);
        return y;
    }
    Numbers transform(const FourierShape& shape, const Numbers& x) { return transform(*on, shape, x); }
    // columns of normals against the definition
    void expect_the_definition(FourierShape shape, Index columns) {
        const Index points = shape.points();
        const Numbers x = complex_normals<T>(points * columns, static_cast<unsigned>(points));
        for (const bool inverse : {false, true}) {
            shape.inverse = inverse;
            const Numbers y = transform(shape, x);
            for (Index c = 0; c < columns; ++c)
                EXPECT_LE(error(y.data() + c * points, definition(x.data() + c * points, shape)),
                          tolerance<T>(shape.n1, shape.n2))
                    << shape.n1 << " x " << shape.n2 << ", column " << c << (inverse ? ", inverse" : "");
        }
    }
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(FourierTest, Types);

TYPED_TEST(FourierTest, ByHand) {
    using Complex = std::complex<TypeParam>;
    const std::vector<Complex> x{1, 2, 3, Complex(4, 1)};
    const std::vector<Complex> there{Complex(10, 1), Complex(-3, 2), Complex(-2, -1), Complex(-1, -2)},
        back{Complex(10, 1), Complex(-1, -2), Complex(-2, -1), Complex(-3, 2)};
    EXPECT_EQ(this->transform({1, 4, false}, x), there);
    EXPECT_EQ(this->transform({1, 4, true}, x), back);
    const std::vector<Complex> image{Complex(10, 1), Complex(-2, -1), Complex(-4, -1), Complex(0, 1)};
    EXPECT_EQ(this->transform({2, 2, false}, x), image);
}

TYPED_TEST(FourierTest, MatchesTheDefinition) {
    std::vector<Index> sizes{256, 264, 512, 1024, 1155, 17 * 16};
    for (Index n = 1; n <= 140; ++n)
        sizes.push_back(n);
    for (const Index n : sizes)
        this->expect_the_definition({1, n}, n < 30 ? 19 : 1);
}

TYPED_TEST(FourierTest, MatchesTheDefinitionInTwoDimensions) {
    for (const auto& [n1, n2] : {std::pair<Index, Index>{2, 3},
                                 {3, 2},
                                 {5, 7},
                                 {7, 33},
                                 {33, 7},
                                 {8, 16},
                                 {16, 8},
                                 {13, 11},
                                 {30, 77},
                                 {66, 66},
                                 {1, 20},
                                 {20, 1},
                                 {17, 4},
                                 {4, 17},
                                 {19, 23}})
        this->expect_the_definition({n1, n2}, 2);
}

// A plane wave goes to one frequency, and long sequences have the frequencies of the definition.
TYPED_TEST(FourierTest, LongSequences) {
    using T = TypeParam;
    for (const Index n : {Index{2048}, Index{6561}, Index{65536}, Index{2 * 28561}, Index{2 * 3 * 5 * 7 * 11 * 13}}) {
        const auto x = complex_normals<T>(2 * n, 3);
        for (const bool inverse : {false, true}) {
            const auto y = this->transform({1, n, inverse}, x);
            for (const Index k : {Index{0}, Index{1}, n / 3, n / 2, n - 1}) {
                Exact wanted = 0;
                for (Index j = 0; j < n; ++j)
                    wanted += Exact(x[n + j]) * root(j * k, n, inverse ? 1 : -1);
                // normal numbers: the frequencies have size sqrt(2 n), an error is spread evenly over them; 4 deviations
                EXPECT_LE(std::abs(Exact(y[n + k]) - wanted),
                          4 * tolerance<T>(1, n) * std::sqrt(2.0 * static_cast<double>(n)))
                    << n << ", frequency " << k;
            }
        }
    }
}

TYPED_TEST(FourierTest, KeepsTheNorm) {
    using T = TypeParam;
    for (const auto& [n1, n2] : {std::pair<Index, Index>{1, 1001}, {1, 97}, {1, 32768}, {264, 264}, {132, 66}}) {
        const auto x = complex_normals<T>(n1 * n2, 5), y = this->transform({n1, n2}, x);
        long double before = 0, after = 0;
        for (const auto& z : x)
            before += std::norm(Exact(z));
        for (const auto& z : y)
            after += std::norm(Exact(z));
        EXPECT_NEAR(static_cast<double>(after / before / static_cast<double>(n1 * n2)), 1, 2 * tolerance<T>(n1, n2));
    }
}

TYPED_TEST(FourierTest, InverseGoesBack) {
    using T = TypeParam;
    for (const auto& [n1, n2] : {std::pair<Index, Index>{1, 264}, {1, 97}, {1, 65536}, {256, 264}, {17, 3}}) {
        const auto x = complex_normals<T>(3 * n1 * n2, 6);
        auto y = this->transform({n1, n2, true}, this->transform({n1, n2}, x));
        for (auto& z : y)
            z /= static_cast<T>(n1 * n2);
        EXPECT_LE(error(y.data(), x), 2 * tolerance<T>(n1, n2)) << n1 << " x " << n2;
    }
}

TYPED_TEST(FourierTest, SameBitsForAnyThreadsAndPlaces) {
    for (const auto& [n1, n2] :
         {std::pair<Index, Index>{1, 12}, {1, 264}, {1, 97}, {1, 4096}, {66, 132}, {30, 44}, {5, 3}, {17, 20}}) {
        const Index points = n1 * n2, columns = 37;
        const FourierShape shape{n1, n2};
        const auto x = complex_normals<TypeParam>(points * columns, 7), y = this->transform(shape, x);
        for (const int threads : {1, 3})
            EXPECT_EQ(this->transform(*make_cpu_backend<TypeParam>(threads), shape, x), y) << threads << " threads";
        for (const Index c : {Index{0}, Index{5}, columns - 1})  // alone: the other way to share work between threads
            EXPECT_EQ(this->transform(shape, {x.begin() + c * points, x.begin() + (c + 1) * points}),
                      std::vector(y.begin() + c * points, y.begin() + (c + 1) * points))
                << n1 << " x " << n2 << ", column " << c;
        const std::vector some(x.begin() + 3 * points, x.begin() + 16 * points);  // in other lanes
        EXPECT_EQ(this->transform(shape, some), std::vector(y.begin() + 3 * points, y.begin() + 16 * points));
    }
}

TYPED_TEST(FourierTest, WorksInPlaceAndOnSharedItems) {
    using Complex = std::complex<TypeParam>;
    for (const auto& [n1, n2] : {std::pair<Index, Index>{1, 20}, {1, 17}, {1, 2048}, {20, 30}, {19, 4}}) {
        const Index points = n1 * n2;
        const auto x = complex_normals<TypeParam>(3 * points, 8), y = this->transform({n1, n2}, x);
        auto z = x;
        this->on->fft2(n1, n2, {z.data(), points, 3}, {z.data(), points, 3});
        EXPECT_EQ(z, y) << n1 << " x " << n2;
        std::vector<Complex> twice(static_cast<std::size_t>(6 * points));  // two items, of one that both read
        this->on->fft2(n1, n2, {x.data(), points, 3, 2, 0}, {twice.data(), points, 3, 2});
        EXPECT_TRUE(std::equal(y.begin(), y.end(), twice.begin()));
        EXPECT_TRUE(std::equal(y.begin(), y.end(), twice.begin() + 3 * points));
    }
}

// Errors are of the pair that is transformed together, hence 2: either column has those of both.
TYPED_TEST(FourierTest, RealPairs) {
    using T = TypeParam;
    using Complex = std::complex<T>;
    for (const auto& [n1, n2] : {std::pair<Index, Index>{1, 1},
                                 {1, 2},
                                 {1, 7},
                                 {1, 264},
                                 {1, 17},
                                 {1, 3000},
                                 {2, 2},
                                 {6, 5},
                                 {5, 6},
                                 {66, 40},
                                 {19, 8}}) {
        const FourierShape shape{n1, n2};
        const Index points = n1 * n2, half = shape.half(), columns = 5;
        const std::vector<T> x = normals<T>(points * columns * 2, 9);
        std::vector<Complex> y(static_cast<std::size_t>(n1 * half * columns * 2));
        std::vector<T> back(x.size());
        const Batch<const T> in(x.data(), points, columns, 2);
        const Batch<Complex> out(y.data(), n1 * half, columns, 2);
        const Batch<T> again(back.data(), points, columns, 2);
        if (n1 == 1) {
            this->on->real_fft(in, out);
            this->on->real_ifft(out, again);
        } else {
            this->on->real_fft2(n1, n2, in, out);
            this->on->real_ifft2(n1, n2, out, again);
        }
        for (Index c = 0; c < 2 * columns; ++c) {
            const std::vector<Exact> all = definition(x.data() + c * points, shape);
            std::vector<Exact> wanted;
            for (Index k = 0; k < n1; ++k)
                wanted.insert(wanted.end(), all.begin() + k * n2, all.begin() + k * n2 + half);
            EXPECT_LE(error(y.data() + c * n1 * half, wanted), 2 * tolerance<T>(n1, n2)) << n1 << " x " << n2;
        }
        for (T& value : back)
            value /= static_cast<T>(points);
        EXPECT_LE(error(back.data(), x), 4 * tolerance<T>(n1, n2)) << n1 << " x " << n2;
    }
}

TYPED_TEST(FourierTest, RealPairsHaveTheSameBitsForAnyThreads) {
    using T = TypeParam;
    const Index n1 = 44, n2 = 30, half = n2 / 2 + 1, columns = 1701;  // more than are packed at once
    const std::vector<T> x = normals<T>(n1 * n2 * columns, 10);
    std::vector<std::complex<T>> first;
    for (const int threads : {1, 2, 3}) {
        std::vector<std::complex<T>> y(static_cast<std::size_t>(n1 * half * columns));
        make_cpu_backend<T>(threads)->real_fft2(n1, n2, {x.data(), n1 * n2, columns}, {y.data(), n1 * half, columns});
        if (first.empty())
            first = y;
        EXPECT_EQ(y, first);
        const std::vector<Exact> all = definition(x.data() + 1650 * n1 * n2, {n1, n2});
        EXPECT_LE(std::abs(Exact(y[1650 * n1 * half + half + 2]) - all[n2 + 2]),
                  8 * tolerance<T>(n1, n2) * std::sqrt(static_cast<double>(n1 * n2)));
    }
}

// What a real spectrum cannot have is not passed on to the other column.
TYPED_TEST(FourierTest, RealInverseReadsNoImaginaryMean) {
    using Complex = std::complex<TypeParam>;
    const std::vector<Complex> y{Complex(4, 9), 0, Complex(0, 9), 0, 0, 0};
    std::vector<TypeParam> x(8);
    this->on->real_ifft({y.data(), 3, 2}, {x.data(), 4, 2});
    EXPECT_EQ(x, (std::vector<TypeParam>{4, 4, 4, 4, 0, 0, 0, 0}));
}

TYPED_TEST(FourierTest, RefusesShapesThatDoNotFit) {
    using Complex = std::complex<TypeParam>;
    std::vector<Complex> x(24), y(24);
    std::vector<TypeParam> r(24);
    auto& backend = *this->on;
    EXPECT_THROW(backend.fft({x.data(), 6, 2}, {y.data(), 6, 3}), std::invalid_argument);
    EXPECT_THROW(backend.ifft({x.data(), 6, 2}, {y.data(), 5, 2}), std::invalid_argument);
    EXPECT_THROW(backend.fft2(2, 4, {x.data(), 6, 2}, {y.data(), 6, 2}), std::invalid_argument);
    EXPECT_THROW(backend.ifft2(-2, -3, {x.data(), 6, 2}, {y.data(), 6, 2}), std::invalid_argument);
    EXPECT_THROW(backend.fft({x.data(), 3, 2, 1, 12, 6}, {y.data(), 3, 2}), std::invalid_argument);
    EXPECT_THROW(backend.real_fft({r.data(), 6, 2}, {y.data(), 6, 2}), std::invalid_argument);
    EXPECT_THROW(backend.real_ifft({y.data(), 3, 2}, {r.data(), 6, 2}), std::invalid_argument);
    EXPECT_THROW(backend.real_fft2(2, 3, {r.data(), 6, 2}, {y.data(), 6, 2}), std::invalid_argument);
    EXPECT_THROW(backend.real_ifft2(2, 3, {y.data(), 4, 1}, {r.data(), 6, 2}), std::invalid_argument);
    EXPECT_THROW(backend.real_fft({reinterpret_cast<TypeParam*>(y.data()), 2, 1}, {y.data(), 2, 1}),
                 std::invalid_argument);
    EXPECT_THROW(cpu::FftPlan<TypeParam>(0), std::invalid_argument);
    backend.fft({x.data(), 0, 3}, {y.data(), 0, 3});  // nothing to do
    backend.real_fft({r.data(), 0, 3}, {y.data(), 0, 3});
}

TEST(FftPlan, RootsAreExactWhereTheyAreKnownAndEqualInAllOctants) {
    EXPECT_EQ(cpu::unit_root(0, 12), std::complex<double>(1, 0));
    EXPECT_EQ(cpu::unit_root(3, 12), std::complex<double>(0, -1));
    EXPECT_EQ(cpu::unit_root(6, 12), std::complex<double>(-1, 0));
    EXPECT_EQ(cpu::unit_root(9, 12), std::complex<double>(0, 1));
    for (const Index n : {7, 8, 24, 264, 1000})
        for (Index k = 0; k < n; ++k) {
            const std::complex<double> w = cpu::unit_root(k, n), quarter = cpu::unit_root(4 * k + n, 4 * n);
            EXPECT_LE(std::abs(Exact(w) - root(k, n, -1)), 2 * std::numeric_limits<double>::epsilon()) << k << "/" << n;
            EXPECT_EQ(cpu::unit_root(n - k, n), std::conj(w));
            EXPECT_EQ(cpu::unit_root(k + n, n), w);
            EXPECT_EQ(quarter, std::complex<double>(w.imag(), -w.real()));
        }
}

TEST(FftPlan, TakesWhatItSays) {
    for (Index n = 1; n < 2000; ++n)
        EXPECT_EQ(cpu::FftPlan<float>::takes(n), largest_prime(n) <= 13) << n;
    EXPECT_FALSE(cpu::FftPlan<float>::takes(0));
    EXPECT_FALSE(cpu::FftPlan<float>::takes(-8));
}

// Blocks of any length, as scattering needs them; primes beyond 13 by their definition, rounded in each of their sums.
TEST(FftPlan, OtherPrimesInBlocks) {
    constexpr Index lanes = cpu::FftPlan<double>::lanes;
    for (const Index n : {17, 34, 58, 97, 136, 232, 17 * 19}) {
        const cpu::FftPlan<double> plan(n);
        const std::vector<std::complex<double>> x = complex_normals<double>(n * lanes, 7);  // sequence after sequence
        for (const bool inverse : {false, true}) {
            std::vector<double> a(static_cast<std::size_t>(plan.numbers())), b(a.size());
            for (Index l = 0; l < lanes; ++l)
                for (Index j = 0; j < n; ++j) {
                    a[2 * j * lanes + l] = x[l * n + j].real();
                    a[(2 * j + 1) * lanes + l] = x[l * n + j].imag();
                }
            const double* const found =
                plan.transform(inverse ? cpu::Direction::inverse : cpu::Direction::forward, a.data(), b.data());
            for (Index l = 0; l < lanes; ++l) {
                std::vector<std::complex<double>> sequence;
                for (Index j = 0; j < n; ++j)
                    sequence.emplace_back(found[2 * j * lanes + l], found[(2 * j + 1) * lanes + l]);
                EXPECT_LE(error(sequence.data(), definition(x.data() + l * n, {1, n, inverse})),
                          tolerance<double>(1, n))
                    << n;
            }
        }
    }
}

}  // namespace
}  // namespace descrambler

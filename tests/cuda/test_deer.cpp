// DEER traces on the device against the CPU. Traces and distributions are of order one: differences are absolute, in
// units of u = epsilon / 2 of one.
#include <algorithm>
#include <array>

#include "device.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler::test {
namespace {

constexpr std::uint64_t seed = 1234;

// Odd sizes that fill neither tile nor warp, and pnas.
DeerTables tables_of(bool boxed, TargetScaling target, Index times, Index distances) {
    DeerDatabase d;
    d.times = times;
    d.distances = distances;
    d.peaks_max = deer_peaks_limit;
    d.input = boxed ? InputScaling::boxed : InputScaling::clean;
    d.target = target;
    return make_deer_tables(d);
}

constexpr std::array names{"input", "target", "trace", "clean", "form factor", "background", "distribution"};

// All companions of samples first .. first + count - 1; which: bit set of the views asked for.
template <class T>
std::array<std::vector<T>, 7> draw(Backend<T>& on, const DeerTables& tables, std::uint64_t stream, Index first,
                                   Index count, unsigned which = 0x7f) {
    const Index times = tables.database.times, distances = tables.database.distances;
    std::vector<OnDevice<T>> memory;
    memory.reserve(7);
    for (const Index rows : {times, distances, times, times, times, times, distances})
        memory.emplace_back(on, rows, count);
    const auto view = [&](std::size_t i) { return (which >> i & 1) != 0 ? memory[i].view() : Batch<T>(); };
    DeerSource<T>(tables).traces(on, seed, stream, first,
                                 {view(0), view(1), view(2), view(3), view(4), view(5), view(6)});
    std::array<std::vector<T>, 7> result;
    for (std::size_t i = 0; i < 7; ++i)
        if ((which >> i & 1) != 0)
            result[i] = memory[i].download();
    return result;
}

template <class T>
double difference(const std::vector<T>& a, const std::vector<T>& b) {
    double worst = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
        const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        worst = d <= worst ? worst : d;  // NaN becomes worst
        if (std::isnan(d))
            return INFINITY;
    }
    return worst;
}

template <class T>
class Deer : public testing::Test {
protected:
    std::unique_ptr<Backend<T>> cpu = make_cpu_backend<T>(1);
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(Deer, Precisions);

TYPED_TEST(Deer, MatchesCpu) {
    using T = TypeParam;
    // float: the CPU takes a product of low rank, 1e-6 from K p, and boxing divides by the range of a trace, which is
    // at least the modulation depth that is left at the end, a tenth or more. double: a sum of positive numbers below
    // one, rounded at most once a term and half a unit on average a random walk, on both sides; boxing as above.
    for (const bool boxed : {true, false}) {
        const DeerTables tables =
            tables_of(boxed, boxed ? TargetScaling::maximum : TargetScaling::mean, boxed ? 101 : 130, 67);
        const double unit = std::numeric_limits<T>::epsilon();
        const double plain = sizeof(T) == 4 ? 1e-6 : 4 * unit, scaled = boxed ? 10 * plain : plain;
        const std::array<double, 7> bound{scaled, 4 * unit, plain, scaled, plain, 4 * unit, 4 * unit};
        const auto found = draw(*device<T>(), tables, 3, 5, 70), wanted = draw(*this->cpu, tables, 3, 5, 70);
        for (std::size_t i = 0; i < 7; ++i) {
            const double size = std::abs(*std::max_element(wanted[i].begin(), wanted[i].end()));
            const double error = difference(found[i], wanted[i]) / std::max(size, i == 6 ? 0.0 : 1.0);
            EXPECT_LE(error, bound[i]) << names[i] << (boxed ? ", boxed" : "");
            this->RecordProperty(std::string(names[i]) + (boxed ? " boxed" : ""), std::to_string(error / unit));
        }
    }
}

TYPED_TEST(Deer, StartsAtOneAndFillsTheBox) {
    using T = TypeParam;
    const DeerTables tables = tables_of(true, TargetScaling::maximum, 64, 32);
    const auto found = draw(*device<T>(), tables, 1, 0, 9);
    for (Index s = 0; s < 9; ++s) {
        EXPECT_EQ(found[4][static_cast<std::size_t>(64 * s)], T{1});
        const auto input = found[0].begin() + 64 * s, target = found[1].begin() + 32 * s;
        EXPECT_EQ(*std::min_element(input, input + 64), T{0});
        EXPECT_EQ(*std::max_element(input, input + 64), T{1});
        EXPECT_EQ(*std::max_element(target, target + 32), T{1});
    }
}

// Alone, in another position of a tile, and whatever companions are asked for.
TYPED_TEST(Deer, ASampleHasTheSameBitsWhateverElseIsDrawn) {
    using T = TypeParam;
    const DeerTables tables = tables_of(true, TargetScaling::maximum, 33, 40);
    const auto gpu = device<T>();
    auto& on = *gpu;
    const auto all = draw(on, tables, 2, 10, 75);
    const auto one = draw(on, tables, 2, 80, 3);
    for (std::size_t i = 0; i < 7; ++i) {
        const Index rows = i == 1 || i == 6 ? 40 : 33;
        EXPECT_TRUE(std::equal(one[i].begin(), one[i].end(), all[i].begin() + 70 * rows)) << names[i];
        const auto alone = draw(on, tables, 2, 10, 75, 1u << i);
        EXPECT_EQ(alone[i], all[i]) << names[i];
    }
}

TYPED_TEST(Deer, NoSamplesAndOtherTables) {
    using T = TypeParam;
    const auto gpu = device<T>();
    auto& on = *gpu;
    const DeerTables one = tables_of(false, TargetScaling::mean, 16, 8),
                     two = tables_of(false, TargetScaling::mean, 8, 16);
    const auto first = draw(on, one, 2, 0, 4);
    (void)draw(on, one, 2, 0, 0);
    EXPECT_LE(difference(draw(on, two, 2, 0, 4)[4], draw(*this->cpu, two, 2, 0, 4)[4]), 1e-6);
    EXPECT_EQ(draw(on, one, 2, 0, 4), first);
}

TYPED_TEST(Deer, SeesAKernelThatWasEditedInPlace) {
    using T = TypeParam;
    const auto gpu = device<T>();
    DeerTables tables = tables_of(false, TargetScaling::mean, 16, 8);
    const auto before = draw(*gpu, tables, 2, 0, 4);
    for (double& k : tables.kernel.values())
        k *= 0.5;
    const auto after = draw(*gpu, tables, 2, 0, 4);
    EXPECT_LE(difference(after[4], draw(*this->cpu, tables, 2, 0, 4)[4]), 1e-6);
    EXPECT_GE(difference(after[4], before[4]), 0.1);
}

}  // namespace
}  // namespace descrambler::test

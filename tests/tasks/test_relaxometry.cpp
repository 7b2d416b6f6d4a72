#include "tasks/task.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "data.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

constexpr std::uint64_t seed = 7, own_stream = 1234;

template <class T>
std::pair<Matrix<T>, Matrix<T>> drawn(const Relaxometry& data, const RelaxometryCondition& condition, Index first,
                                      Index count) {
    const auto on = make_cpu_backend<T>(1);
    const RelaxometryTables<T> tables = make_relaxometry_tables<T>(data);
    Matrix<T> input(2 * data.points, count), target(2, count);
    relaxometry_samples(*on, tables, condition, seed, own_stream, first, input.view(), target.view());
    return {input, target};
}

std::string refusal(const Relaxometry& data) {
    try {
        validate(data);
    } catch (const InputError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Relaxometry, ASampleIsTheFormulaOfTheHeader) {
    const Relaxometry data;
    const auto [input, target] = drawn<double>(data, {Track::nd_nd, 100}, 5, 3);
    const std::uint64_t blocks = 1 + 32;  // points / 2 of noise
    for (Index s = 0; s < 3; ++s) {
        const auto block = static_cast<std::uint64_t>(5 + s) * blocks;
        const PhiloxBlock words = philox(seed, own_stream, block);
        const double a = 50 + 450 * static_cast<double>(uniform_f32(words[0])),
                     b = 50 + 450 * static_cast<double>(uniform_f32(words[1]));
        EXPECT_DOUBLE_EQ(target(0, s), std::min(a, b) / 500);
        EXPECT_DOUBLE_EQ(target(1, s), std::max(a, b) / 500);
        Matrix<double> noise(64, 1);
        make_cpu_backend<double>(1)->random_normal(seed, own_stream, block + 1, noise.view());
        for (Index j = 0; j < 64; ++j) {
            const double t = 800.0 * static_cast<double>(j) / 63;
            const double y = 0.6 * std::exp(-t / std::min(a, b)) + 0.4 * std::exp(-t / std::max(a, b));
            EXPECT_NEAR(input(j, s), y + noise(j, 0) / 100, 4e-16);  // a few roundings of numbers near 1
            EXPECT_EQ(input(64 + j, s), input(j, s));
        }
    }
}

TEST(Relaxometry, ASampleDoesNotDependOnTheCallAndConditionsShareIt) {
    const Relaxometry data;
    const RelaxometryCondition condition{Track::nd_reg, 30};
    const auto [all, target] = drawn<float>(data, condition, 0, 40);
    const auto [part, part_target] = drawn<float>(data, condition, 17, 5);
    for (Index s = 0; s < 5; ++s) {
        EXPECT_TRUE(std::ranges::equal(all.column(17 + s), part.column(s)));
        EXPECT_TRUE(std::ranges::equal(target.column(17 + s), part_target.column(s)));
    }
    // another SNR: the same times, the noise scaled
    const auto [quiet, same] = drawn<double>(data, {Track::nd_nd, 300}, 0, 8);
    const auto [loud, again] = drawn<double>(data, {Track::nd_nd, 30}, 0, 8);
    const auto [clean, once_more] = drawn<double>(data, {Track::nd_nd, 1e9}, 0, 8);
    EXPECT_EQ(same, again);
    for (Index e = 0; e < clean.size(); ++e)  // 1e9: noise of 1e-9 left in both differences
        EXPECT_NEAR(loud.data()[e] - clean.data()[e], 10 * (quiet.data()[e] - clean.data()[e]), 1e-7);
}

TEST(Relaxometry, TheFitFindsTheBestPairOfTheGrid) {
    Relaxometry data;
    data.penalty = 0.02;  // large enough to move the choice
    const auto [input, target] = drawn<double>(data, {Track::nd_reg, 20}, 0, 25);
    int moved = 0;
    for (Index s = 0; s < 25; ++s) {
        double least = INFINITY, least_free = INFINITY, best_a = 0, best_b = 0, free_a = 0;
        for (Index a = 0; a < 40; ++a)
            for (Index b = a; b < 40; ++b) {
                const double ta = 50 + 450.0 * static_cast<double>(a) / 39,
                             tb = 50 + 450.0 * static_cast<double>(b) / 39;
                double cost = 0;
                for (Index j = 0; j < 64; ++j) {
                    const double t = 800.0 * static_cast<double>(j) / 63;
                    cost += std::pow(input(j, s) - 0.6 * std::exp(-t / ta) - 0.4 * std::exp(-t / tb), 2);
                }
                if (cost < least_free)
                    least_free = cost, free_a = ta;
                cost += data.penalty * (ta * ta + tb * tb) / 250000;
                if (cost < least)
                    least = cost, best_a = ta, best_b = tb;
            }
        moved += best_a != free_a ? 1 : 0;
        for (Index j = 0; j < 64; ++j) {
            const double t = 800.0 * static_cast<double>(j) / 63;
            EXPECT_NEAR(input(64 + j, s), 0.6 * std::exp(-t / best_a) + 0.4 * std::exp(-t / best_b), 1e-15) << s;
        }
    }
    EXPECT_GT(moved, 0);  // otherwise the penalty would not be tested
}

TEST(Relaxometry, ConditionsAreNamedAndOrdered) {
    const Relaxometry data;
    ASSERT_EQ(condition_count(data), 4);
    EXPECT_EQ(condition_name(data, 0), "nd_nd_snr100");
    EXPECT_EQ(condition_name(data, 3), "nd_reg_snr30");
    EXPECT_EQ(condition_of(data, 1).snr, 30);
    EXPECT_EQ(condition_of(data, 2).track, Track::nd_reg);
}

TEST(Relaxometry, EveryBadFieldIsNamed) {
    EXPECT_EQ(refusal({}), "accepted");
    const auto expect = [](const char* field, auto&& change) {
        Relaxometry data;
        change(data);
        EXPECT_NE(refusal(data).find(std::string("relaxometry.") + field), std::string::npos) << refusal(data);
    };
    expect("tracks", [](Relaxometry& d) { d.tracks = {}; });
    expect("tracks", [](Relaxometry& d) { d.tracks = {Track::nd_nd, Track::nd_nd}; });
    expect("snr", [](Relaxometry& d) { d.snr = {}; });
    expect("snr", [](Relaxometry& d) { d.snr = {30, 30}; });
    expect("snr", [](Relaxometry& d) { d.snr = {0}; });
    expect("snr", [](Relaxometry& d) { d.snr = {1, 2, 3, 4, 5, 6, 7, 8, 9}; });  // 18 conditions
    expect("points", [](Relaxometry& d) { d.points = 7; });
    expect("span_ms", [](Relaxometry& d) { d.span_ms = NAN; });
    expect("time_min_ms", [](Relaxometry& d) { d.time_min_ms = 500; });
    expect("weight", [](Relaxometry& d) { d.weight = 1.5; });
    expect("grid", [](Relaxometry& d) { d.grid = 1; });
    expect("penalty", [](Relaxometry& d) { d.penalty = -1; });
    EXPECT_THROW((void)track_from("reg"), InputError);
}

TEST(Relaxometry, TheRecipeReadsBackEqualAndIsChecked) {
    const test::Scratch folder("relaxometry");
    Relaxometry data;
    data.snr = {100, 0.1};
    data.weight = 1.0 / 3;
    const std::string path = folder / "recipe.h5";
    {
        Hdf5File file = Hdf5File::create(path);
        write_recipe(file.root().create_group("input"), to_recipe(TaskRecipe(data)));
        Relaxometry wrong = data;
        wrong.grid = 1;
        write_recipe(file.root().create_group("wrong"), to_recipe(TaskRecipe(wrong)));
        (void)file.root().create_group("none");
        file.commit();
    }
    const Hdf5File file = Hdf5File::open(path);
    EXPECT_EQ(task_recipe(read_recipe(file.root().group("input"))), TaskRecipe(data));
    EXPECT_EQ(task_recipe(read_recipe(file.root().group("none"))), std::nullopt);
    EXPECT_THROW((void)task_recipe(read_recipe(file.root().group("wrong"))), InputError);
}

}  // namespace
}  // namespace descrambler

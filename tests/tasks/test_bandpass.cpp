#include "tasks/task.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "data.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/matrix.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

constexpr std::uint64_t seed = 3, own_stream = 99;

template <class T>
std::pair<Matrix<T>, Matrix<T>> drawn(const Bandpass& data, BandpassTarget kind, Index first, Index count) {
    const auto on = make_cpu_backend<T>(1);
    const BandpassTables<T> tables = make_bandpass_tables<T>(data);
    Matrix<T> input(data.points, count), target(data.points, count);
    bandpass_samples(*on, tables, kind, seed, own_stream, first, input.view(), target.view());
    return {input, target};
}

TEST(BandpassTask, ASampleIsTheFormulaOfTheHeader) {
    const Bandpass data;
    const auto [input, target] = drawn<double>(data, BandpassTarget::clean, 40, 2);
    const std::uint64_t blocks = 4 + 513;
    for (Index s = 0; s < 2; ++s) {
        const auto block = static_cast<std::uint64_t>(40 + s) * blocks;
        const PhiloxBlock words = philox(seed, own_stream, block);
        Matrix<double> noise(1025, 1);
        make_cpu_backend<double>(1)->random_normal(seed, own_stream, block + 4, noise.view());
        for (Index j = 0; j < 1025; ++j) {
            const double t = static_cast<double>(j) / 1024;
            double y[3];
            for (std::size_t k = 0; k < 3; ++k)
                y[k] =
                    data.amplitudes[k] * std::sin(2 * std::numbers::pi *
                                                  (data.tones_hz[k] * t + static_cast<double>(uniform_f32(words[k]))));
            // the angle reaches 2 pi 250 and keeps its absolute rounding, 1600 u, in the plain formula
            EXPECT_NEAR(target(j, s), y[1], 1e-12);
            EXPECT_NEAR(input(j, s), y[0] + y[1] + y[2] + 1.1 * noise(j, 0), 1e-12);
        }
    }
}

TEST(BandpassTask, TheFilterKeepsTheBinsOfTheBandAndNothingElse) {
    const auto on = make_cpu_backend<double>(1);
    for (const Index points : {Index{64}, Index{65}}) {
        Bandpass data;
        data.points = points;
        data.rate_hz = 64;
        data.low_hz = 10;
        data.high_hz = points == 64 ? 32 : 20;  // 32: with the Nyquist bin, whose sine is zero
        data.tones_hz = {5, 15};
        data.amplitudes = {1, 1};
        const auto [input, target] = drawn<double>(data, BandpassTarget::filtered, 3, 4);
        const Matrix<double> before = power_spectrum(*on, input), after = power_spectrum(*on, target);
        Matrix<double> difference = input;
        for (Index e = 0; e < input.size(); ++e)
            difference.data()[e] -= target.data()[e];
        const Matrix<double> removed = power_spectrum(*on, difference);
        for (Index s = 0; s < 4; ++s)
            for (Index k = 0; k < before.rows(); ++k) {
                const double f = 64.0 * static_cast<double>(k) / static_cast<double>(points);
                const bool kept = data.low_hz <= f && f <= data.high_hz;
                // |FFT|^2 of roundings: (N u sum |x|)^2 is far below 1e-20 for 65 numbers near 1
                EXPECT_LT(kept ? removed(k, s) : after(k, s), 1e-20) << points << " " << k;
                EXPECT_GT(before(k, s), 1e-10);
            }
    }
}

TEST(BandpassTask, ASampleDoesNotDependOnTheCall) {
    const Bandpass data;
    for (const BandpassTarget kind : {BandpassTarget::filtered, BandpassTarget::clean}) {
        const auto [all, target] = drawn<float>(data, kind, 0, 70);
        const auto [part, part_target] = drawn<float>(data, kind, 29, 9);  // across the edge of a tile
        for (Index s = 0; s < 9; ++s) {
            EXPECT_TRUE(std::ranges::equal(all.column(29 + s), part.column(s)));
            EXPECT_TRUE(std::ranges::equal(target.column(29 + s), part_target.column(s)));
        }
    }
}

TEST(BandpassTask, EveryBadFieldIsNamed) {
    const auto expect = [](const char* field, auto&& change) {
        Bandpass data;
        change(data);
        try {
            validate(data);
            ADD_FAILURE() << field << " accepted";
        } catch (const InputError& error) {
            EXPECT_NE(std::string(error.what()).find(std::string("bandpass.") + field), std::string::npos)
                << error.what();
        }
    };
    EXPECT_NO_THROW(validate(Bandpass{}));
    expect("targets", [](Bandpass& d) { d.targets = {}; });
    expect("points", [](Bandpass& d) { d.points = 15; });
    expect("rate_hz", [](Bandpass& d) { d.rate_hz = 0; });
    expect("low_hz", [](Bandpass& d) { d.high_hz = 513; });
    expect("low_hz", [](Bandpass& d) { d.low_hz = 200; });
    expect("high_hz", [](Bandpass& d) { d.low_hz = 100.2, d.high_hz = 100.4; });  // no bin in between
    expect("tones_hz", [](Bandpass& d) { d.tones_hz = {}; });
    expect("tones_hz", [](Bandpass& d) { d.tones_hz[1] = 600; });
    expect("amplitudes", [](Bandpass& d) { d.amplitudes = {1, 1}; });
    expect("noise", [](Bandpass& d) { d.noise = -1; });
    EXPECT_THROW((void)bandpass_target_from("dirty"), InputError);
}

TEST(BandpassTask, TheRecipeReadsBackEqualAndIsChecked) {
    const test::Scratch folder("bandpass");
    Bandpass data;
    data.targets = {BandpassTarget::clean};
    data.noise = 0.3;
    const std::string path = folder / "recipe.h5";
    {
        Hdf5File file = Hdf5File::create(path);
        write_recipe(file.root().create_group("input"), to_recipe(TaskRecipe(data)));
        Bandpass wrong = data;
        wrong.points = 3;
        write_recipe(file.root().create_group("wrong"), to_recipe(TaskRecipe(wrong)));
        file.commit();
    }
    const Hdf5File file = Hdf5File::open(path);
    EXPECT_EQ(task_recipe(read_recipe(file.root().group("input"))), TaskRecipe(data));
    EXPECT_THROW((void)task_recipe(read_recipe(file.root().group("wrong"))), InputError);
}

}  // namespace
}  // namespace descrambler

#include "descrambler/shards.hpp"

#include <cmath>

#include "descrambler/error.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "ranks.hpp"

namespace descrambler {
namespace {

using namespace test;

class ShardsTest : public FolderTest {
protected:
    static constexpr Index features = 3, each = 400;

    static double value(Index sample, Index feature) { return static_cast<double>(10 * sample + feature); }
    // part-0.h5, part-1.h5, part-2.npy, part-3.h5; NaN in one value of a sample.
    void write(Index nan_at = -1) {
        if (rank == 0)
            for (Index part = 0; part < 4; ++part) {
                Matrix<double> rows(each, features);
                for (Index i = 0; i < each; ++i)
                    for (Index j = 0; j < features; ++j)
                        rows(i, j) = part * each + i == nan_at ? std::nan("") : value(part * each + i, j);
                const std::string name = folder / ("part-" + std::to_string(part));
                if (part == 2) {
                    write_npy(name + ".npy", rows);
                    continue;
                }
                Hdf5File file = Hdf5File::create(name + ".h5");
                file.root().write("inputs", rows, {});
                file.commit();
            }
        ranks.barrier();
    }
    // A window of each rank across borders of files, of no samples for the last of several.
    [[nodiscard]] std::pair<Index, Index> window(Index shift) const {
        const Index count = size > 1 && rank == size - 1 ? 0 : 700;
        return {(rank * 250 + shift) % (4 * each - count), count};
    }
    Matrix<double> read(const Shards& shards, Index shift) {
        const auto [first, count] = window(shift);
        Matrix<double> X(features, count);
        shards.read_together(ranks, first, X.view());
        return X;
    }
    void expect_values(const Matrix<double>& X, Index shift) const {
        const auto [first, count] = window(shift);
        for (Index j = 0; j < count; ++j)
            for (Index i = 0; i < features; ++i)
                ASSERT_EQ(X(i, j), value(first + j, i)) << first + j;
    }
};

TEST_F(ShardsTest, WindowsOfAllRanksAcrossFiles) {
    write();
    const Shards shards = Shards::open(folder / "part-*", features);
    EXPECT_EQ(shards.wants_all(ranks), shares_files(ranks));
    for (const Index shift : {0, 100, 350, 777})
        expect_values(read(shards, shift), shift);
}

TEST_F(ShardsTest, WhatOneRankCannotReadHoldsUpNobody) {
    for (const Index nan_at : {Index{120}, each + 120, 2 * each + 120}) {  // in a window over two files or more
        write(nan_at);
        const Shards shards = Shards::open(folder / "part-*", features);
        for (const Index shift : {0, 100, 350}) {
            const auto [first, count] = window(shift);
            if (first <= nan_at && nan_at < first + count) {
                EXPECT_THROW((void)read(shards, shift), InputError) << shift;
            } else {
                expect_values(read(shards, shift), shift);
            }
        }
        ranks.barrier();
    }
}

}  // namespace
}  // namespace descrambler

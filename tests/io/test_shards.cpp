// Windows of files and across files; what is refused when they are opened and when they are read.
#include "descrambler/shards.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "sample_files.hpp"

namespace descrambler {
namespace {

namespace fs = std::filesystem;
using test::Hdf5Layout;
using test::npy_of;
using test::put;
using test::put_hdf5;
using test::series;

constexpr Index features = 3;

class ShardFiles : public testing::Test {
protected:
    std::string file(const std::string& name) const { return (scratch_ / name).string(); }
    std::string open_error(const std::string& inputs, Index width = features) const {
        return test::input_error([&] { (void)Shards::open(file(inputs), width); });
    }
    static std::string read_error(const Shards& shards, Index first, Index count) {
        Matrix<double> X(shards.features(), count);
        return test::input_error([&] { shards.read(first, X.view()); });
    }
    // Every window of the library is that part of the series 0, 1, ..., and nothing is written beside it.
    static void expect_series(const Shards& shards, Index samples, const std::string& what) {
        ASSERT_EQ(shards.samples(), samples) << what;
        const Matrix<double> all = series(0, samples, shards.features());
        for (Index first = 0; first <= samples; ++first)
            for (Index count = 0; first + count <= samples; ++count) {
                Matrix<double> guarded(shards.features(), count + 2), expected(shards.features(), count + 2);
                for (double& value : guarded.values())
                    value = -7;
                expected = guarded;
                for (Index i = 0; i < count; ++i)
                    for (Index j = 0; j < shards.features(); ++j)
                        expected(j, i + 1) = all(first + i, j);
                shards.read(first, guarded.view().columns(1, count));
                ASSERT_EQ(guarded, expected) << what << ", samples " << first << " + " << count;
            }
    }
    test::Scratch scratch_{"shards"};
};

TEST_F(ShardFiles, EveryWindowOfNpyFiles) {
    for (const std::string type : {"<f4", ">f4", "<f8", ">f8"})
        for (const bool fortran : {false, true}) {
            put(file("a.npy"), npy_of(series(0, 11, features), type, fortran));
            for (const Index width : {Index{0}, features})
                expect_series(Shards::open(file("a.npy"), width), 11, type + (fortran ? " Fortran" : " C"));
        }
    put(file("a.npy"), test::npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
                                 std::string("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40", 16)));
    expect_series(Shards::open(file("a.npy"), 1), 2, "rank 1");
    const std::string two_axes = npy_of(series(0, 4, 6), "<f8", false);
    for (const bool fortran : {false, true}) {  // what stands behind the first axis is one sample
        put(file("b.npy"), test::npy("{'descr': '<f8', 'fortran_order': " + std::string(fortran ? "True" : "False") +
                                         ", 'shape': (4, 1, 2, 3), }",
                                     two_axes.substr(two_axes.size() - 4 * 6 * 8)));
        if (fortran)
            EXPECT_EQ(open_error("b.npy", 6),
                      file("b.npy") + ": Fortran order, expected C order of samples with several axes");
        else
            expect_series(Shards::open(file("b.npy"), 6), 4, "rank 4");
    }
    EXPECT_NE(open_error("a.npy", 2).find("a.npy: expected 2 columns (features), found 1"), std::string::npos);
}

TEST_F(ShardFiles, EveryWindowOfHdf5Files) {
    int kinds = 0;
    for (const hid_t type : {H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_STD_I16BE, H5T_STD_U8LE, H5T_STD_I64LE})
        for (const Hdf5Layout& layout : std::initializer_list<Hdf5Layout>{{type, {}, false},
                                                                          {type, {4, 2}, false},
                                                                          {type, {4, 2}, true},
                                                                          {type, {1, 3}, true},
                                                                          {type, {11, 1}}}) {
            const std::string name = file(std::to_string(kinds++) + ".h5");
            put_hdf5(name, "deep/inputs", series(0, 11, features), layout);
            expect_series(Shards::open(name + ":/deep/inputs", features), 11, name);
            expect_series(Shards::open(name, 0), 11, name);
        }
    EXPECT_EQ(Shards::open(file("0.h5"), 0).files().front().name, file("0.h5") + ":/deep/inputs");
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL), 0);  // nothing stays open
}

TEST_F(ShardFiles, EveryWindowAcrossFilesOfEveryKind) {
    const Index sizes[] = {1, 4, 1, 7, 2, 3};
    Index first = 0;
    for (int k = 0; k < 6; ++k) {
        const std::string name = file("part-" + std::to_string(k));
        const Matrix<double> S = series(first, sizes[k], features);
        if (k % 2 == 0)
            put(name + ".npy", npy_of(S, k == 2 ? ">f4" : "<f8", k == 4));
        else
            put_hdf5(name + ".h5", "x", S, {H5T_IEEE_F32LE, {2, 2}, true});
        first += sizes[k];
    }
    const Shards shards = Shards::open(file("part-*"), features);
    ASSERT_EQ(shards.files().size(), 6u);
    EXPECT_EQ(shards.files()[3].first, 6);
    EXPECT_EQ(shards.files()[3].samples, 7);
    EXPECT_EQ(shards.files()[3].name, file("part-3.h5:/x"));
    expect_series(shards, 18, "six files");
    Matrix<double> whole = read_inputs(file("part-*"), features);
    EXPECT_EQ(whole(2, 17), series(17, 1, features)(0, 2));
    // a window of other width, or beyond the library, is a mistake of the program
    Matrix<double> X(features, 2), narrow(features - 1, 1);
    EXPECT_THROW(shards.read(17, X.view()), std::invalid_argument);
    EXPECT_THROW(shards.read(-1, X.view()), std::invalid_argument);
    EXPECT_THROW(shards.read(0, narrow.view()), std::invalid_argument);
}

TEST_F(ShardFiles, WindowsLargerThanAnyBuffer) {
    constexpr Index rows = 9001, width = 35, start = 1234, count = 5000;  // blocks of 65536 values, tiles of 2048 x 16
    Matrix<double> S(rows, width);
    for (Index k = 0; k < S.size(); ++k)
        S.data()[k] = static_cast<double>(k);
    put(file("c.npy"), npy_of(S, "<f8", false));
    put(file("cb.npy"), npy_of(S, ">f4", false));
    put(file("f.npy"), npy_of(S, "<f8", true));
    put(file("fb.npy"), npy_of(S, ">f4", true));
    put_hdf5(file("h.h5"), "x", S, {H5T_IEEE_F64BE, {1000, 2}, true});
    for (const char* name : {"c.npy", "cb.npy", "f.npy", "fb.npy", "h.h5"}) {
        const Matrix<double> X = read_inputs(file(name), width);
        Matrix<double> window(width, count);
        Shards::open(file(name), 0).read(start, window.view());
        for (Index i = 0; i < rows; ++i)
            for (Index j = 0; j < width; ++j) {
                ASSERT_EQ(X(j, i), S(i, j)) << name << ", row " << i;
                if (i >= start && i < start + count) {
                    ASSERT_EQ(window(j, i - start), S(i, j)) << name << ", row " << i;
                }
            }
    }
}

// A terabyte that is not on the disk: headers of 1e9 samples in front of holes, one number behind them.
TEST_F(ShardFiles, HugeFilesOpenWithoutMemory) {
    constexpr Index samples = 1'000'000'000, width = 128, column = 5;
    const auto resident = [] {  // peak, KiB
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;
    };
    const long before = resident();
    for (const std::string order : {"False", "True"}) {
        const std::string name = file("huge" + order + ".npy");
        const std::string header =
            test::npy("{'descr': '<f8', 'fortran_order': " + order + ", 'shape': (1000000000, 128), }", "");
        put(name, header);
        const auto start = static_cast<Index>(header.size());
        std::error_code error;
        fs::resize_file(name, static_cast<std::uintmax_t>(start + samples * width * 8), error);
        if (error)
            GTEST_SKIP() << "no sparse file of a terabyte here: " << error.message();
        const Index at = order == "True" ? column * samples + samples - 2 : (samples - 2) * width + column;
        std::fstream patch(name, std::ios::in | std::ios::out | std::ios::binary);
        patch.seekp(start + at * 8).write(to_bytes(42.0, std::endian::little).data(), 8);
    }
    const std::string name = file("hugeZ.h5");
    {
        const hid_t id = H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
        H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
        H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
        const hsize_t dims[] = {samples, width}, start[] = {samples - 2, column}, one[] = {1, 1};
        const hid_t space = H5Screate_simple(2, dims, nullptr), single = H5Screate_simple(2, one, nullptr);
        const hid_t set = H5Dcreate2(id, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
        const double value = 42;
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, one, nullptr);
        ASSERT_GE(H5Dwrite(set, H5T_NATIVE_DOUBLE, single, space, H5P_DEFAULT, &value), 0);
        H5Dclose(set);
        H5Sclose(single);
        H5Sclose(space);
        H5Pclose(creation);
        ASSERT_GE(H5Fclose(id), 0);
    }
    const Shards shards = Shards::open(file("huge*"), width);
    EXPECT_EQ(shards.samples(), 3 * samples);
    for (int k = 0; k < 3; ++k) {
        Matrix<double> X(width, 5);
        shards.read((k + 1) * samples - (k == 2 ? 5 : 3), X.view());  // across the border
        const Index there = k == 2 ? 3 : 1;
        EXPECT_EQ(X(column, there), 42) << k;
        X(column, there) = 0;
        EXPECT_EQ(X, Matrix<double>(width, 5)) << k;
    }
    EXPECT_LT(resident() - before, 1 << 16);
}

TEST_F(ShardFiles, RefusesFilesThatDoNotFit) {
    put(file("part-0.npy"), npy_of(series(0, 4, features), "<f8", false));
    put(file("part-1.npy"), npy_of(series(0, 4, features + 1), "<f8", false));
    EXPECT_EQ(open_error("part-*.npy", 0),
              file("part-1.npy") + ": expected 3 columns (features) as in " + file("part-0.npy") + ", found 4");
    EXPECT_EQ(open_error("part-*.npy", 3), file("part-1.npy") + ": expected 3 columns (features), found 4");
    EXPECT_EQ(open_error("part-*.npy", 4), file("part-0.npy") + ": expected 4 columns (features), found 3");
    put(file("part-1.npy"), npy_of(Matrix<double>(0, features), "<f8", false));
    EXPECT_EQ(open_error("part-*.npy"),
              file("part-1.npy") + ": expected at least one row and one column, found 0 rows of 3 columns");
    EXPECT_NE(open_error("absent.npy").find("absent.npy: cannot be read"), std::string::npos);
    EXPECT_NE(open_error("absent.h5:/x").find("absent.h5:/x: cannot be read"), std::string::npos);

    const hid_t id = H5Fcreate(file("a.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hsize_t dims[] = {2, 2, 2};
    const hid_t text = H5Tcopy(H5T_C_S1);
    for (const int rank : {1, 2, 3}) {
        const hid_t space = H5Screate_simple(rank, dims, nullptr);
        H5Dclose(H5Dcreate2(id, ("rank" + std::to_string(rank)).c_str(), rank == 2 ? text : H5T_IEEE_F64LE, space,
                            H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        H5Sclose(space);
    }
    H5Tclose(text);
    H5Fclose(id);
    EXPECT_EQ(open_error("a.h5:/rank1"), file("a.h5:/rank1") + ": expected 2 dimensions, found 1");
    EXPECT_EQ(open_error("a.h5:/rank3"), file("a.h5:/rank3") + ": expected 2 dimensions, found 3");
    EXPECT_EQ(open_error("a.h5:/rank2"), file("a.h5:/rank2") + ": expected numbers");
}

TEST_F(ShardFiles, NamesTheFirstBadNumberOfAWindow) {
    Matrix<double> S = series(0, 5, features);
    put_hdf5(file("part-0.h5"), "x", S);
    S(3, 1) = std::numeric_limits<double>::quiet_NaN();
    S(4, 0) = -std::numeric_limits<double>::infinity();
    put_hdf5(file("part-1.h5"), "x", S);
    const Shards shards = Shards::open(file("part-?.h5:/x"), features);
    const std::string where = file("part-1.h5:/x") + ": row ";
    EXPECT_EQ(read_error(shards, 0, 8), "");
    EXPECT_EQ(read_error(shards, 7, 3), where + "3, column 1 (from 0): expected a finite number");
    EXPECT_EQ(read_error(shards, 9, 1), where + "4, column 0 (from 0): expected a finite number");
    EXPECT_EQ(read_error(shards, 0, 10), where + "3, column 1 (from 0): expected a finite number");
}

TEST_F(ShardFiles, RefusesFilesThatChangeWhileTheyAreRead) {
    for (const std::string name : {"a.npy", "a.h5"}) {
        const Matrix<double> S = series(0, 40, features);
        const auto fill = [&](const std::string& at, const Matrix<double>& with) {
            fs::remove(file(at));
            if (name == "a.npy")
                put(file(at), npy_of(with, "<f8", false));
            else
                put_hdf5(file(at), "x", with);
        };
        fill(name, S);
        fill("b", S);
        const std::uintmax_t size = fs::file_size(file(name));
        const std::string list = file("list"), inputs = std::string("@").append(list);
        put(list, name + "\n" + (name == "a.npy" ? name : "b:/x"));
        for (const bool before : {true, false}) {  // the file is open already, or not yet
            fill(name, S);
            const Shards shards = Shards::open(inputs, features);
            if (!before) {
                EXPECT_EQ(read_error(shards, 0, 2), "");
            }
            fs::resize_file(file(name), size - 8);
            EXPECT_EQ(read_error(shards, 2, 2), file(name) + ": expected " + std::to_string(size) +
                                                    " bytes, as when it was opened, found " + std::to_string(size - 8));
            fill(name, S);
            EXPECT_EQ(read_error(shards, 2, 2), "");  // for the file that is open this is another one
            put(file(name), read_file(file(name)) + "more");
            EXPECT_NE(read_error(shards, 2, 2).find("as when it was opened"), std::string::npos);
            fs::remove(file(name));
            EXPECT_NE(read_error(shards, 2, 2).find(name + ": cannot be read"), std::string::npos);
        }
        fill(name, S);
        const Shards shards = Shards::open(inputs, features);
        Matrix<double> turned(features, 40);  // as many bytes, another shape
        fill(name, turned);
        if (fs::file_size(file(name)) == size) {
            EXPECT_NE(
                read_error(shards, 0, 1).find("expected 40 rows of 3 columns, as when it was opened, found 3 rows"),
                std::string::npos);
        } else {
            ADD_FAILURE() << "the test needs files of equal size";
        }
    }
}

TEST_F(ShardFiles, LyingHeadersOfHdf5AreNotBelieved) {
    const hid_t id = H5Fcreate(file("a.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t dims[] = {hsize_t{1} << 40, 3}, chunk[] = {1024, 3}, overflow[] = {hsize_t{1} << 61, 1 << 20};
    H5Pset_chunk(creation, 2, chunk);
    for (const auto& [name, shape] : {std::pair("claims", dims), {"overflows", overflow}}) {
        const hid_t space = H5Screate_simple(2, shape, nullptr);
        H5Dclose(H5Dcreate2(id, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
        H5Sclose(space);
    }
    H5Pclose(creation);
    H5Fclose(id);
    EXPECT_NE(open_error("a.h5:/claims").find("no more values than the file can hold"), std::string::npos);
    EXPECT_NE(open_error("a.h5:/overflows", 1 << 20).find("at most"), std::string::npos);
}

// Mutations are read in windows, and once more as a whole.
int fuzz_shards(const fs::path& path, int flips, std::uint64_t seed) {
    const std::string valid = read_file(path);
    return test::fuzz(path, valid, flips, seed, [&] {
        const Shards shards = Shards::open(path.string(), 0);
        const Index count = std::min<Index>(shards.samples(), 1 << 16);
        Matrix<double> X(shards.features(), count);
        for (Index first = 0; first < count; first += 5)
            shards.read(first, X.view().columns(0, std::min<Index>(5, count - first)));
        shards.read(0, X.view());
    });
}

TEST_F(ShardFiles, SurviveMutations) {
    put(file("a.npy"), npy_of(series(0, 9, features), ">f4", true));
    const auto size = static_cast<int>(fs::file_size(file("a.npy")));
    const int refused = fuzz_shards(file("a.npy"), 3000, 31);
    EXPECT_GE(refused, size);
    EXPECT_LT(refused, size + 3000);

    Hdf5File out = Hdf5File::create(file("a.h5"));  // with checksums
    out.root().write("x", series(0, 9, features), {});
    out.commit();
    (void)fuzz_shards(file("a.h5"), 2000, 32);
    put_hdf5(file("old.h5"), "x", series(0, 9, features), {H5T_IEEE_F32BE, {4, 2}, false});
    (void)fuzz_shards(file("old.h5"), 1000, 33);
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL), 0);
}

// Flips in the compressed values themselves: the rest of the file is as it was.
TEST_F(ShardFiles, DamagedCompressedValuesAreRefused) {
    put_hdf5(file("a.h5"), "x", series(0, 400, features), {H5T_IEEE_F64LE, {100, 3}, true});
    const std::string valid = read_file(file("a.h5"));
    int damaged = 0;
    for (std::size_t at = valid.find("\x78\x9c"); at != valid.npos; at = valid.find("\x78\x9c", at + 1), ++damaged) {
        std::string bytes = valid;
        for (std::size_t k = 2; k < 40; ++k)
            bytes[at + k] = static_cast<char>(~bytes[at + k]);
        put(file("a.h5"), bytes);
        const Shards shards = Shards::open(file("a.h5"), features);
        EXPECT_NE(read_error(shards, 0, 400).find("a.h5:/x: rows 0 to 399: expected numbers"), std::string::npos);
    }
    EXPECT_EQ(damaged, 4);
}

}  // namespace
}  // namespace descrambler

#include "descrambler/npy.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
#include "fuzz.hpp"
#include "io/bytes.hpp"
#include "sample_files.hpp"

namespace descrambler {
namespace {

using test::npy;

template <class T>
std::string numbers(std::initializer_list<T> values, std::endian order = std::endian::little) {
    std::string bytes;
    for (const T value : values)
        bytes.append(to_bytes(value, order).data(), sizeof(T));
    return bytes;
}

class Npy : public testing::Test {
protected:
    Matrix<double> read(const std::string& bytes) {
        test::put(scratch_ / "a.npy", bytes);
        return read_npy(scratch_ / "a.npy");
    }
    std::string error(const std::string& bytes) {
        return test::input_error([&] { (void)read(bytes); });
    }
    test::Scratch scratch_{"npy"};
};

TEST_F(Npy, ReadsBothOrdersOfBothKindsOfStorage) {
    const std::string c = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";
    const Matrix<double> a = read(npy(c, numbers<double>({1, 2, 3, 4, 5, 6})));
    ASSERT_EQ(a.rows(), 2);
    ASSERT_EQ(a.cols(), 3);
    EXPECT_EQ(a(0, 2), 3);
    EXPECT_EQ(a(1, 0), 4);
    const std::string f = "{\"shape\":(2,3),\"fortran_order\":True,\"descr\":\">f4\"}  \n";
    const Matrix<double> b = read(npy(f, numbers<float>({1, 4, 2, 5, 3, 6}, std::endian::big), 2));
    EXPECT_EQ(a, b);
    EXPECT_EQ(a, read(npy(c, numbers<double>({1, 2, 3, 4, 5, 6}), 3)));
}

TEST_F(Npy, RankOneIsOneColumn) {
    const Matrix<double> a =
        read(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", numbers<float>({1, 2, 3})));
    EXPECT_EQ(a.rows(), 3);
    EXPECT_EQ(a.cols(), 1);
    EXPECT_EQ(a(2, 0), 3);
}

TEST_F(Npy, ReturnsWhatWasWrittenBitForBit) {
    Matrix<double> a(301, 700);  // more than one block
    RandomStream random(1, 2);
    for (double& value : a.values())
        value = random.uniform() - 0.5;
    a(0, 0) = -0.0;
    a(1, 0) = std::numeric_limits<double>::denorm_min();
    a(2, 0) = std::numeric_limits<double>::infinity();
    write_npy(scratch_ / "b.npy", a);
    const Matrix<double> b = read_npy(scratch_ / "b.npy");
    EXPECT_EQ(a, b);
    EXPECT_TRUE(std::signbit(b(0, 0)));
    write_npy(scratch_ / "c.npy", b);
    EXPECT_EQ(read_file(scratch_ / "b.npy"), read_file(scratch_ / "c.npy"));
    EXPECT_EQ((read_file(scratch_ / "b.npy").size() - 301 * 700 * 8) % 64, 0u);  // as the format asks
}

TEST_F(Npy, ReadsTheGoldenVectors) {
    if (!test::has_data("golden"))
        GTEST_SKIP() << test::no_data("golden");
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(test::data("golden")))
        if (entry.path().extension() == ".npy") {
            const Matrix<double> a = read_npy(entry.path());
            EXPECT_GT(a.size(), 0) << entry.path();
            // what follows the header is the matrix row by row
            std::string data;
            for (Index i = 0; i < a.rows(); ++i)
                for (Index j = 0; j < a.cols(); ++j)
                    data.append(to_bytes(a(i, j), std::endian::little).data(), 8);
            EXPECT_TRUE(read_file(entry.path()).ends_with(data)) << entry.path();
            ++files;
        }
    EXPECT_GT(files, 50);
}

TEST_F(Npy, RefusesLyingShape) {
    const std::string six = numbers<double>({1, 2, 3, 4, 5, 6});
    const auto shaped = [&](const std::string& shape) {
        return error(npy("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }", six));
    };
    EXPECT_EQ(shaped("(2, 3)"), "");
    EXPECT_EQ(shaped("(6,)"), "");
    EXPECT_NE(shaped("(2, 4)").find("a.npy: shape: expected 64 bytes of data, found 48"), std::string::npos);
    for (const std::string shape :
         {"(2, 2)", "(1, 2, 3)", "()", "(-6,)", "(6", "6", "[6]", "(6.0,)", "(4294967296, 4294967296)", "(6, 0)",
          "(9223372036854775807, 2)", "(2305843009213693952, 8)", "(99999999999999999999999,)", "(6,,)", "(,)"})
        EXPECT_NE(shaped(shape).find("shape"), std::string::npos) << shape;
    // products that overflow to no bytes at all, and sizes nothing can have
    for (const std::string shape : {"(4294967296, 4294967296)", "(2305843009213693952, 8)", "(0, 4611686018427387904)"})
        EXPECT_NE(
            error(npy("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }", "")).find("fewer values"),
            std::string::npos)
            << shape;
}

TEST_F(Npy, RefusesWhatItDoesNotKnow) {
    const std::string one = numbers<double>({1});
    const auto header = [&](const std::string& text) { return error(npy(text, one)); };
    for (const std::string type : {"|O", "<i8", "<c16", "f8", "=f8", "<U2", ""})
        EXPECT_NE(
            header("{'descr': '" + type + "', 'fortran_order': False, 'shape': (1,)}").find("descr: expected <f4"),
            std::string::npos);
    EXPECT_NE(header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}").find("descr"),
              std::string::npos);
    for (const std::string text :
         {"{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}", "{'descr': '<f8', 'shape': (1,)}",
          "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
          "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}", "", "{", "{}", "{'descr",
          "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", "{'descr' '<f8'}"})
        EXPECT_NE(header(text).find("a.npy: header: expected"), std::string::npos) << text;
    const std::string good = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", one);
    EXPECT_EQ(error(good), "");
    EXPECT_NE(error(good + "x"), "");
    EXPECT_NE(error("PK" + good), "");
    std::string version = good;
    version[6] = 4;
    EXPECT_NE(error(version).find("version"), std::string::npos);
    EXPECT_NE(error(npy(std::string(70000, ' '), one, 2)).find("header"), std::string::npos);
    EXPECT_NE(test::input_error([&] { (void)read_npy(scratch_ / "absent.npy"); }), "");
    EXPECT_NE(test::input_error([&] { (void)read_npy(scratch_.path()); }), "");
}

TEST_F(Npy, SurvivesMutations) {
    const std::string valid = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }       \n",
                                  numbers<double>({1, 2, 3, 4, 5, 6}));
    const int refused = test::fuzz(scratch_ / "a.npy", valid, 5000, 11, [&] { (void)read_npy(scratch_ / "a.npy"); });
    EXPECT_GT(refused, static_cast<int>(valid.size()) - 1);     // no truncation is accepted
    EXPECT_LT(refused, 5000 + static_cast<int>(valid.size()));  // flips of values are
}

class Inputs : public testing::Test {
protected:
    Inputs() : samples_(5, 3) {  // as files have it
        for (Index i = 0; i < 5; ++i)
            for (Index j = 0; j < 3; ++j)
                samples_(i, j) = static_cast<double>(10 * i + j);
    }
    void expect_samples(const Matrix<double>& inputs) {
        ASSERT_EQ(inputs.rows(), 3);
        ASSERT_EQ(inputs.cols(), 5);
        for (Index i = 0; i < 5; ++i)
            for (Index j = 0; j < 3; ++j)
                EXPECT_EQ(inputs(j, i), samples_(i, j));
    }
    std::string error(const std::string& path, Index features) {
        return test::input_error([&] { (void)read_inputs(path, features); });
    }
    std::string file(const std::string& name) { return (scratch_ / name).string(); }
    test::Scratch scratch_{"inputs"};
    Matrix<double> samples_;
};

TEST_F(Inputs, RowsOfEveryKindOfFileBecomeColumns) {
    write_npy(file("a.npy"), samples_);
    Hdf5File h5 = Hdf5File::create(file("a.h5"));
    h5.root().write("deep/inputs", samples_, {});
    h5.root().write("deep/axis", std::vector<double>{1, 2, 3}, {});
    h5.commit();
    expect_samples(read_inputs(file("a.npy"), 3));
    expect_samples(read_inputs(file("a.npy"), 0));
    expect_samples(read_inputs(file("a.h5") + ":/deep/inputs", 3));
    expect_samples(read_inputs(file("a.h5"), 3));  // the only one of rank 2
}

TEST_F(Inputs, RefusesOtherWidths) {
    write_npy(file("a.npy"), samples_);
    EXPECT_EQ(error(file("a.npy"), 4), file("a.npy") + ": expected 4 columns (features), found 3");
    EXPECT_NE(error(file("a.npy"), 5), "");  // five rows are no five features
}

TEST_F(Inputs, NeverGuessesTheDataSet) {
    Hdf5File h5 = Hdf5File::create(file("two.h5"));
    h5.root().write("a", samples_, {});
    h5.root().write("b", samples_, {});
    h5.root().write("c", std::vector<double>{1}, {});
    h5.commit();
    EXPECT_NE(error(file("two.h5"), 3).find("found /a and /b"), std::string::npos);
    EXPECT_NE(error(file("two.h5") + ":/c", 3).find("2 dimensions"), std::string::npos);
    EXPECT_NE(error(file("two.h5") + ":/d", 3).find("two.h5:/d: expected a data set"), std::string::npos);
    EXPECT_EQ(error(file("two.h5") + ":/b", 3), "");
    EXPECT_NE(error(file("absent.h5") + ":/b", 3), "");
    EXPECT_NE(error(file("absent.npy"), 3), "");
    Hdf5File none = Hdf5File::create(file("none.h5"));
    none.commit();
    EXPECT_NE(error(file("none.h5"), 3).find("found none"), std::string::npos);
}

TEST_F(Inputs, NamesTheFirstBadNumber) {
    samples_(3, 1) = std::numeric_limits<double>::quiet_NaN();
    samples_(4, 0) = std::numeric_limits<double>::infinity();
    write_npy(file("a.npy"), samples_);
    EXPECT_EQ(error(file("a.npy"), 3), file("a.npy") + ": row 3, column 1 (from 0): expected a finite number");
    write_npy(file("empty.npy"), Matrix<double>(0, 3));
    EXPECT_NE(error(file("empty.npy"), 3).find("at least one row"), std::string::npos);
}

}  // namespace
}  // namespace descrambler

// The comparer that other tests rely on must see every kind of difference.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>

#include "data.hpp"
#include "descrambler/hdf5.hpp"

namespace descrambler {
namespace {

using namespace test;

class SameBits : public ::testing::Test {
protected:
    using Change = std::function<void(const Hdf5Group&)>;
    Scratch folder{"same_bits"};

    // A small result; `change` may add to it.
    std::string file(const std::string& name, double value, const Change& change) {
        Hdf5File file = Hdf5File::create(folder / name);
        const Hdf5Group& root = file.root();
        root.write("layers/one/gram", {2, 2}, std::vector<double>{1, -0.0, value, 4}.data(), {"1", "a matrix", "n,n"});
        root.write("labels", {2}, std::vector<std::int64_t>{3, (std::int64_t{1} << 60) + (value > 3 ? 1 : 0)}.data(),
                   {"1", "numbers beyond a double", "n"});
        root.write_text("names", {"a", "bc"}, {"1", "texts", "n"});
        root.attribute("layers/one", "tap", std::string("before"));
        change(root);
        file.commit();
        return folder / name;
    }
    int compare(double value, const Change& a, const Change& b) {
        const std::string command = std::string(SAME_BITS) + " " + file("a.h5", 3, a) + " " + file("b.h5", value, b) +
                                    " >" + std::string(folder / "out") + " 2>&1";
        const int status = std::system(command.c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    static void nothing(const Hdf5Group&) {}
};

TEST_F(SameBits, EqualFilesAreEqual) {
    EXPECT_EQ(compare(3, nothing, nothing), 0);
}

TEST_F(SameBits, WhatMayDifferDoesNotCount) {
    const auto run = [](std::int64_t n) {
        return [n](const Hdf5Group& root) {
            root.attribute("", "ranks", n);
            root.attribute("", "device", std::string(static_cast<std::size_t>(n), 'x'));
            root.attribute("layers", "seconds", 0.1 * static_cast<double>(n));
            root.create_group("timing").attribute("", "training_seconds", static_cast<double>(n));
            root.attribute("timing", "threads", n);
        };
    };
    EXPECT_EQ(compare(3, run(1), run(4)), 0);
    EXPECT_EQ(compare(3, run(1), nothing), 0);
}

TEST_F(SameBits, EveryDifferenceCounts) {
    EXPECT_EQ(compare(std::nextafter(3.0, 0.0), nothing, nothing), 1);
    EXPECT_EQ(compare(4, nothing, nothing), 1);
    const auto value = [](auto x) {
        return [x](const Hdf5Group& root) { root.write("layers/two/eta", {1}, &x, {"1", "eta", "n"}); };
    };
    EXPECT_EQ(compare(3, value(0.0), value(0.0)), 0);
    EXPECT_EQ(compare(3, value(0.0), value(-0.0)), 1) << "signs of zero";
    EXPECT_EQ(compare(3, value(1.0), value(1.0F)), 1) << "types";
    EXPECT_EQ(compare(3, value(1.0), nothing), 1) << "only in the first";
    EXPECT_EQ(compare(3, nothing, value(1.0)), 1) << "only in the second";
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(compare(3, value(nan), value(nan)), 0);
    const auto integer = [](std::int64_t x) {  // equal once converted to double
        return [x](const Hdf5Group& root) { root.write("count", {1}, &x, {"1", "count", "n"}); };
    };
    EXPECT_EQ(compare(3, integer((std::int64_t{1} << 60) + 1), integer(std::int64_t{1} << 60)), 1);
    const auto shaped = [](std::vector<Index> shape) {
        return [shape](const Hdf5Group& root) {
            root.write("shaped", shape, std::vector<float>(6).data(), {"1", "shaped", "a,b"});
        };
    };
    EXPECT_EQ(compare(3, shaped({2, 3}), shaped({3, 2})), 1);
    const auto attribute = [](const std::string& at, const std::string& key, const std::string& text) {
        return [at, key, text](const Hdf5Group& root) { root.attribute(at, key, text); };
    };
    EXPECT_EQ(compare(3, attribute("layers", "x", "ab"), attribute("layers", "x", "ab")), 0);
    EXPECT_EQ(compare(3, attribute("layers", "x", "ab"), attribute("layers", "x", "ac")), 1);
    EXPECT_EQ(compare(3, attribute("layers", "x", "ab"), attribute("layers", "x", "abc")), 1);
    EXPECT_EQ(compare(3, attribute("layers/one/gram", "x", "ab"), nothing), 1);
    EXPECT_EQ(compare(3, nothing, attribute("", "commit", "ab")), 1);
    const auto group = [](const std::string& name) {
        return [name](const Hdf5Group& root) { (void)root.create_group(name); };
    };
    EXPECT_EQ(compare(3, group("empty"), nothing), 1);
    EXPECT_EQ(compare(3, group("layers/timing"), nothing), 1) << "only the group of the root is left out";
}

TEST_F(SameBits, WhatCannotBeReadIsNoDifference) {
    const std::string tool = SAME_BITS, quiet = " >/dev/null 2>&1";
    EXPECT_EQ(WEXITSTATUS(std::system((tool + quiet).c_str())), 2);
    EXPECT_EQ(WEXITSTATUS(std::system((tool + " /dev/null /dev/null" + quiet).c_str())), 2);
    const std::string good = file("good.h5", 3, nothing);
    EXPECT_EQ(WEXITSTATUS(std::system((tool + " " + good + " " + good + ".not" + quiet).c_str())), 2);
}

}  // namespace
}  // namespace descrambler

#include "descrambler/hdf5.hpp"

#include <numeric>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "ranks.hpp"

namespace descrambler {
namespace {

using namespace test;

class Hdf5RanksTest : public FolderTest {
protected:
    const bool parallel = shares_files(ranks);

    static std::vector<double> numbers(Index count) {
        std::vector<double> values(static_cast<std::size_t>(count));
        std::iota(values.begin(), values.end(), 0.5);
        return values;
    }
    // One of each kind, with fewer rows than ranks and with many.
    static void fill(const Hdf5Group& root) {
        for (const Index rows : {0, 1, 3, 1000})
            root.write("rows/" + std::to_string(rows), {rows, 7}, numbers(7 * rows).data(), {"1", "rows", "n,m"});
        root.write("networks/gram", {2, 5, 5}, numbers(50).data(), {"1", "a cube", "networks,n,n"});
        root.write("whole", std::vector<std::int64_t>{1, std::int64_t{1} << 60}, {"1", "numbers", "n"});
        Matrix<double> A(300, 2);
        std::ranges::copy(numbers(600), A.data());
        root.write("matrix", A, {"nm", "a matrix", "n,m"});
        root.write("scalar", {}, numbers(1).data(), {"1", "one number", ""});
        root.write_text("texts", {"a", "bc", ""}, {"1", "texts", "n"});
        root.attribute("matrix", "samples", std::int64_t{77});
        root.attribute("", "title", std::string("a title"));
        root.attribute("", "values", std::vector<double>{1, 2});
    }
    // The file that one process writes.
    std::filesystem::path serial() {
        const std::filesystem::path path = folder / "serial.h5";
        if (rank == 0) {
            Hdf5File file = Hdf5File::create(path);
            fill(file.root());
            file.commit();
        }
        ranks.barrier();
        return path;
    }
    [[nodiscard]] bool folder_is_empty() const { return std::filesystem::is_empty(folder); }
};

TEST_F(Hdf5RanksTest, AFileOfAllRanksIsThatOfOneProcess) {
    const std::filesystem::path path = folder / "together.h5";
    Hdf5File file = Hdf5File::create(path, ranks);
    fill(file.root());
    EXPECT_EQ(file.collective(), parallel);
    EXPECT_FALSE(std::filesystem::exists(path));
    ranks.barrier();
    file.commit();
    const std::filesystem::path expected = serial();
    const Hdf5File found = Hdf5File::open(path), wanted = Hdf5File::open(expected);
    const std::vector<std::string> sets = wanted.root().datasets();
    ASSERT_EQ(found.root().datasets(), sets);
    EXPECT_EQ(sets.size(), 9u);
    for (const std::string& name : sets) {
        ASSERT_EQ(found.root().shape(name), wanted.root().shape(name)) << name;
        if (name == "texts") {
            EXPECT_EQ(found.root().read_text(name), wanted.root().read_text(name));
        } else
            EXPECT_EQ(found.root().read<double>(name).values, wanted.root().read<double>(name).values) << name;
        for (const char* key : {"unit", "meaning", "axes"})
            EXPECT_EQ(found.root().text_attribute(name, key), wanted.root().text_attribute(name, key)) << name;
    }
    EXPECT_EQ(found.root().read_vector<std::int64_t>("whole").back(), std::int64_t{1} << 60);
    EXPECT_EQ(found.root().number_attribute("matrix", "samples"), 77);
    EXPECT_EQ(found.root().text_attribute("", "title"), "a title");
    ranks.barrier();
    if (rank == 0) {  // no temporary file is left
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 2);
    }
}

TEST_F(Hdf5RanksTest, TheSameBytesFromEveryRun) {
    for (const char* name : {"one.h5", "two.h5"}) {
        Hdf5File file = Hdf5File::create(folder / name, ranks);
        fill(file.root());
        file.commit();
    }
    EXPECT_TRUE(read_file(folder / "one.h5") == read_file(folder / "two.h5"));
}

TEST_F(Hdf5RanksTest, WithoutCommitNothingIsLeft) {
    {
        Hdf5File file = Hdf5File::create(folder / "together.h5", ranks);
        fill(file.root());
    }
    ranks.barrier();
    EXPECT_TRUE(folder_is_empty());
}

TEST_F(Hdf5RanksTest, AFileThatCannotBeCreatedIsAnErrorOnAllRanks) {
    EXPECT_THROW((void)Hdf5File::create(folder / "not_there" / "together.h5", ranks), Error);
    EXPECT_TRUE(folder_is_empty());
    ranks.barrier();
    if (rank == 0)
        std::filesystem::create_directory(folder / "taken.h5");
    ranks.barrier();
    Hdf5File file = Hdf5File::create(folder / "taken.h5", ranks);
    fill(file.root());
    EXPECT_THROW(file.commit(), Error);
}

TEST_F(Hdf5RanksTest, RowsAreReadTogetherAndSomeRanksReadNone) {
    const Hdf5File file = Hdf5File::open(serial(), ranks);
    const Hdf5Rows rows = file.root().rows("rows/1000");
    ASSERT_EQ(rows.rows(), 1000);
    ASSERT_EQ(rows.cols(), 7);
    const std::vector<double> all = numbers(7000);
    for (const Index count : {1, 100, 250}) {
        const Index first = rank * 250, mine = rank % 2 == 0 ? count : 0;
        std::vector<double> values(static_cast<std::size_t>(7 * mine), -1);
        rows.read(mine == 0 ? 0 : first, mine, values.data());
        EXPECT_TRUE(std::equal(values.begin(), values.end(), all.begin() + 7 * first)) << count;
    }
    rows.read(0, 0, nullptr);  // nobody anything
    EXPECT_EQ(file.collective(), parallel);
}

TEST_F(Hdf5RanksTest, AFileThatIsNoneIsRefusedOnAllRanks) {
    EXPECT_THROW((void)Hdf5File::open(folder / "not_there.h5", ranks), InputError);
    if (rank == 0)
        write_file(folder / "text.h5", std::string(5000, 'x'));
    ranks.barrier();
    EXPECT_THROW((void)Hdf5File::open(folder / "text.h5", ranks), InputError);
}

}  // namespace
}  // namespace descrambler

// Patterns and lists: which files they name, in what order, and which of them are missing.
#include <gtest/gtest.h>

#include "data.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/shards.hpp"
#include "sample_files.hpp"

namespace descrambler {
namespace {

namespace fs = std::filesystem;

class ShardNames : public testing::Test {
protected:
    std::string file(const std::string& name) const { return (scratch_ / name).string(); }
    void fill(const std::vector<std::string>& names) const {
        for (const std::string& name : names)
            write_npy(file(name), test::series(0, 2, 3));
    }
    void fill_afresh(const std::vector<std::string>& names) const {
        for (const auto& entry : fs::directory_iterator(scratch_.path()))
            fs::remove_all(entry);
        fill(names);
    }
    // Names without the folder.
    std::vector<std::string> opened(const std::string& inputs) const {
        const std::string all = inputs[0] == '@' ? std::string("@").append(file(inputs.substr(1))) : file(inputs);
        const Shards shards = Shards::open(all, 3);
        std::vector<std::string> names;
        for (const Shards::File& of : shards.files())
            names.push_back(fs::path(of.name).lexically_normal().lexically_relative(scratch_.path()).string());
        return names;
    }
    std::string error(const std::string& inputs) const {
        return test::input_error([&] { (void)opened(inputs); });
    }
    using Names = std::vector<std::string>;
    test::Scratch scratch_{"shard_names"};
};

TEST_F(ShardNames, NumbersAreSortedAsNumbers) {
    fill({"part-10.npy", "part-9.npy", "part-8.npy", "part-11.npy"});
    EXPECT_EQ(opened("part-*.npy"), (Names{"part-8.npy", "part-9.npy", "part-10.npy", "part-11.npy"}));
    EXPECT_EQ(opened("part-?.npy"), (Names{"part-8.npy", "part-9.npy"}));
    fill_afresh({"b2-part1.npy", "b10-part1.npy", "b10-part3.npy", "a7.npy", "b.npy", "b2-part01.npy"});
    EXPECT_EQ(opened("*.npy"),
              (Names{"a7.npy", "b.npy", "b2-part01.npy", "b2-part1.npy", "b10-part1.npy", "b10-part3.npy"}));
    fill_afresh(
        {"99999999999999999999999998.npy", "99999999999999999999999999.npy", "100000000000000000000000000.npy"});
    EXPECT_EQ(opened("*.npy"), (Names{"99999999999999999999999998.npy", "99999999999999999999999999.npy",
                                      "100000000000000000000000000.npy"}));
}

TEST_F(ShardNames, OnlyStarAndQuestionMarkAreSpecial) {
    fill({"a[1]*.npy", "a1x.npy", "a[1]x.npy", ".hidex.npy", "a\\x.npy"});
    EXPECT_EQ(opened("a[1]*.npy"), (Names{"a[1]*.npy"}));  // a file of that name is that file
    EXPECT_EQ(opened("a[1]?.npy"), (Names{"a[1]*.npy", "a[1]x.npy"}));
    EXPECT_EQ(opened("*x.npy"), (Names{"a1x.npy", "a[1]x.npy", "a\\x.npy"}));
    EXPECT_EQ(opened("a\\?.npy"), (Names{"a\\x.npy"}));
    EXPECT_EQ(opened(".h*"), (Names{".hidex.npy"}));
}

TEST_F(ShardNames, MissingNumbersAreNamed) {
    const auto missing = [&](const std::vector<std::string>& names) {
        fill_afresh(names);
        const std::string text = error("*.npy");
        const std::string begin = file("*.npy") + ": expected ", end = ", found none; a list";
        return text.starts_with(begin) ? text.substr(begin.size(), text.find(end) - begin.size()) : text;
    };
    EXPECT_EQ(missing({"000.npy", "001.npy", "003.npy"}), "002.npy between 001.npy and 003.npy");
    EXPECT_EQ(missing({"p-9.npy", "p-11.npy"}), "p-10.npy between p-9.npy and p-11.npy");
    EXPECT_EQ(missing({"p-099.npy", "p-101.npy", "p-105.npy"}), "p-100.npy between p-099.npy and p-101.npy");
    EXPECT_EQ(missing({"s2-0-of-4.npy", "s2-1-of-4.npy", "s2-3-of-4.npy"}),
              "s2-2-of-4.npy between s2-1-of-4.npy and s2-3-of-4.npy");
    EXPECT_EQ(missing({"98.npy", "99.npy", "101.npy"}), "100.npy between 99.npy and 101.npy");
    for (const std::vector<std::string>& whole :
         std::initializer_list<std::vector<std::string>>{{"003.npy"},                           // one file
                                                         {"5.npy", "6.npy", "7.npy"},           // from any number
                                                         {"p-8.npy", "p-9.npy", "p-10.npy"},    // of any width
                                                         {"p-08.npy", "p-09.npy", "p-10.npy"},  //
                                                         {"a1-1.npy", "a1-3.npy", "a2-1.npy"},  // two numbers differ
                                                         {"a1-1.npy", "a2-1.npy", "a2-3.npy"},
                                                         {"a1.npy", "b3.npy"},            // other texts
                                                         {"a1.npy", "a3.npy", "a.npy"}})  // or no number at all
        EXPECT_EQ(missing(whole), "") << whole.front();
    fill_afresh({"000.npy", "001.npy", "003.npy"});
    test::put(file("list"), "000.npy\n001.npy\n003.npy\n");
    EXPECT_EQ(error("@list"), "");
}

TEST_F(ShardNames, PatternsThatNameNothingAreRefused) {
    fill({"a.npy"});
    EXPECT_EQ(error("b*.npy"), file("b*.npy") + ": expected at least one file of such a name, found none");
    EXPECT_NE(error("none/b*.npy").find("none/b*.npy: folder cannot be read: "), std::string::npos);
    EXPECT_NE(error("no*/a.npy").find("no*/a.npy: cannot be read"), std::string::npos);
    // what matches and is no file of samples is not passed over
    fs::create_directory(file("a-folder.npy"));
    EXPECT_NE(error("a*.npy").find("a-folder.npy: cannot be read"), std::string::npos);
    fs::remove(file("a-folder.npy"));
    fs::create_symlink(file("nowhere"), file("a-link.npy"));
    EXPECT_NE(error("a*.npy").find("a-link.npy: cannot be read"), std::string::npos);
    test::put(file("a-link.npy.txt"), "notes");
    EXPECT_NE(error("a*t").find("a-link.npy.txt: expected an HDF5 file"), std::string::npos);
}

TEST_F(ShardNames, DataSetsOfPatterns) {
    for (const char* name : {"0.h5", "1.h5"}) {
        test::put_hdf5(file(name), "in/a", test::series(0, 2, 3));
        test::put_hdf5(file(name), "in/b", test::series(0, 4, 3));
    }
    EXPECT_EQ(opened("*.h5:/in/b"), (Names{"0.h5:/in/b", "1.h5:/in/b"}));
    EXPECT_NE(error("?.h5").find("0.h5: expected one data set of rank 2, found /in/a and /in/b"), std::string::npos);
    EXPECT_NE(error("*.h5:/in/c").find("0.h5:/in/c: expected a data set"), std::string::npos);
    EXPECT_NE(error("*.hdf:/in/a").find("*.hdf: expected at least one file"), std::string::npos);
}

TEST_F(ShardNames, ListsAreRelativeToThemselves) {
    fs::create_directory(file("deep"));
    fill({"a.npy", "deep/b.npy", "deep/with blank.npy", "deep/#c.npy"});
    test::put_hdf5(file("d.h5"), "x", test::series(0, 2, 3));
    test::put_hdf5(file("d.h5"), "y", test::series(0, 2, 3));
    test::put(file("deep/list.txt"),
              "# a comment\r\n\r\n  b.npy \r\n../a.npy\n\n./#c.npy\nwith blank.npy\n../d.h5:/y\n#" + file("none.npy") +
                  "\nb.npy\n" + file("a.npy"));
    EXPECT_EQ(opened("@deep/list.txt"),
              (Names{"deep/b.npy", "a.npy", "deep/#c.npy", "deep/with blank.npy", "d.h5:/y", "deep/b.npy", "a.npy"}));
    const std::vector<std::string> files = input_files(std::string("@").append(file("deep/list.txt")));
    ASSERT_EQ(files.size(), 8u);
    EXPECT_TRUE(fs::equivalent(files[4], file("d.h5")));
    EXPECT_EQ(files.back(), file("deep/list.txt"));
}

TEST_F(ShardNames, ListsThatNameNothingAreRefused) {
    fill({"a.npy"});
    const auto refused = [&](const std::string& list) {
        test::put(file("list"), list);
        return error("@list");
    };
    EXPECT_EQ(refused("a.npy\n\n# b\nb.npy\n"),
              file("list") + ": line 4: expected the file " + file("b.npy") + ", found none");
    EXPECT_NE(refused("a.npy\na*.npy\n").find("line 2: expected the file"), std::string::npos);  // no patterns
    EXPECT_NE(refused("# nothing\n").find("list: expected at least one name of a file, found none"), std::string::npos);
    EXPECT_NE(refused("").find("found none"), std::string::npos);
    EXPECT_NE(refused(std::string("a.npy\0x\n", 8)).find("list: line 1: expected the name of a file, found 'a.npy?x'"),
              std::string::npos);
    EXPECT_NE(refused(std::string(100000, 'a')).find("list: line 1: expected the name of a file"), std::string::npos);
    EXPECT_NE(refused(std::string(1000, 'a')).find("list: line 1: expected the file"), std::string::npos);
    EXPECT_NE(error("@none").find("none: cannot be read"), std::string::npos);
    std::string bytes(4000, '\0');
    RandomStream random(5, 5);
    for (char& c : bytes)
        c = static_cast<char>(random.below(256));
    EXPECT_NE(refused(bytes).find("list: line 1"), std::string::npos);
}

}  // namespace
}  // namespace descrambler

#include "descrambler/files.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <set>

#include "data.hpp"
#include "fuzz.hpp"

namespace descrambler {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(Files, ReturnsWhatWasWritten) {
    const test::Scratch scratch("files_round");
    std::string content;
    for (int i = 0; i < 300000; ++i)  // several read blocks, every byte value
        content += static_cast<char>(i * 7);
    for (const std::string& text : {std::string(), std::string("one\n"), content}) {
        write_file(scratch / "a", text);
        EXPECT_EQ(read_file(scratch / "a"), text);
    }
    EXPECT_EQ(entries(scratch.path()), 1u);
}

TEST(Files, RefusesWhatCannotBeRead) {
    const test::Scratch scratch("files_read");
    EXPECT_NE(
        test::input_error([&] { (void)read_file(scratch / "absent"); }).find("absent: cannot be read: No such file"),
        std::string::npos);
    EXPECT_NE(test::input_error([&] { (void)read_file(scratch.path()); }), "");
    write_file(scratch / "long", std::string(100, 'x'));
    EXPECT_EQ(read_file(scratch / "long", 100).size(), 100u);
    EXPECT_NE(test::input_error([&] { (void)read_file(scratch / "long", 99); }).find("at most 99 bytes"),
              std::string::npos);
}

TEST(Files, TemporaryNamesAreHiddenUniqueAndInTheSameFolder) {
    std::set<fs::path> names;
    for (int i = 0; i < 100; ++i) {
        const fs::path name = temporary_name("some/folder/result.h5");
        EXPECT_EQ(name.parent_path(), "some/folder");
        EXPECT_TRUE(name.filename().string().starts_with(".result.h5."));
        names.insert(name);
    }
    EXPECT_EQ(names.size(), 100u);
    EXPECT_LE(temporary_name(std::string(250, 'x')).filename().string().size(), 255u);
    EXPECT_EQ(temporary_name("bare").parent_path(), ".");
}

TEST(Files, FailedWriteLeavesTheOldFileAndNothingElse) {
    const test::Scratch scratch("files_full");
    write_file(scratch / "a", "old");
    // A limit on the size of files stands for a full disk.
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit small{1000, limit.rlim_max};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    std::string message;
    try {
        write_file(scratch / "a", std::string(5000, 'x'));
    } catch (const InputError&) {
        ADD_FAILURE() << "not the input's fault";
    } catch (const Error& error) {
        message = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(message, (scratch / "a").string() + ": cannot be written: File too large");
    EXPECT_EQ(read_file(scratch / "a"), "old");
    EXPECT_EQ(entries(scratch.path()), 1u);
}

TEST(Files, RefusesTargetsThatAreNoFiles) {
    const test::Scratch scratch("files_target");
    fs::create_directory(scratch / "folder");
    EXPECT_THROW(write_file(scratch / "folder", "x"), Error);
    EXPECT_THROW(write_file(scratch / "no/such/folder/file", "x"), Error);
    ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
    EXPECT_THROW(write_file(scratch / "pipe", "x"), Error);
    EXPECT_TRUE(fs::is_fifo(scratch / "pipe"));
    EXPECT_EQ(entries(scratch.path()), 2u);
}

TEST(Files, CommitsWholeFolders) {
    const test::Scratch scratch("files_folder");
    make_folder(scratch / "work/deep");
    write_file(scratch / "work/deep/a", "content");
    commit_file(scratch / "work", scratch / "result");
    EXPECT_EQ(read_file(scratch / "result/deep/a"), "content");
    EXPECT_FALSE(fs::exists(scratch / "work"));
    EXPECT_THROW(commit_file(scratch / "absent", scratch / "result2"), Error);
}

TEST(Files, MakesFoldersUnlessSomethingIsInTheWay) {
    const test::Scratch scratch("files_make");
    make_folder(scratch / "a/b/c");
    make_folder(scratch / "a/b/c");
    make_folder((scratch / "a/b/d/").string() + "/");
    EXPECT_TRUE(fs::is_directory(scratch / "a/b/d"));
    write_file(scratch / "file", "x");
    EXPECT_NE(test::input_error([&] { make_folder(scratch / "file"); }).find("in the way"), std::string::npos);
    EXPECT_NE(test::input_error([&] { make_folder(scratch / "file/below"); }).find("in the way"), std::string::npos);
}

TEST(Files, LeftoversAreRemovedUnlessSomebodyWritesToThem) {
    const test::Scratch scratch("files_leftovers");
    const fs::path left = temporary_name(scratch / "a"), touched = temporary_name(scratch / "b"),
                   finished = temporary_name(scratch / "c");
    for (const fs::path& path : {left, touched, finished, scratch / "a", scratch / ".hidden", scratch / "b.tmp"})
        write_file(path, "x");
    const Leftovers leftovers(scratch.path());
    fs::last_write_time(touched, fs::last_write_time(touched) + std::chrono::seconds(1));
    commit_file(finished, scratch / "c");
    const fs::path later = temporary_name(scratch / "d");
    write_file(later, "x");
    leftovers.remove();
    EXPECT_FALSE(fs::exists(left));
    for (const fs::path& path : {touched, later, scratch / "a", scratch / "c", scratch / ".hidden", scratch / "b.tmp"})
        EXPECT_TRUE(fs::exists(path)) << path;
    Leftovers(scratch / "nowhere").remove();
}

}  // namespace
}  // namespace descrambler

// Outputs on a disk that is full: an error that names the file, and nothing is left.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "data.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"

namespace descrambler {
namespace {

// Files of this process end at so many bytes.
class LimitedFiles {
public:
    explicit LimitedFiles(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit small{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &small);
    }
    LimitedFiles(const LimitedFiles&) = delete;
    LimitedFiles& operator=(const LimitedFiles&) = delete;
    ~LimitedFiles() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int);
};

class FullDisk : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    test::Scratch folder{"full_disk"};
    const std::string path = folder / "result";

    template <class Write>
    void expect_error(const Write& write) {
        write_file(path, "old");
        try {
            write();
            FAIL() << "written";
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
        }
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
        EXPECT_EQ(read_file(path), "old");
    }
};

// In a process of its own: HDF5 keeps objects of a file that it could not close.
TEST_F(FullDisk, Hdf5) {
    const auto write_hdf5 = [&](rlim_t bytes) {
        expect_error([&] {
            const LimitedFiles limited(bytes);
            Hdf5File file = Hdf5File::create(path);
            file.root().write("values", std::vector<double>(10'000), {});
            file.commit();
        });
        std::_Exit(HasFailure() ? 1 : 0);
    };
    for (const rlim_t bytes : {0, 100, 2000, 30'000, 79'000})
        EXPECT_EXIT(write_hdf5(bytes), testing::ExitedWithCode(0), "") << bytes;
}

TEST_F(FullDisk, ReservesRoomWithoutAChangeOfSize) {
    write_file(path, "old");
    reserve_disk(path, path, 100'000);
    EXPECT_EQ(read_file(path), "old");
    expect_error([&] { reserve_disk(path, path, std::uint64_t{1} << 60); });
}

TEST_F(FullDisk, Text) {
    for (const rlim_t bytes : {0, 5000})
        expect_error([&] {
            const LimitedFiles limited(bytes);
            write_file(path, std::string(10'000, 'x'));
        });
}

}  // namespace
}  // namespace descrambler

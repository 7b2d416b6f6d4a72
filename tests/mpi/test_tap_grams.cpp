// Sums over a library by several ranks: the bits of one process, whoever was interrupted when.
#include <atomic>
#include <functional>
#include <mutex>

#include "descramble/sums/library_sum.hpp"
#include "descrambler/files.hpp"
#include "descrambler/library.hpp"
#include "descrambler/random.hpp"
#include "ranks.hpp"

namespace descrambler {
namespace {

using namespace test;
namespace fs = std::filesystem;

constexpr Index features = 6, leaves = 25, samples = (leaves - 1) * host_leaf + 77;

Network network(std::uint64_t number) {
    const std::vector<Layer> layers{{features, 5, Activation::tanh, false}, {5, 4, Activation::tanh, false}};
    return unpack(layers, initial_parameters<double>(layers, 11, number).data());
}

const Matrix<double>& inputs() {
    static const Matrix<double> X = [] {
        RandomStream random(3, stream::library);
        Matrix<double> drawn(features, samples);
        for (double& x : drawn.values())
            x = 1 + random.uniform();
        return drawn;
    }();
    return X;
}

class TapGramsTest : public FolderTest {
protected:
    const std::vector<Network> networks{network(0), network(1)};
    TapRequest request{.at = {2, Tap::after}};
    std::atomic<Index> read = 0;  // samples, by this rank
    std::atomic<int> calls = 0;
    std::vector<std::string> warnings;

    Library library(Reading reading = Reading::at_once) {
        return {features, samples,
                [this](Index first, Batch<double> X) {
                    read += X.cols;
                    ++calls;
                    library_of(inputs()).read(first, X);
                },
                reading};
    }
    [[nodiscard]] Execution execution(int threads = 1) const {
        Execution together = Execution::on_cpu(threads);
        together.ranks = shared;
        return together;
    }
    Streaming streaming(const fs::path& checkpoints, bool factor = true) {
        Streaming how;
        how.factor = factor;
        how.checkpoints = checkpoints;
        how.fingerprint = "of = these tests\n";
        how.progress.warn = [this](const std::string& text) { warnings.push_back(text); };
        return how;
    }
    std::vector<TapGram> alone(bool factor = true) {
        Streaming how;
        how.factor = factor;
        return tap_grams(networks, request, library(), Execution::on_cpu(1), how);
    }
    static void expect_same(const std::vector<TapGram>& found, const std::vector<TapGram>& expected) {
        ASSERT_EQ(found.size(), expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            EXPECT_TRUE(found[i].gram == expected[i].gram);
            EXPECT_TRUE(found[i].factor == expected[i].factor);
            EXPECT_EQ(found[i].mean, expected[i].mean);
            EXPECT_EQ(found[i].samples, samples);
        }
    }
    // Rank `stopping` wants a stop after some waves, one leaf each: all do as many where they read together.
    void interrupt(const Execution& by, const fs::path& checkpoints, int stopping, int waves = 1, bool factor = true,
                   Reading reading = Reading::together) {
        Streaming how = streaming(checkpoints, factor);
        int asked = 0;
        how.progress.stop = [&] { return by.ranks->rank() == stopping && ++asked >= waves; };
        EXPECT_THROW((void)tap_grams(networks, request, library(reading), by, how), Stopped);
    }
    // What one rank does while the others wait.
    void on_rank_0(const std::function<void()>& body) {
        if (rank == 0)
            body();
        ranks.barrier();
    }
    Index read_by_all() {
        Index sum = 0;
        for (const Index of : all_gather(ranks, read.load()))
            sum += of;
        return sum;
    }
    static std::vector<fs::path> files_in(const fs::path& at) {
        std::vector<fs::path> files;
        for (const fs::directory_entry& entry : fs::directory_iterator(at))
            files.push_back(entry.path());
        return files;
    }
};

TEST_F(TapGramsTest, SameBitsForAnyNumberOfRanksAndThreads) {
    for (const bool factor : {false, true})
        for (const bool centre : {false, true})
            for (const auto& [layer, tap] : {std::pair{1, Tap::before}, {1, Tap::after}, {2, Tap::before}}) {
                request = {.at = {layer, tap}, .include_bias = true, .centre = centre};
                const std::vector<TapGram> expected = alone(factor);
                for (const auto& [threads, reading] :
                     {std::pair{1, Reading::at_once}, {2, Reading::in_turn}, {2, Reading::together}})
                    expect_same(
                        tap_grams(networks, request, library(reading), execution(threads), streaming({}, factor)),
                        expected);
            }
}

TEST_F(TapGramsTest, EverySampleIsReadByOneRank) {
    (void)tap_grams(networks, request, library(), execution(), {});
    EXPECT_EQ(read_by_all(), samples);
    EXPECT_LE(read, (leaves / size + 1) * host_leaf);  // equal shares
}

TEST_F(TapGramsTest, WhoReadsTogetherReadsAsOften) {
    (void)tap_grams(networks, request, library(Reading::together), execution(), {});
    EXPECT_EQ(read_by_all(), samples);
    for (const int others : all_gather(ranks, calls.load()))
        EXPECT_EQ(others, calls);
}

TEST_F(TapGramsTest, AStopOnAnyRankEndsAllAndNoSampleIsReadTwice) {
    const std::vector<TapGram> expected = alone();
    for (const Reading reading : {Reading::at_once, Reading::in_turn, Reading::together})
        for (int stopping = 0; stopping < size; ++stopping) {
            const fs::path here = folder / (std::to_string(static_cast<int>(reading)) + std::to_string(stopping));
            read = 0;
            interrupt(execution(), here, stopping, 1, true, reading);
            EXPECT_GT(read_by_all(), 0);
            expect_same(tap_grams(networks, request, library(reading), execution(), streaming(here)), expected);
            EXPECT_EQ(read_by_all(), samples);
        }
    EXPECT_TRUE(warnings.empty());
}

TEST_F(TapGramsTest, ManyStopsCostNothing) {
    const std::vector<TapGram> expected = alone();
    read = 0;
    for (int stop = 0; stop < 4; ++stop)
        interrupt(execution(), folder, stop % size);
    EXPECT_EQ(read_by_all(), 4 * size * host_leaf);
    expect_same(tap_grams(networks, request, library(), execution(), streaming(folder)), expected);
    EXPECT_EQ(read_by_all(), samples);
}

// A pass of its own finds the mean: when it is through it is on disk, however long the time between checkpoints.
TEST_F(TapGramsTest, APassThatIsThroughIsKept) {
    request.centre = true;
    const std::vector<TapGram> expected = alone();
    read = 0;
    Streaming how = streaming(folder);
    how.checkpoint_seconds = 1e9;
    const fs::path mean = folder / "mean" / (std::to_string(rank) + ".h5");
    how.progress.stop = [&] { return fs::exists(mean); };  // in the second pass
    EXPECT_THROW((void)tap_grams(networks, request, library(Reading::together), execution(), how), Stopped);
    const Index before = read_by_all() - samples;
    EXPECT_GE(before, 0);
    read = 0;
    expect_same(tap_grams(networks, request, library(), execution(), streaming(folder)), expected);
    EXPECT_EQ(read_by_all(), samples - before);
    EXPECT_TRUE(warnings.empty());
}

TEST_F(TapGramsTest, ThePassBeforeNoiseIsAddedGoesOnWhereItStopped) {
    const auto first_sample = [&](const Library& noisy) {
        Matrix<double> X(features, 1);
        noisy.read(0, X.view());
        return X;
    };
    const Matrix<double> expected = first_sample(with_noise(library(), 20, 5));
    read = 0;
    Streaming how = streaming(folder);
    int asked = 0;
    how.progress.stop = [&] { return rank == size - 1 && ++asked >= 1; };
    EXPECT_THROW((void)with_noise(library(Reading::together), 20, 5, execution(), how), Stopped);
    EXPECT_GT(read_by_all(), 0);
    const Library noisy = with_noise(library(), 20, 5, execution(), streaming(folder));
    EXPECT_EQ(read_by_all(), samples);
    EXPECT_TRUE(first_sample(noisy) == expected);
}

TEST_F(TapGramsTest, AnotherNumberOfRanksGoesOn) {
    const Execution single = Execution::on_cpu(2);
    for (const bool factor : {false, true}) {
        const fs::path down = folder / (factor ? "down" : "down_sums"), up = folder / (factor ? "up" : "up_sums");
        const std::vector<TapGram> expected = alone(factor);
        read = 0;
        interrupt(execution(), down, size - 1, 1, factor);  // all ranks, then one
        std::vector<TapGram> found;
        on_rank_0([&] { found = tap_grams(networks, request, library(), single, streaming(down, factor)); });
        if (rank == 0)
            expect_same(found, expected);
        EXPECT_EQ(read_by_all(), samples);
        on_rank_0([&] { interrupt(Execution::on_cpu(1), up, 0, 3, factor); });  // one rank, then all
        expect_same(tap_grams(networks, request, library(), execution(), streaming(up, factor)), expected);
        EXPECT_EQ(read_by_all(), 2 * samples);
    }
    EXPECT_TRUE(warnings.empty());
}

TEST_F(TapGramsTest, LeavesThatTwoFilesHoldCountOnce) {
    interrupt(execution(), folder, 0);
    on_rank_0([&] {  // as after a kill between the writing of one file and the removal of others
        make_folder(folder / "aside");
        for (const fs::path& file : files_in(folder))
            if (file.extension() == ".h5")
                fs::copy_file(file, folder / "aside" / file.filename());
    });
    interrupt(execution(), folder, 0, 2);  // further on
    on_rank_0([&] {
        for (const fs::path& file : files_in(folder / "aside")) {
            fs::copy_file(file, folder / ("1" + file.filename().string()));
            fs::copy_file(file, folder / ("20" + file.filename().string()));
        }
        fs::remove_all(folder / "aside");
    });
    expect_same(tap_grams(networks, request, library(), execution(), streaming(folder)), alone());
    EXPECT_TRUE(warnings.empty());
}

TEST_F(TapGramsTest, ADamagedCheckpointIsToldAndSummedAgain) {
    interrupt(execution(), folder, size - 1);
    on_rank_0([&] {
        const fs::path file = folder / "0.h5";
        write_file(file, read_file(file).substr(0, 1000));
        write_file(folder / "37.h5", "no HDF5");
        write_file(folder / ".38.h5.somewhere.1.0.tmp", "what a kill leaves");
    });
    expect_same(tap_grams(networks, request, library(), execution(), streaming(folder)), alone());
    std::string told;
    for (const std::string& warning : warnings)
        told += warning + "\n";
    EXPECT_NE(told.find("/0.h5: "), std::string::npos) << told;
    EXPECT_NE(told.find("/37.h5: "), std::string::npos) << told;
    EXPECT_NE(told.find("summed again"), std::string::npos) << told;
    EXPECT_EQ(told.find("38.h5"), std::string::npos) << told;
}

TEST_F(TapGramsTest, CheckpointsOfAnotherSumAreRefusedOnAllRanks) {
    interrupt(execution(), folder, 0);
    Streaming other = streaming(folder);
    other.fingerprint = "of = something else\n";
    try {
        (void)tap_grams(networks, request, library(), execution(), other);
        FAIL() << "accepted";
    } catch (const InputError& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("of = these tests"), std::string::npos) << text;
        EXPECT_NE(text.find("of = something else"), std::string::npos) << text;
    }
}

TEST_F(TapGramsTest, AFailureOfOneRankEndsAll) {
    for (const Reading reading : {Reading::at_once, Reading::in_turn, Reading::together})
        for (const Index bad : {Index{5}, samples - 1}) {  // of the first rank, and of the last
            Library broken = library(reading);
            broken.read = [bad, read = broken.read](Index first, Batch<double> X) {
                read(first, X);
                if (first <= bad && bad < first + X.cols)
                    throw InputError("sample " + std::to_string(bad));
            };
            try {
                (void)tap_grams(networks, request, broken, execution(), {});
                FAIL() << "summed";
            } catch (const InputError& error) {
                EXPECT_EQ(std::string(error.what()), "sample " + std::to_string(bad));
            }
        }
}

TEST_F(TapGramsTest, ACheckpointThatCannotBeWrittenEndsAll) {
    Streaming how = streaming(folder / "parts");
    how.checkpoint_seconds = 0;
    const Library whole = library();
    Library watched = whole;
    watched.read = [&](Index first, Batch<double> X) {
        if (first + X.cols == samples) {  // the last rank finds something in its way
            const fs::path file = folder / "parts" / (std::to_string(size - 1) + ".h5");
            fs::remove(file);
            fs::create_directory(file);
        }
        whole.read(first, X);
    };
    try {
        (void)tap_grams(networks, request, watched, execution(), how);
        FAIL() << "summed";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("cannot be renamed"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace descrambler

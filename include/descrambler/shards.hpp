// A library of inputs in one file or in many (shards), read in windows and never whole: rows are samples in the files,
// columns in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

class Communicator;

class Shards {
public:
    struct File {
        std::string name;  // with its data set: "part-07.h5:/inputs"
        Index first = 0;   // its samples are first .. first + samples - 1 of the library
        Index samples = 0;
    };

    // `inputs` is one of
    //   FILE.npy             as npy.hpp says; rank 1 is one feature; of 3 to 8 axes (C order) the first counts samples
    //   FILE.h5[:/DATASET]   numbers of any type and rank 2; without a name the only data set of rank 2
    //   PATTERN[:/DATASET]   * and ? in the file name stand for all such files; part-2 precedes part-10
    //   @LIST                a text file with one FILE a line, relative to the list; lines with # are comments
    // A file of exactly that name goes before a pattern or a list. A file may come more than once. `features` 0: the
    // width of the first file. Reads headers only. Throws InputError for a file of another width, an empty or missing
    // file, a pattern that nothing matches, and a missing number where the names that match differ in one number only
    // (000, 001, 003).
    [[nodiscard]] static Shards open(const std::string& inputs, Index features);
    Shards(Shards&&) noexcept;
    Shards& operator=(Shards&&) noexcept;
    ~Shards();

    [[nodiscard]] Index features() const { return features_; }
    [[nodiscard]] Index samples() const { return samples_; }
    [[nodiscard]] const std::vector<File>& files() const { return files_; }

    // Samples first .. first + X.cols - 1 into X [features, any], one item, packed, across the borders of files. Beside
    // X it holds a buffer below 1 MiB, for compressed HDF5 up to 64 MiB or one chunk. One file is open at a time; one
    // thread at a time. Throws InputError for NaN and infinity and for a file that has changed its size or shape since
    // open(), std::invalid_argument for an X of another height and a window beyond the library.
    void read(Index first, Batch<double> X) const;
    // The same, called by all ranks equally often, each with a window of its own (which may be empty). Windows that lie
    // in few files are read collectively from HDF5, others by each rank for itself.
    void read_together(Communicator& ranks, Index first, Batch<double> X) const;
    // Whether reading together needs all ranks: parallel HDF5, and an HDF5 file among the files.
    [[nodiscard]] bool wants_all(const Communicator& ranks) const;

private:
    struct State;
    Shards();
    Index features_ = 0, samples_ = 0;
    std::vector<File> files_;
    std::unique_ptr<State> state_;
};

// The files that Shards::open(inputs) would read, and the list that names them if there is one, without names of data
// sets. Throws InputError as open does for names.
[[nodiscard]] std::vector<std::string> input_files(const std::string& inputs);

}  // namespace descrambler

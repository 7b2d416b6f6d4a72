// A library of inputs in one file or in many (shards), read in windows and never whole: rows are samples in the files,
// columns in memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

class Shards {
public:
    struct File {
        std::string name;  // with its data set: "part-07.h5:/inputs"
        Index first = 0;   // its samples are first .. first + samples - 1 of the library
        Index samples = 0;
    };

    // `inputs` is one of
    //   FILE.npy             as npy.hpp says; rank 1 is one feature
    //   FILE.h5[:/DATASET]   numbers of any type and rank 2; without a name the only data set of rank 2
    //   PATTERN[:/DATASET]   * and ? in the file name stand for all such files; part-2 precedes part-10
    //   @LIST                a text file with one FILE a line, relative to the list; lines with # are comments
    // where a file of exactly that name is that file. A file may come more than once. `features` 0: as the files have
    // it. Reads headers only. Throws InputError for a width that is not `features` or that of the first file, an empty
    // or missing file, a pattern that nothing matches, and a missing number where the names that match differ in one
    // number only (000, 001, 003).
    [[nodiscard]] static Shards open(const std::string& inputs, Index features);
    Shards(Shards&&) noexcept;
    Shards& operator=(Shards&&) noexcept;
    ~Shards();

    [[nodiscard]] Index features() const { return features_; }
    [[nodiscard]] Index samples() const { return samples_; }
    [[nodiscard]] const std::vector<File>& files() const { return files_; }

    // Samples first .. first + X.cols - 1 into X [features, any], across the borders of the files. Beside X it holds a
    // buffer below 1 MiB, for compressed HDF5 up to 64 MiB or one chunk. One file is open at a time; one thread at a
    // time. Throws InputError for NaN and infinity, and for a file that has changed its size since open().
    void read(Index first, Batch<double> X) const;

private:
    struct State;
    Shards();
    Index features_ = 0, samples_ = 0;
    std::vector<File> files_;
    std::unique_ptr<State> state_;
};

// The files that Shards::open(inputs) would read, a list among them, without their data sets. Throws InputError.
[[nodiscard]] std::vector<std::string> input_files(const std::string& inputs);

}  // namespace descrambler

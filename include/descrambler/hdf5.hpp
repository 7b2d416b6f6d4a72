// A thin owner of HDF5 files, groups and data sets. Files are row-major, matrices in memory column-major: a Matrix
// [rows, cols] is stored as a data set [rows, cols] and transposed on the way. Files carry no time stamps: equal calls
// give equal bytes. HDF5 serves one thread at a time, and so does this.
//
// Reading throws InputError, writing Error; both are one line that names file, object and what was expected. Objects
// and attributes that are absent count as bad input. Misuse (an empty name, rows beyond a data set) is
// std::invalid_argument.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

// Meaning of a data set, stored as attributes "unit", "meaning" and "axes" (e.g. "networks,n,n").
struct Label {
    std::string unit;  // "" or "1" for dimensionless, stored as "1"
    std::string meaning;
    std::string axes;  // names of the dimensions, comma separated
};

// An array of any rank as it lies in the file (row-major).
template <class T>
struct FileArray {
    std::vector<Index> shape;
    std::vector<T> values;
};

class Communicator;
class Hdf5Rows;

// Whether these ranks can open one file together: several of them, connected by MPI, in a build with parallel HDF5.
[[nodiscard]] bool shares_files(const Communicator& ranks);

class Hdf5Group {
public:
    // Names are paths below this group: "inputs", "layer_1/weight".
    [[nodiscard]] std::string path() const;                               // "file.h5:/networks/000"
    [[nodiscard]] bool has(const std::string& name) const;                // whether there is a link of this name
    [[nodiscard]] std::vector<std::string> names() const;                 // of the objects in this group itself, sorted
    [[nodiscard]] std::vector<std::string> datasets() const;              // paths of all data sets below it, sorted
    [[nodiscard]] Hdf5Group group(const std::string& name) const;         // opens it
    [[nodiscard]] Hdf5Group create_group(const std::string& name) const;  // opens or creates, parents too

    // A new data set; missing parent groups are created, a name that exists is an Error. T: float, double,
    // std::int32_t, std::int64_t, std::uint8_t. values: all of them, row-major. Texts are stored with a fixed length,
    // that of the longest.
    template <class T>
    void write(const std::string& name, const std::vector<Index>& shape, const T* values, const Label& label) const;
    template <class T>
    void write(const std::string& name, const Matrix<T>& matrix, const Label& label) const;  // [rows, cols]
    template <class T>
    void write(const std::string& name, const std::vector<T>& vector, const Label& label) const;  // [n]
    void write_text(const std::string& name, const std::vector<std::string>& rows, const Label& label) const;
    // Bytes [count] that need not fit into the memory: next() gives them piece by piece, each until it is called again.
    // std::invalid_argument where they are fewer or more. Of a file that one rank writes.
    void write_bytes(const std::string& name, Index count, const std::function<std::span<const std::uint8_t>()>& next,
                     const Label& label) const;

    // Converts from any numeric type of the file; to an integer type only if every value fits exactly. More than
    // `limit` values are refused, and more than the file can hold, so that a false header cannot exhaust the memory: a
    // data set above 1 MiB may be as large as its file, or 1100 times as large if it is compressed.
    template <class T>
    [[nodiscard]] FileArray<T> read(const std::string& name, Index limit = Index{1} << 31) const;
    template <class T>
    [[nodiscard]] Matrix<T> read_matrix(const std::string& name, Index limit = Index{1} << 31) const;  // rank 2
    template <class T>
    [[nodiscard]] std::vector<T> read_vector(const std::string& name, Index limit = Index{1} << 31) const;  // rank 1
    // A data set of rank 2 of any numeric type, however large, for reading windows of its rows. Checked like those
    // above, but without a limit.
    [[nodiscard]] Hdf5Rows rows(const std::string& name) const;
    // Texts [rows] of fixed length, or of variable length with at most 256 MiB in all; attributes may hold either kind
    // too. Known limit: HDF5 1.10 itself may crash or hang on damaged files of the old format without checksums, above
    // all in compressed data and texts of variable length. Files written here have checksums on all but the values, and
    // texts of fixed length.
    [[nodiscard]] std::vector<std::string> read_text(const std::string& name) const;
    [[nodiscard]] bool is_text(const std::string& name) const;  // a data set of texts
    [[nodiscard]] std::vector<Index> shape(const std::string& name) const;

    // Writes an attribute of this group (name "") or of the object `name` below it; an old value is replaced.
    void attribute(const std::string& name, const std::string& key, const std::string& value) const;
    void attribute(const std::string& name, const std::string& key, double value) const;
    void attribute(const std::string& name, const std::string& key, std::int64_t value) const;
    void attribute(const std::string& name, const std::string& key, const std::vector<double>& values) const;
    [[nodiscard]] bool has_attribute(const std::string& name, const std::string& key) const;
    [[nodiscard]] std::vector<std::string> attributes() const;            // names of those of this group, sorted
    [[nodiscard]] bool is_text_attribute(const std::string& key) const;   // of this group: a text
    [[nodiscard]] bool is_whole_attribute(const std::string& key) const;  // of this group: of an integer type
    // The one value of an attribute.
    [[nodiscard]] std::string text_attribute(const std::string& name, const std::string& key) const;
    [[nodiscard]] double number_attribute(const std::string& name, const std::string& key) const;

    struct Impl;

private:
    friend class Hdf5File;
    std::shared_ptr<Impl> impl_;
};

// An open data set of rank 2. Keeps its file open, and of compressed data up to 64 MiB of the chunks that the last
// windows touched (larger chunks are unpacked again for every window).
class Hdf5Rows {
public:
    [[nodiscard]] Index rows() const;
    [[nodiscard]] Index cols() const;
    // Rows first .. first + count - 1, one after the other: column-major [cols, count]. A file that is cut short while
    // it is open may read as zeros, so the caller has to watch its size (as Shards does).
    void read(Index first, Index count, double* values) const;

private:
    friend class Hdf5Group;
    struct Impl;
    std::shared_ptr<const Impl> impl_;
};

// A file opened for reading, or written under a temporary name that commit() replaces by its own; without commit
// nothing is left.
class Hdf5File {
public:
    [[nodiscard]] static Hdf5File open(const std::string& path);
    // All ranks open it together and then read rows of it together: Hdf5Rows::read is called by all of them, with count
    // 0 where one needs none. With a serial HDF5 each rank reads by itself.
    [[nodiscard]] static Hdf5File open(const std::string& path, Communicator& ranks);
    [[nodiscard]] static Hdf5File create(const std::string& path);
    // One file that all ranks write: every rank makes the same calls with the same values and writes its share of the
    // rows of each data set, collectively (with a serial HDF5 rank 0 writes all). A failure to write is thrown on the
    // ranks that see it, while the others wait inside HDF5: end them with Communicator::abort.
    [[nodiscard]] static Hdf5File create(const std::string& path, Communicator& ranks);
    Hdf5File(Hdf5File&&) noexcept;
    Hdf5File& operator=(Hdf5File&&) noexcept;
    ~Hdf5File();
    [[nodiscard]] const Hdf5Group& root() const;
    [[nodiscard]] bool collective() const;  // several ranks, and all transfers of rows so far were collective
    void commit();                          // close, fsync, rename; groups of the file are invalid afterwards

private:
    Hdf5File() = default;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace descrambler

// A thin owner of HDF5 files, groups and data sets. Files are row-major; matrices in memory are column-major, so a
// Matrix [rows, cols] is stored as a data set [rows, cols] and transposed on the way.
// Every failure is an InputError (reading) or Error (writing) of one line: file, object, what was expected.
// Files carry no time stamps: equal calls give equal bytes. HDF5 serves one thread at a time, and so does this.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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

// Whether these ranks can open one file together (parallel HDF5, and MPI behind them).
[[nodiscard]] bool shares_files(const Communicator& ranks);

class Hdf5Group {
public:
    [[nodiscard]] std::string path() const;                        // "file.h5:/networks/000"
    [[nodiscard]] bool has(const std::string& name) const;         // link exists (a path below this group)
    [[nodiscard]] std::vector<std::string> names() const;          // sorted
    [[nodiscard]] std::vector<std::string> datasets() const;       // paths of all data sets below this group, sorted
    [[nodiscard]] Hdf5Group group(const std::string& name) const;  // opens; throws if absent
    [[nodiscard]] Hdf5Group create_group(const std::string& name) const;  // opens or creates, parents too

    // T: float, double, std::int32_t, std::int64_t, std::uint8_t. Missing parent groups are created; a name that
    // exists is an Error.
    template <class T>
    void write(const std::string& name, const std::vector<Index>& shape, const T* values, const Label& label) const;
    template <class T>
    void write(const std::string& name, const Matrix<T>& matrix, const Label& label) const;  // [rows, cols]
    template <class T>
    void write(const std::string& name, const std::vector<T>& vector, const Label& label) const;  // [n]
    void write_text(const std::string& name, const std::vector<std::string>& rows, const Label& label) const;

    // Converts from any numeric type of the file; to an integer only if every value fits exactly. `limit` bounds the
    // number of values, and so does the size of the file (a lying header must not exhaust the memory): a data set
    // above 1 MiB may be at most as large as its file, or 1100 times that if it is compressed.
    template <class T>
    [[nodiscard]] FileArray<T> read(const std::string& name, Index limit = Index{1} << 31) const;
    template <class T>
    [[nodiscard]] Matrix<T> read_matrix(const std::string& name, Index limit = Index{1} << 31) const;  // rank 2
    template <class T>
    [[nodiscard]] std::vector<T> read_vector(const std::string& name, Index limit = Index{1} << 31) const;  // rank 1
    // A data set of rank 2 of any numeric type, however large, for reading windows of its rows. The same checks hold.
    [[nodiscard]] Hdf5Rows rows(const std::string& name) const;
    // Texts of fixed or variable length, also in attributes. Known limit: HDF5 1.10 itself may crash or hang on damaged
    // files of the old format without checksums, above all in compressed data and texts of variable length. Files
    // written here have checksums on all but the values, and texts of fixed length.
    [[nodiscard]] std::vector<std::string> read_text(const std::string& name) const;
    [[nodiscard]] bool is_text(const std::string& name) const;  // a data set of texts
    [[nodiscard]] std::vector<Index> shape(const std::string& name) const;

    // Attributes of this group, or of the object `name` below it ("" = this group); an old value is replaced.
    void attribute(const std::string& name, const std::string& key, const std::string& value) const;
    void attribute(const std::string& name, const std::string& key, double value) const;
    void attribute(const std::string& name, const std::string& key, std::int64_t value) const;
    void attribute(const std::string& name, const std::string& key, const std::vector<double>& values) const;
    [[nodiscard]] bool has_attribute(const std::string& name, const std::string& key) const;
    [[nodiscard]] std::vector<std::string> attributes() const;  // names of those of this group, sorted
    [[nodiscard]] bool is_text_attribute(const std::string& key) const;
    [[nodiscard]] bool is_whole_attribute(const std::string& key) const;
    [[nodiscard]] std::string text_attribute(const std::string& name, const std::string& key) const;
    [[nodiscard]] double number_attribute(const std::string& name, const std::string& key) const;

    struct Impl;

private:
    friend class Hdf5File;
    std::shared_ptr<Impl> impl_;
};

// An open data set of rank 2. Keeps its file open, and of compressed data the chunks that the last windows touched, up
// to 64 MiB (larger chunks are unpacked again for every window).
class Hdf5Rows {
public:
    [[nodiscard]] Index rows() const;
    [[nodiscard]] Index cols() const;
    // Rows first .. first + count - 1, one after the other: column-major [cols, count]. Throws InputError where the
    // file is damaged; a file that is cut short while it is open may read as zeros, so its size is for the caller to
    // watch.
    void read(Index first, Index count, double* values) const;

private:
    friend class Hdf5Group;
    struct Impl;
    std::shared_ptr<const Impl> impl_;
};

// Opened for reading, or written to a temporary name and renamed by commit(); without commit nothing is left.
class Hdf5File {
public:
    [[nodiscard]] static Hdf5File open(const std::string& path);
    // All ranks open it and read rows of it together (Hdf5Rows::read by all of them, of no rows too); with a serial
    // HDF5 each by itself.
    [[nodiscard]] static Hdf5File open(const std::string& path, Communicator& ranks);
    [[nodiscard]] static Hdf5File create(const std::string& path);
    // One file that all ranks write: every rank makes the same calls with the same values, and writes its share of the
    // rows of each data set, collectively (parallel HDF5; in a build without, rank 0 writes all). A failure to write
    // is thrown on the ranks that see it, while others wait inside HDF5: end them with Communicator::abort.
    [[nodiscard]] static Hdf5File create(const std::string& path, Communicator& ranks);
    Hdf5File(Hdf5File&&) noexcept;
    Hdf5File& operator=(Hdf5File&&) noexcept;
    ~Hdf5File();
    [[nodiscard]] const Hdf5Group& root() const;
    [[nodiscard]] bool collective() const;  // several ranks, and all transfers of rows so far were collective
    void commit();                          // close, fsync, rename; groups of the file are of no use afterwards

private:
    Hdf5File() = default;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace descrambler

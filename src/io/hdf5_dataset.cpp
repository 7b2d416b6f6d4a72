// Data sets: numbers, texts, and windows of rows.
#include <algorithm>

#include "io/hdf5_handle.hpp"

namespace descrambler {

using namespace hdf5;
using Impl = Hdf5Group::Impl;

namespace {

constexpr std::uint64_t most_text_bytes = std::uint64_t{1} << 28;
constexpr std::size_t chunk_cache_bytes = std::size_t{1} << 26;  // of a data set that is read in windows
constexpr std::size_t chunk_cache_slots = 12421;                 // a prime, well above the chunks that one row crosses

// A data set whose claims have been checked against its file.
struct Dataset {
    Hid id, type, space;
    std::vector<Index> shape;
    Index count = 1;
    bool compressed = false;
};

// Without a cache HDF5 1.10 reads chunks as they lie in the file, also where they are shorter than the file says; with
// one it runs past the end of its buffer. Compressed chunks are unpacked in any case.
Hid without_chunk_cache() {
    Hid access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, 1, 0, 1);
    return access;
}

// Product of sizes, or limit + 1 if it exceeds limit.
std::uint64_t bounded_product(const std::vector<hsize_t>& sizes, std::uint64_t factor, std::uint64_t limit) {
    for (const hsize_t n : sizes)
        factor = n > 0 && factor > limit / n ? limit + 1 : factor * n;
    return std::min(factor, limit + 1);
}

Dataset open_dataset(const Impl& group, const std::string& name, Index limit) {
    Dataset set;
    set.id = H5Dopen2(group.id, below(name).c_str(), without_chunk_cache());
    if (!set.id.ok())
        group.bad_input(name, "expected a data set" + reason());
    set.type = H5Dget_type(set.id);
    set.space = H5Dget_space(set.id);
    const Hid creation = H5Dget_create_plist(set.id);
    if (!set.type.ok() || !set.space.ok() || !creation.ok())
        group.bad_input(name, "expected a data set" + reason());
    const std::vector<hsize_t> dims = dimensions(group, name, set.space);
    const std::uint64_t count = bounded_product(dims, 1, static_cast<std::uint64_t>(limit));
    if (count > static_cast<std::uint64_t>(limit))
        group.bad_input(name, "expected at most " + std::to_string(limit) + " values");
    set.shape.assign(dims.begin(), dims.end());
    set.count = static_cast<Index>(count);

    const H5D_layout_t layout = H5Pget_layout(creation);
    if (layout < 0 || layout == H5D_VIRTUAL || H5Pget_external_count(creation) > 0)
        group.bad_input(name, "expected values that lie in this file");
    const std::uint64_t size = H5Tget_size(set.type);
    set.compressed = H5Pget_nfilters(creation) > 0;
    const std::uint64_t most = plausible_bytes(*group.file, set.compressed);
    std::vector<hsize_t> chunk;  // HDF5 holds a whole chunk in memory
    if (layout == H5D_CHUNKED) {
        chunk.resize(H5S_MAX_RANK);
        chunk.resize(static_cast<std::size_t>(std::max(0, H5Pget_chunk(creation, H5S_MAX_RANK, chunk.data()))));
    }
    if (bounded_product({count}, size, most) > most || bounded_product(chunk, size, most) > most)
        group.bad_input(name, "expected no more values than the file can hold, found " + std::to_string(count));
    return set;
}

// Many rows may share one long text in the file, so they are read one by one until there is too much of it.
std::vector<std::string> read_variable_texts(const Impl& group, const std::string& name, const Dataset& set) {
    const Hid type = H5Tcopy(H5T_C_S1), one = simple_space({});
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5Tget_cset(set.type));
    std::vector<std::string> rows;
    std::uint64_t bytes = 0;
    for (hsize_t row = 0; row < static_cast<hsize_t>(set.count); ++row) {
        const hsize_t length = 1;
        if (!set.shape.empty())
            H5Sselect_hyperslab(set.space, H5S_SELECT_SET, &row, nullptr, &length, nullptr);
        char* text = nullptr;
        if (H5Dread(set.id, type, one, set.space, H5P_DEFAULT, &text) < 0)
            group.bad_input(name, "text cannot be read" + reason());
        rows.emplace_back(text ? text : "");
        H5free_memory(text);
        bytes += rows.back().size();
        if (bytes > most_text_bytes)
            group.bad_input(name, "expected at most " + std::to_string(most_text_bytes) + " bytes of text");
    }
    return rows;
}

std::vector<std::string> read_fixed_texts(const Impl& group, const std::string& name, const Dataset& set) {
    const std::size_t size = H5Tget_size(set.type), count = static_cast<std::size_t>(set.count);
    std::vector<char> bytes(count * size);
    if (count > 0 && H5Dread(set.id, set.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0)
        group.bad_input(name, "text cannot be read" + reason());
    std::vector<std::string> rows;
    for (std::size_t i = 0; i < count; ++i)
        rows.push_back(unpadded({bytes.data() + i * size, size}, H5Tget_strpad(set.type)));
    return rows;
}

template <class T>
std::vector<T> transposed(const T* from, Index rows, Index cols) {  // column-major [rows, cols] -> row-major
    std::vector<T> to(static_cast<std::size_t>(rows * cols));
    for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j)
            to[static_cast<std::size_t>(i * cols + j)] = from[j * rows + i];
    return to;
}

}  // namespace

std::vector<hsize_t> hdf5::dimensions(const Impl& group, const std::string& name, hid_t space) {
    const int rank = H5Sget_simple_extent_ndims(space);
    const H5S_class_t kind = H5Sget_simple_extent_type(space);
    if (rank < 0 || (kind != H5S_SIMPLE && kind != H5S_SCALAR))
        group.bad_input(name, "expected an array");
    std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    constexpr hsize_t most = hsize_t{1} << 62;
    if (std::any_of(dims.begin(), dims.end(), [](hsize_t n) { return n > most; }))
        group.bad_input(name, "expected dimensions below 2^62");
    return dims;
}

Hid Impl::create_dataset(const std::string& name, const std::vector<Index>& shape, hid_t stored) const {
    std::vector<std::string> parts = split(name);
    require(!parts.empty(), "an object in an HDF5 file needs a name");
    const std::string leaf = parts.back();
    parts.pop_back();
    Hid set = H5Dcreate2(make_groups(parts), leaf.c_str(), stored, simple_space(shape), H5P_DEFAULT,
                         untimed(H5P_DATASET_CREATE), H5P_DEFAULT);
    written(set.ok(), name, "data set");
    return set;
}

void Impl::describe(hid_t set, const std::string& name, const Label& meaning) const {
    const std::pair<const char*, std::string> texts[] = {
        {"unit", meaning.unit.empty() ? "1" : meaning.unit}, {"meaning", meaning.meaning}, {"axes", meaning.axes}};
    for (const auto& [key, text] : texts) {
        const Hid type = text_type(text.size());
        write_attribute(set, name, key, simple_space({}), type, type, text.data());
    }
}

void Impl::write(const std::string& name, const std::vector<Index>& shape, hid_t stored, hid_t given,
                 const void* values, const Label& meaning) const {
    const Hid set = create_dataset(name, shape, stored);
    const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
    if (file->ranks > 1 && !shape.empty() && !empty) {  // each rank its share of the rows
        const Index first = shape[0] * file->rank / file->ranks, last = shape[0] * (file->rank + 1) / file->ranks;
        const haddr_t offset = H5Dget_offset(set);
        together(*file->communicator, [&] {
            if (offset != HADDR_UNDEF)
                file->reserve(offset + H5Dget_storage_size(set));
        });
        const Hid space = simple_space(shape), transfer = collective_transfer();
        std::vector<hsize_t> start(shape.size()), count(shape.begin(), shape.end());
        start[0] = static_cast<hsize_t>(first);
        count[0] = static_cast<hsize_t>(last - first);
        if (first == last)
            H5Sselect_none(space);
        else
            H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
        written(H5Dwrite(set, given, space, space, transfer, values) >= 0, name, "values");
        file->collective = file->collective && was_collective(transfer);
    } else {
        written(empty || H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, name, "values");
    }
    describe(set, name, meaning);
}

template <class T>
void Hdf5Group::write(const std::string& name, const std::vector<Index>& shape, const T* values,
                      const Label& label) const {
    const Quiet quiet;
    impl_->write(name, shape, file_type<T>(), memory_type<T>(), values, label);
}

template <class T>
void Hdf5Group::write(const std::string& name, const Matrix<T>& matrix, const Label& label) const {
    write(name, {matrix.rows(), matrix.cols()}, transposed(matrix.data(), matrix.rows(), matrix.cols()).data(), label);
}

template <class T>
void Hdf5Group::write(const std::string& name, const std::vector<T>& vector, const Label& label) const {
    write(name, {static_cast<Index>(vector.size())}, vector.data(), label);
}

void Hdf5Group::write_text(const std::string& name, const std::vector<std::string>& rows, const Label& label) const {
    const Quiet quiet;
    std::size_t length = 1;
    for (const std::string& row : rows)
        length = std::max(length, row.size());
    std::vector<char> bytes(length * rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
        std::copy(rows[i].begin(), rows[i].end(), bytes.begin() + static_cast<Index>(i * length));
    const Hid type = text_type(length);
    impl_->write(name, {static_cast<Index>(rows.size())}, type, type, bytes.data(), label);
}

void Hdf5Group::write_bytes(const std::string& name, Index count,
                            const std::function<std::span<const std::uint8_t>()>& next, const Label& label) const {
    const Quiet quiet;
    const Hid set = impl_->create_dataset(name, {count}, file_type<std::uint8_t>()), space = simple_space({count});
    for (Index first = 0; first < count;) {
        const std::span<const std::uint8_t> piece = next();
        require(!piece.empty() && std::ssize(piece) <= count - first, "write_bytes: pieces of the size that was told");
        const auto start = static_cast<hsize_t>(first), length = static_cast<hsize_t>(piece.size());
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &length, nullptr);
        const Hid memory = simple_space({std::ssize(piece)});
        impl_->written(H5Dwrite(set, memory_type<std::uint8_t>(), memory, space, H5P_DEFAULT, piece.data()) >= 0, name,
                       "values");
        first += std::ssize(piece);
    }
    impl_->describe(set, name, label);
}

template <class T>
FileArray<T> Hdf5Group::read(const std::string& name, Index limit) const {
    const Quiet quiet;
    Dataset set = open_dataset(*impl_, name, limit);
    if (!numeric(set.type))
        impl_->bad_input(name, "expected numbers");
    FileArray<T> array{std::move(set.shape), std::vector<T>(static_cast<std::size_t>(set.count))};
    const Hid transfer = H5Pcreate(H5P_DATASET_XFER);
    if (std::integral<T>)  // a fraction, a NaN or a number out of range is an error, not a neighbour
        H5Pset_type_conv_cb(
            transfer,
            [](H5T_conv_except_t, hid_t, hid_t, void*, void*, void*) -> H5T_conv_ret_t { return H5T_CONV_ABORT; },
            nullptr);
    if (set.count > 0 && H5Dread(set.id, memory_type<T>(), H5S_ALL, H5S_ALL, transfer, array.values.data()) < 0)
        impl_->bad_input(
            name, std::string("expected ") + (std::integral<T> ? "whole numbers that fit" : "numbers") + reason());
    return array;
}

template <class T>
Matrix<T> Hdf5Group::read_matrix(const std::string& name, Index limit) const {
    const FileArray<T> array = read<T>(name, limit);
    if (array.shape.size() != 2)
        impl_->bad_input(name, "expected 2 dimensions, found " + std::to_string(array.shape.size()));
    Matrix<T> matrix(array.shape[0], array.shape[1]);
    for (Index i = 0; i < matrix.rows(); ++i)
        for (Index j = 0; j < matrix.cols(); ++j)
            matrix(i, j) = array.values[static_cast<std::size_t>(i * matrix.cols() + j)];
    return matrix;
}

template <class T>
std::vector<T> Hdf5Group::read_vector(const std::string& name, Index limit) const {
    FileArray<T> array = read<T>(name, limit);
    if (array.shape.size() != 1)
        impl_->bad_input(name, "expected 1 dimension, found " + std::to_string(array.shape.size()));
    return std::move(array.values);
}

struct Hdf5Rows::Impl {
    std::shared_ptr<Hdf5Group::Impl> group;  // its file is closed last
    std::string name;
    Dataset set;
};

Hdf5Rows Hdf5Group::rows(const std::string& name) const {
    const Quiet quiet;
    Dataset set = open_dataset(*impl_, name, Index{1} << 60);
    if (!numeric(set.type))
        impl_->bad_input(name, "expected numbers");
    if (set.shape.size() != 2)
        impl_->bad_input(name, "expected 2 dimensions, found " + std::to_string(set.shape.size()));
    if (set.compressed) {
        // Neighbouring windows share chunks. Nothing else holds the data set open, so these properties count.
        const Hid access = H5Pcreate(H5P_DATASET_ACCESS);
        H5Pset_chunk_cache(access, chunk_cache_slots, chunk_cache_bytes, 1);  // 1: chunks that were read whole go first
        set.id = Hid();
        set.id = H5Dopen2(impl_->id, below(name).c_str(), access);
        if (!set.id.ok())
            impl_->bad_input(name, "expected a data set" + reason());
    }
    Hdf5Rows result;
    result.impl_ = std::make_shared<Hdf5Rows::Impl>(Hdf5Rows::Impl{impl_, name, std::move(set)});
    return result;
}

Index Hdf5Rows::rows() const {
    return impl_->set.shape[0];
}

Index Hdf5Rows::cols() const {
    return impl_->set.shape[1];
}

void Hdf5Rows::read(Index first, Index count, double* values) const {
    const Quiet quiet;
    require(first >= 0 && count >= 0 && first + count <= rows(), "rows beyond the data set");
    FileHandle& file = *impl_->group->file;
    if ((count == 0 && file.ranks == 1) || cols() == 0)
        return;
    const hsize_t start[] = {static_cast<hsize_t>(first), 0};
    const hsize_t size[] = {static_cast<hsize_t>(std::max<Index>(count, 1)), static_cast<hsize_t>(cols())};
    const Hid memory = H5Screate_simple(2, size, nullptr), window = H5Scopy(impl_->set.space);
    const Hid transfer = file.ranks > 1 ? collective_transfer() : Hid(H5Pcreate(H5P_DATASET_XFER));
    double nothing = 0;
    if (count == 0) {  // the others read
        H5Sselect_none(memory);
        H5Sselect_none(window);
        values = &nothing;
    } else {
        H5Sselect_hyperslab(window, H5S_SELECT_SET, start, nullptr, size, nullptr);
    }
    const herr_t done = H5Dread(impl_->set.id, H5T_NATIVE_DOUBLE, memory, window, transfer, values);
    if (file.ranks > 1)
        file.collective = file.collective && was_collective(transfer);
    if (done < 0)
        impl_->group->bad_input(impl_->name, "rows " + std::to_string(first) + " to " +
                                                 std::to_string(first + count - 1) + ": expected numbers" + reason());
}

std::vector<std::string> Hdf5Group::read_text(const std::string& name) const {
    const Quiet quiet;
    const Dataset set = open_dataset(*impl_, name, most_text_bytes);
    if (H5Tget_class(set.type) != H5T_STRING || set.shape.size() > 1)
        impl_->bad_input(name, "expected a list of texts");
    return H5Tis_variable_str(set.type) > 0 ? read_variable_texts(*impl_, name, set)
                                            : read_fixed_texts(*impl_, name, set);
}

bool Hdf5Group::is_text(const std::string& name) const {
    const Quiet quiet;
    const Hid set = H5Dopen2(impl_->id, below(name).c_str(), H5P_DEFAULT);
    if (!set.ok())
        impl_->bad_input(name, "expected a data set" + reason());
    const Hid type = H5Dget_type(set);
    return H5Tget_class(type) == H5T_STRING;
}

std::vector<Index> Hdf5Group::shape(const std::string& name) const {
    const Quiet quiet;
    const Hid set = H5Dopen2(impl_->id, below(name).c_str(), H5P_DEFAULT);
    if (!set.ok())
        impl_->bad_input(name, "expected a data set" + reason());
    const Hid space = H5Dget_space(set);
    const std::vector<hsize_t> dims = dimensions(*impl_, name, space);
    return {dims.begin(), dims.end()};
}

// The types that files hold.
template void Hdf5Group::write(const std::string&, const std::vector<Index>&, const float*, const Label&) const;
template void Hdf5Group::write(const std::string&, const Matrix<float>&, const Label&) const;
template void Hdf5Group::write(const std::string&, const std::vector<float>&, const Label&) const;
template FileArray<float> Hdf5Group::read(const std::string&, Index) const;
template Matrix<float> Hdf5Group::read_matrix(const std::string&, Index) const;
template std::vector<float> Hdf5Group::read_vector(const std::string&, Index) const;
template void Hdf5Group::write(const std::string&, const std::vector<Index>&, const double*, const Label&) const;
template void Hdf5Group::write(const std::string&, const Matrix<double>&, const Label&) const;
template void Hdf5Group::write(const std::string&, const std::vector<double>&, const Label&) const;
template FileArray<double> Hdf5Group::read(const std::string&, Index) const;
template Matrix<double> Hdf5Group::read_matrix(const std::string&, Index) const;
template std::vector<double> Hdf5Group::read_vector(const std::string&, Index) const;
template void Hdf5Group::write(const std::string&, const std::vector<Index>&, const std::int32_t*, const Label&) const;
template void Hdf5Group::write(const std::string&, const Matrix<std::int32_t>&, const Label&) const;
template void Hdf5Group::write(const std::string&, const std::vector<std::int32_t>&, const Label&) const;
template FileArray<std::int32_t> Hdf5Group::read(const std::string&, Index) const;
template Matrix<std::int32_t> Hdf5Group::read_matrix(const std::string&, Index) const;
template std::vector<std::int32_t> Hdf5Group::read_vector(const std::string&, Index) const;
template void Hdf5Group::write(const std::string&, const std::vector<Index>&, const std::int64_t*, const Label&) const;
template void Hdf5Group::write(const std::string&, const Matrix<std::int64_t>&, const Label&) const;
template void Hdf5Group::write(const std::string&, const std::vector<std::int64_t>&, const Label&) const;
template FileArray<std::int64_t> Hdf5Group::read(const std::string&, Index) const;
template Matrix<std::int64_t> Hdf5Group::read_matrix(const std::string&, Index) const;
template std::vector<std::int64_t> Hdf5Group::read_vector(const std::string&, Index) const;
template void Hdf5Group::write(const std::string&, const std::vector<Index>&, const std::uint8_t*, const Label&) const;
template void Hdf5Group::write(const std::string&, const Matrix<std::uint8_t>&, const Label&) const;
template void Hdf5Group::write(const std::string&, const std::vector<std::uint8_t>&, const Label&) const;
template FileArray<std::uint8_t> Hdf5Group::read(const std::string&, Index) const;
template Matrix<std::uint8_t> Hdf5Group::read_matrix(const std::string&, Index) const;
template std::vector<std::uint8_t> Hdf5Group::read_vector(const std::string&, Index) const;

}  // namespace descrambler

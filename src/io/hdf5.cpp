#include "descrambler/hdf5.hpp"

#include <hdf5.h>

#include <algorithm>
#include <concepts>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "descrambler/communicator.hpp"
#include "descrambler/files.hpp"

namespace descrambler {
namespace {

constexpr std::uint64_t small_bytes = std::uint64_t{1} << 20;  // always accepted
constexpr std::uint64_t most_text_bytes = std::uint64_t{1} << 28;
constexpr std::uint64_t most_compression = 1100;                 // deflate reaches 1032
constexpr std::size_t chunk_cache_bytes = std::size_t{1} << 26;  // of a data set that is read in windows
constexpr std::size_t chunk_cache_slots = 12421;                 // a prime, well above the chunks that one row crosses
constexpr int most_depth = 16;                                   // of groups, where all of them are visited
constexpr int most_objects = 100000;
constexpr std::uint64_t metadata_bytes = std::uint64_t{1} << 18;  // more than our files have besides their values

// HDF5 prints its error stack unless told otherwise; this keeps it quiet for one call of ours.
class Quiet {
public:
    Quiet() {
        H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    ~Quiet() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }

private:
    H5E_auto2_t print_ = nullptr;
    void* data_ = nullptr;
};

// HDF5 1.10 leaks memory when it meets a damaged file and complains about that when the program ends. All that is open
// here is closed by its owner, so nothing needs to be done at the end. Without effect where HDF5 is in use already.
void skip_cleanup_at_exit() {
    [[maybe_unused]] static const herr_t once = H5dont_atexit();
}

// Owner of an identifier of any kind except files.
class Hid {
public:
    Hid(hid_t id = -1) : id_(id) {}
    Hid(Hid&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
    Hid& operator=(Hid&& other) noexcept {
        std::swap(id_, other.id_);
        return *this;
    }
    ~Hid() {
        if (id_ >= 0 && H5Iis_valid(id_) > 0)  // closing a file closes what is open in it
            H5Idec_ref(id_);
    }
    [[nodiscard]] operator hid_t() const { return id_; }
    [[nodiscard]] bool ok() const { return id_ >= 0; }

private:
    hid_t id_;
};

// What HDF5 itself says about the last failure, shortened to a part of one line.
std::string reason() {
    std::string text;
    H5Ewalk2(
        H5E_DEFAULT, H5E_WALK_UPWARD,
        [](unsigned n, const H5E_error2_t* entry, void* to) -> herr_t {
            if (n == 0 && entry->desc)
                static_cast<std::string*>(to)->assign(entry->desc);
            return 0;
        },
        &text);
    text.resize(std::min<std::size_t>(text.size(), 160));
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text.empty() ? "" : " (" + text + ")";
}

std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> parts;
    for (std::size_t first = 0; first < path.size();) {
        const std::size_t end = std::min(path.find('/', first), path.size());
        if (end > first)
            parts.push_back(path.substr(first, end - first));
        first = end + 1;
    }
    return parts;
}

std::string join(const std::vector<std::string>& parts) {
    std::string path;
    for (const std::string& part : parts)
        path += (path.empty() ? "" : "/") + part;
    return path;
}

// `name` as HDF5 wants it: always below the group at hand, "." for the group itself.
std::string below(const std::string& name) {
    const std::string path = join(split(name));
    return path.empty() ? "." : path;
}

template <class T>
hid_t memory_type() {
    if constexpr (std::same_as<T, float>)
        return H5T_NATIVE_FLOAT;
    else if constexpr (std::same_as<T, double>)
        return H5T_NATIVE_DOUBLE;
    else if constexpr (std::same_as<T, std::int32_t>)
        return H5T_NATIVE_INT32;
    else if constexpr (std::same_as<T, std::int64_t>)
        return H5T_NATIVE_INT64;
    else
        return H5T_NATIVE_UINT8;
}

template <class T>
hid_t file_type() {
    if constexpr (std::same_as<T, float>)
        return H5T_IEEE_F32LE;
    else if constexpr (std::same_as<T, double>)
        return H5T_IEEE_F64LE;
    else if constexpr (std::same_as<T, std::int32_t>)
        return H5T_STD_I32LE;
    else if constexpr (std::same_as<T, std::int64_t>)
        return H5T_STD_I64LE;
    else
        return H5T_STD_U8LE;
}

Hid text_type(std::size_t length) {
    Hid type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, std::max<std::size_t>(length, 1));
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

Hid simple_space(const std::vector<Index>& shape) {
    if (shape.empty())
        return H5Screate(H5S_SCALAR);
    const std::vector<hsize_t> dims(shape.begin(), shape.end());
    return H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
}

Hid untimed(hid_t kind) {  // of data sets and groups: nothing that differs between two runs
    Hid properties = H5Pcreate(kind);
    H5Pset_obj_track_times(properties, false);
    return properties;
}

#ifdef H5_HAVE_PARALLEL
Hid collective_transfer() {
    Hid transfer = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE);
    return transfer;
}

bool was_collective(hid_t transfer) {
    H5D_mpio_actual_io_mode_t mode = H5D_MPIO_NO_COLLECTIVE;
    return H5Pget_mpio_actual_io_mode(transfer, &mode) >= 0 && mode != H5D_MPIO_NO_COLLECTIVE;
}

constexpr bool parallel = true;

void share_file(hid_t access, const Communicator& ranks) {
    H5Pset_fapl_mpio(access, *static_cast<const MPI_Comm*>(ranks.native()), MPI_INFO_NULL);
}
#else
Hid collective_transfer() {
    return H5Pcreate(H5P_DATASET_XFER);
}

bool was_collective(hid_t) {
    return false;
}

constexpr bool parallel = false;

void share_file(hid_t, const Communicator&) {}
#endif

// A text of fixed size without what pads it.
std::string unpadded(std::string_view view, H5T_str_t pad) {
    if (pad == H5T_STR_NULLTERM)
        return std::string(view.substr(0, view.find('\0')));
    const std::size_t last = view.find_last_not_of(pad == H5T_STR_SPACEPAD ? ' ' : '\0');
    return std::string(view.substr(0, last == view.npos ? 0 : last + 1));
}

// Numbers whose bit fields lie inside their bytes: HDF5 converts any others without a look at the end of its buffers.
bool numeric(hid_t type) {
    const H5T_class_t kind = H5Tget_class(type);
    const H5T_order_t order = kind == H5T_INTEGER || kind == H5T_FLOAT ? H5Tget_order(type) : H5T_ORDER_ERROR;
    if (order != H5T_ORDER_LE && order != H5T_ORDER_BE)
        return false;
    const std::size_t bits = 8 * H5Tget_size(type), precision = H5Tget_precision(type);
    const int offset = H5Tget_offset(type);
    if (bits > 128 || precision < 1 || offset < 0 || static_cast<std::size_t>(offset) + precision > bits)
        return false;
    if (kind == H5T_INTEGER)
        return bits <= 64;
    std::size_t sign = 0, exponent = 0, exponent_size = 0, mantissa = 0, mantissa_size = 0;
    return H5Tget_fields(type, &sign, &exponent, &exponent_size, &mantissa, &mantissa_size) >= 0 && sign < bits &&
           exponent_size >= 1 && exponent_size <= 15 && exponent + exponent_size <= bits && mantissa_size >= 1 &&
           mantissa_size <= 112 && mantissa + mantissa_size <= bits;
}

struct FileHandle {
    hid_t id = -1;
    std::string name;
    // Parallel HDF5: the ranks that have opened it together, and the one here; writing and reading rows is collective.
    int ranks = 1, rank = 0;
    Communicator* communicator = nullptr;  // of those that write it together
    std::string temporary;                 // what they write it to
    bool collective = true;                // so far: HDF5 may fall back without a word
    FileHandle(hid_t id, std::string name) : id(id), name(std::move(name)) {}
    FileHandle(const FileHandle&) = delete;
    FileHandle& operator=(const FileHandle&) = delete;
    ~FileHandle() { close(); }
    // Ranks that write together would wait for each other for ever where the disk is full: room is made sure of first.
    void reserve(std::uint64_t bytes) const {
        if (rank == 0)
            reserve_disk(temporary, name, bytes + metadata_bytes);
    }
    bool close() {
        const Quiet quiet;
        return id < 0 || H5Fclose(std::exchange(id, -1)) >= 0;
    }
};

}  // namespace

// ---- groups --------------------------------------------------------------------------------------------------------

struct Hdf5Group::Impl {
    std::shared_ptr<FileHandle> file;  // destroyed last
    std::string path;                  // inside the file, "" for the root
    Hid id;

    [[nodiscard]] std::string full(const std::string& name) const {
        const std::string rest = join(split(name));
        return rest.empty() ? path : path + "/" + rest;
    }
    [[nodiscard]] std::string label(const std::string& name) const {
        const std::string in_file = full(name);
        return file->name + ":" + (in_file.empty() ? "/" : in_file);
    }
    [[noreturn]] void bad_input(const std::string& name, const std::string& text) const {
        throw InputError(label(name) + ": " + text);
    }
    void written(bool success, const std::string& name, const std::string& what) const {
        if (!success)
            throw Error(label(name) + ": cannot write " + what + (file->id < 0 ? " (file is closed)" : reason()));
    }
    [[nodiscard]] Hid open_object(const std::string& name) const {
        return H5Oopen(id, below(name).c_str(), H5P_DEFAULT);
    }
    [[nodiscard]] Hdf5Group child(const std::string& name, Hid opened) const {
        Hdf5Group result;
        result.impl_ = std::make_shared<Impl>(Impl{file, full(name), std::move(opened)});
        return result;
    }

    [[nodiscard]] Hid make_groups(const std::vector<std::string>& parts) const;
    void write(const std::string& name, const std::vector<Index>& shape, hid_t stored, hid_t given, const void* values,
               const Label& label) const;
    void write_attribute(hid_t object, const std::string& name, const std::string& key, hid_t space, hid_t stored,
                         hid_t given, const void* values) const;
    void attribute(const std::string& name, const std::string& key, hid_t space, hid_t stored, hid_t given,
                   const void* values) const;
    [[nodiscard]] Hid open_attribute(const std::string& name, const std::string& key) const;
};

namespace {

using Impl = Hdf5Group::Impl;

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

// Bytes that the file may expand to: no size written in it is believed beyond that.
std::uint64_t plausible_bytes(const FileHandle& file, bool compressed) {
    hsize_t size = 0;
    H5Fget_filesize(file.id, &size);
    return std::max<std::uint64_t>(small_bytes, size * (compressed ? most_compression : 1));
}

// Product of sizes, or limit + 1 if it exceeds limit.
std::uint64_t bounded_product(const std::vector<hsize_t>& sizes, std::uint64_t factor, std::uint64_t limit) {
    for (const hsize_t n : sizes)
        factor = n > 0 && factor > limit / n ? limit + 1 : factor * n;
    return std::min(factor, limit + 1);
}

std::vector<hsize_t> dimensions(const Impl& group, const std::string& name, hid_t space) {
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

std::vector<std::string> member_names(const Impl& group, const std::string& name, hid_t id) {
    std::vector<std::string> names;
    const herr_t done = H5Literate(
        id, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr,
        [](hid_t, const char* member, const H5L_info_t*, void* to) -> herr_t {
            static_cast<std::vector<std::string>*>(to)->emplace_back(member);
            return 0;
        },
        &names);
    if (done < 0)
        group.bad_input(name, "its members cannot be listed" + reason());
    std::sort(names.begin(), names.end());
    return names;
}

// Links may form cycles: these end at most_depth, and their unfolding at most_objects.
void collect_datasets(const Impl& group, const std::string& at, int depth, int& visited,
                      std::vector<std::string>& found) {
    const Hid here = group.open_object(at);
    for (const std::string& name : member_names(group, at, here)) {
        if (depth > most_depth || ++visited > most_objects)
            group.bad_input("", "expected at most " + std::to_string(most_objects) + " objects, " +
                                    std::to_string(most_depth) + " groups deep");
        const std::string path = at.empty() ? name : at + "/" + name;
        const Hid object = group.open_object(path);
        const H5I_type_t kind = object.ok() ? H5Iget_type(object) : H5I_BADID;
        if (kind == H5I_DATASET)
            found.push_back(path);
        else if (kind == H5I_GROUP)
            collect_datasets(group, path, depth + 1, visited, found);
    }
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

// Opens or creates the groups one inside the other.
Hid Impl::make_groups(const std::vector<std::string>& parts) const {
    Hid at = H5Gopen2(id, ".", H5P_DEFAULT);
    std::string done;
    written(at.ok(), done, "group");
    for (const std::string& part : parts) {
        done += "/" + part;
        at = H5Lexists(at, part.c_str(), H5P_DEFAULT) > 0
                 ? H5Gopen2(at, part.c_str(), H5P_DEFAULT)
                 : H5Gcreate2(at, part.c_str(), H5P_DEFAULT, untimed(H5P_GROUP_CREATE), H5P_DEFAULT);
        written(at.ok(), done, "group");
    }
    return at;
}

void Impl::write(const std::string& name, const std::vector<Index>& shape, hid_t stored, hid_t given,
                 const void* values, const Label& meaning) const {
    std::vector<std::string> parts = split(name);
    require(!parts.empty(), "an object in an HDF5 file needs a name");
    const std::string leaf = parts.back();
    parts.pop_back();
    const Hid set = H5Dcreate2(make_groups(parts), leaf.c_str(), stored, simple_space(shape), H5P_DEFAULT,
                               untimed(H5P_DATASET_CREATE), H5P_DEFAULT);
    written(set.ok(), name, "data set");
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
    const std::pair<const char*, std::string> texts[] = {
        {"unit", meaning.unit.empty() ? "1" : meaning.unit}, {"meaning", meaning.meaning}, {"axes", meaning.axes}};
    for (const auto& [key, text] : texts) {
        const Hid type = text_type(text.size());
        write_attribute(set, name, key, simple_space({}), type, type, text.data());
    }
}

void Impl::write_attribute(hid_t object, const std::string& name, const std::string& key, hid_t space, hid_t stored,
                           hid_t given, const void* values) const {
    if (H5Aexists(object, key.c_str()) > 0)
        written(H5Adelete(object, key.c_str()) >= 0, name, "attribute " + key);
    const Hid made = H5Acreate2(object, key.c_str(), stored, space, H5P_DEFAULT, H5P_DEFAULT);
    written(made.ok(), name, "attribute " + key);
    const bool empty = H5Sget_simple_extent_npoints(space) == 0;
    written(empty || H5Awrite(made, given, values) >= 0, name, "attribute " + key);
}

void Impl::attribute(const std::string& name, const std::string& key, hid_t space, hid_t stored, hid_t given,
                     const void* values) const {
    const Hid object = open_object(name);
    written(object.ok(), name, "attribute " + key);
    write_attribute(object, name, key, space, stored, given, values);
}

Hid Impl::open_attribute(const std::string& name, const std::string& key) const {
    const Hid object = open_object(name);
    if (!object.ok())
        bad_input(name, "no such object");
    Hid found = H5Aopen(object, key.c_str(), H5P_DEFAULT);
    if (!found.ok())
        bad_input(name, "expected an attribute '" + key + "'");
    const Hid space = H5Aget_space(found);
    if (H5Sget_simple_extent_npoints(space) != 1)
        bad_input(name, "attribute '" + key + "': expected one value");
    return found;
}

std::string Hdf5Group::path() const {
    return impl_->label("");
}

bool Hdf5Group::has(const std::string& name) const {
    const Quiet quiet;
    std::vector<std::string> on_the_way;
    for (const std::string& part : split(name)) {  // HDF5 answers for the last link only
        if (!on_the_way.empty() && H5Oexists_by_name(impl_->id, join(on_the_way).c_str(), H5P_DEFAULT) <= 0)
            return false;
        on_the_way.push_back(part);
        if (H5Lexists(impl_->id, join(on_the_way).c_str(), H5P_DEFAULT) <= 0)
            return false;
    }
    return true;
}

std::vector<std::string> Hdf5Group::names() const {
    const Quiet quiet;
    return member_names(*impl_, "", impl_->id);
}

std::vector<std::string> Hdf5Group::datasets() const {
    const Quiet quiet;
    std::vector<std::string> found;
    int visited = 0;
    collect_datasets(*impl_, "", 0, visited, found);
    return found;
}

Hdf5Group Hdf5Group::group(const std::string& name) const {
    const Quiet quiet;
    Hid opened = H5Gopen2(impl_->id, below(name).c_str(), H5P_DEFAULT);
    if (!opened.ok())
        impl_->bad_input(name, "expected a group" + reason());
    return impl_->child(name, std::move(opened));
}

Hdf5Group Hdf5Group::create_group(const std::string& name) const {
    const Quiet quiet;
    return impl_->child(name, impl_->make_groups(split(name)));
}

// ---- data sets -----------------------------------------------------------------------------------------------------

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
    if (set.compressed) {  // neighbouring windows share chunks; nothing else holds the data set open, so that this
                           // counts
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

std::vector<Index> Hdf5Group::shape(const std::string& name) const {
    const Quiet quiet;
    const Hid set = H5Dopen2(impl_->id, below(name).c_str(), H5P_DEFAULT);
    if (!set.ok())
        impl_->bad_input(name, "expected a data set" + reason());
    const Hid space = H5Dget_space(set);
    const std::vector<hsize_t> dims = dimensions(*impl_, name, space);
    return {dims.begin(), dims.end()};
}

// ---- attributes ----------------------------------------------------------------------------------------------------

void Hdf5Group::attribute(const std::string& name, const std::string& key, const std::string& value) const {
    const Quiet quiet;
    const Hid type = text_type(value.size());
    impl_->attribute(name, key, simple_space({}), type, type, value.c_str());
}

void Hdf5Group::attribute(const std::string& name, const std::string& key, double value) const {
    const Quiet quiet;
    impl_->attribute(name, key, simple_space({}), file_type<double>(), memory_type<double>(), &value);
}

void Hdf5Group::attribute(const std::string& name, const std::string& key, std::int64_t value) const {
    const Quiet quiet;
    impl_->attribute(name, key, simple_space({}), file_type<std::int64_t>(), memory_type<std::int64_t>(), &value);
}

void Hdf5Group::attribute(const std::string& name, const std::string& key, const std::vector<double>& values) const {
    const Quiet quiet;
    impl_->attribute(name, key, simple_space({static_cast<Index>(values.size())}), file_type<double>(),
                     memory_type<double>(), values.data());
}

bool Hdf5Group::has_attribute(const std::string& name, const std::string& key) const {
    const Quiet quiet;
    const Hid object = impl_->open_object(name);
    return object.ok() && H5Aexists(object, key.c_str()) > 0;
}

std::string Hdf5Group::text_attribute(const std::string& name, const std::string& key) const {
    const Quiet quiet;
    const Hid found = impl_->open_attribute(name, key), type = H5Aget_type(found);
    if (H5Tget_class(type) != H5T_STRING)
        impl_->bad_input(name, "attribute '" + key + "': expected text");
    if (H5Tis_variable_str(type) > 0) {
        char* text = nullptr;
        if (H5Aread(found, type, &text) < 0)
            impl_->bad_input(name, "attribute '" + key + "' cannot be read" + reason());
        const std::string result = text ? text : "";
        H5free_memory(text);
        return result;
    }
    const std::size_t size = H5Tget_size(type);
    if (size > plausible_bytes(*impl_->file, false))
        impl_->bad_input(name, "attribute '" + key + "': expected no more text than the file can hold");
    std::vector<char> bytes(size);
    if (H5Aread(found, type, bytes.data()) < 0)
        impl_->bad_input(name, "attribute '" + key + "' cannot be read" + reason());
    return unpadded({bytes.data(), size}, H5Tget_strpad(type));
}

double Hdf5Group::number_attribute(const std::string& name, const std::string& key) const {
    const Quiet quiet;
    const Hid found = impl_->open_attribute(name, key), type = H5Aget_type(found);
    double value = 0;
    if (!numeric(type) || H5Aread(found, H5T_NATIVE_DOUBLE, &value) < 0)
        impl_->bad_input(name, "attribute '" + key + "': expected a number");
    return value;
}

bool shares_files(const Communicator& ranks) {
    return parallel && ranks.size() > 1 && ranks.native() != nullptr;
}

// ---- files ---------------------------------------------------------------------------------------------------------

struct Hdf5File::State {
    std::shared_ptr<FileHandle> file;
    Hdf5Group root;
    std::filesystem::path path, temporary;  // temporary is empty when reading and after commit()
    Communicator* communicator = nullptr;   // of those that write it together
    bool keeps = true;                      // is the one that renames it

    State(std::shared_ptr<FileHandle> opened, std::filesystem::path path, std::filesystem::path temporary)
        : file(std::move(opened)), path(std::move(path)), temporary(std::move(temporary)) {
        root.impl_ = std::make_shared<Hdf5Group::Impl>(Hdf5Group::Impl{file, "", H5Gopen2(file->id, "/", H5P_DEFAULT)});
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        if (temporary.empty())
            return;
        if (file->ranks > 1)  // closing is collective, and the others may never come: HDF5 closes it at the end of MPI
            file->id = -1;
        file->close();
        std::error_code ignored;
        if (keeps || file->ranks > 1)
            std::filesystem::remove(temporary, ignored);
    }
};

Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;
Hdf5File::~Hdf5File() = default;

namespace {

Hid reading_access() {
    Hid access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, false, true);  // files appear complete, and some file systems know no locks
    return access;
}

Hid writing_access() {
    Hid access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);  // checksums on everything but the values
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);                // commit() must not leave it half open
    H5Pset_file_locking(access, false, true);
    return access;
}

void check_regular(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        throw InputError(path + ": cannot be read: " + (error ? error.message() : "not a regular file"));
}

}  // namespace

Hdf5File Hdf5File::open(const std::string& path, Communicator& ranks) {
    if (!shares_files(ranks))
        return open(path);
    skip_cleanup_at_exit();
    const Quiet quiet;
    together(ranks, [&] { check_regular(path); });
    const Hid access = reading_access();
    share_file(access, ranks);
    auto file = std::make_shared<FileHandle>(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), path);
    file->ranks = ranks.size();
    file->rank = ranks.rank();
    Hdf5File result;
    together(ranks, [&] {
        if (file->id < 0)
            throw InputError(path + ": expected an HDF5 file" + reason());
        result.state_ = std::make_unique<State>(std::move(file), path, "");
        if (!result.state_->root.impl_->id.ok())
            throw InputError(path + ": expected an HDF5 file with a root group" + reason());
    });
    return result;
}

bool Hdf5File::collective() const {
    return state_->file->ranks > 1 && state_->file->collective;
}

Hdf5File Hdf5File::open(const std::string& path) {
    skip_cleanup_at_exit();
    const Quiet quiet;
    check_regular(path);
    const Hid access = reading_access();
    auto file = std::make_shared<FileHandle>(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), path);
    if (file->id < 0)
        throw InputError(path + ": expected an HDF5 file" + reason());
    Hdf5File result;
    result.state_ = std::make_unique<State>(std::move(file), path, "");
    if (!result.state_->root.impl_->id.ok())
        throw InputError(path + ": expected an HDF5 file with a root group" + reason());
    return result;
}

Hdf5File Hdf5File::create(const std::string& path) {
    skip_cleanup_at_exit();
    const Quiet quiet;
    const std::filesystem::path temporary = temporary_name(path);
    const Hid access = writing_access(), creation = untimed(H5P_FILE_CREATE);
    auto file = std::make_shared<FileHandle>(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, creation, access), path);
    if (file->id < 0) {
        const std::string why = reason();
        std::error_code ignored;
        std::filesystem::remove(temporary, ignored);
        throw Error(path + ": cannot be created" + why);
    }
    Hdf5File result;
    result.state_ = std::make_unique<State>(std::move(file), path, temporary);
    return result;
}

Hdf5File Hdf5File::create(const std::string& path, Communicator& ranks) {
    if (ranks.size() == 1)
        return create(path);
    skip_cleanup_at_exit();
    const Quiet quiet;
    std::string temporary = temporary_name(path).string();
    temporary = all_gather(ranks, temporary).front();
    const Hid access = writing_access(), creation = untimed(H5P_FILE_CREATE);
    const bool shared = shares_files(ranks);
    if (shared)
        share_file(access, ranks);
    else if (ranks.rank() != 0)  // a serial HDF5: rank 0 writes, what the others write goes nowhere
        H5Pset_fapl_core(access, 1 << 20, false);
    Hdf5File result;
    const auto create_here = [&] {
        auto file = std::make_shared<FileHandle>(H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, creation, access), path);
        if (file->id < 0)
            throw Error(path + ": cannot be created" + reason());
        if (shared) {
            file->ranks = ranks.size();
            file->rank = ranks.rank();
            file->communicator = &ranks;
            file->temporary = temporary;
        }
        result.state_ = std::make_unique<State>(std::move(file), path, temporary);
        result.state_->communicator = &ranks;
        result.state_->keeps = ranks.rank() == 0;
    };
    try {
        together(ranks, [&] {  // before HDF5 knows of it: what it cannot write, it cannot close
            if (shared && ranks.rank() == 0) {
                write_file(temporary, "");
                reserve_disk(temporary, path, metadata_bytes);
            }
        });
        together(ranks, create_here);
        together(ranks, [&] {
            if (shared)
                result.state_->file->reserve(0);
        });
    } catch (...) {
        std::error_code ignored;
        if (ranks.rank() == 0)
            std::filesystem::remove(temporary, ignored);
        throw;
    }
    return result;
}

const Hdf5Group& Hdf5File::root() const {
    return state_->root;
}

void Hdf5File::commit() {
    const Quiet quiet;
    require(!state_->temporary.empty(), "commit() of a file that is not being written");
    const auto close = [&] {
        if (!state_->file->close())
            throw Error(state_->path.string() + ": cannot be written" + reason());
    };
    if (state_->communicator == nullptr) {
        close();
        commit_file(state_->temporary, state_->path);
    } else {
        close();  // with a failure HDF5 may keep the others waiting for ever: they cannot be told
        together(*state_->communicator, [&] {
            if (state_->keeps)
                commit_file(state_->temporary, state_->path);
        });
    }
    state_->temporary.clear();
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

#include "io/hdf5_handle.hpp"

#include <algorithm>

#include "descrambler/files.hpp"

namespace descrambler::hdf5 {
namespace {

constexpr std::uint64_t small_bytes = std::uint64_t{1} << 20;  // always accepted
constexpr std::uint64_t most_compression = 1100;               // deflate reaches 1032

}  // namespace

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

std::string below(const std::string& name) {
    const std::string path = join(split(name));
    return path.empty() ? "." : path;
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

Hid untimed(hid_t kind) {
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

bool is_parallel() {
    return true;
}

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

bool is_parallel() {
    return false;
}

void share_file(hid_t, const Communicator&) {}
#endif

std::string unpadded(std::string_view view, H5T_str_t pad) {
    if (pad == H5T_STR_NULLTERM)
        return std::string(view.substr(0, view.find('\0')));
    const std::size_t last = view.find_last_not_of(pad == H5T_STR_SPACEPAD ? ' ' : '\0');
    return std::string(view.substr(0, last == view.npos ? 0 : last + 1));
}

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

void FileHandle::reserve(std::uint64_t bytes) const {
    if (rank == 0)
        reserve_disk(temporary, name, bytes + metadata_bytes);
}

std::uint64_t plausible_bytes(const FileHandle& file, bool compressed) {
    hsize_t size = 0;
    H5Fget_filesize(file.id, &size);
    return std::max<std::uint64_t>(small_bytes, size * (compressed ? most_compression : 1));
}

}  // namespace descrambler::hdf5

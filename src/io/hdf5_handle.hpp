// What the four sources of hdf5.hpp share: owners of identifiers, types and spaces, a group and its file.
#pragma once

#include <hdf5.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "descrambler/communicator.hpp"
#include "descrambler/hdf5.hpp"

namespace descrambler {
namespace hdf5 {

// More bytes than our files have besides their values.
inline constexpr std::uint64_t metadata_bytes = std::uint64_t{1} << 18;

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

// What HDF5 itself says about the last failure, shortened to fit into one line; "" if it says nothing.
std::string reason();

// The names on a path, and back.
std::vector<std::string> split(const std::string& path);
std::string join(const std::vector<std::string>& parts);
// `name` as HDF5 wants it: always below the group at hand, "." for the group itself.
std::string below(const std::string& name);

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

Hid text_type(std::size_t length);
Hid simple_space(const std::vector<Index>& shape);
Hid untimed(hid_t kind);  // properties of data sets and groups: nothing that differs between two runs

// Parallel HDF5; in a build with a serial one nothing is parallel, and no transfer collective.
bool is_parallel();
Hid collective_transfer();
bool was_collective(hid_t transfer);
void share_file(hid_t access, const Communicator& ranks);

// A text of fixed size without what pads it.
std::string unpadded(std::string_view view, H5T_str_t pad);
// Numbers whose bit fields lie inside their bytes: HDF5 converts any others without a look at the end of its buffers.
bool numeric(hid_t type);

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
    // Reserves disk space before the ranks write together: on a full disk they would wait for each other for ever.
    void reserve(std::uint64_t bytes) const;
    bool close() {
        const Quiet quiet;
        return id < 0 || H5Fclose(std::exchange(id, -1)) >= 0;
    }
};

// Bytes that the file may expand to: no size written in it is believed beyond that.
std::uint64_t plausible_bytes(const FileHandle& file, bool compressed);

}  // namespace hdf5

struct Hdf5Group::Impl {
    std::shared_ptr<hdf5::FileHandle> file;  // destroyed last
    std::string path;                        // inside the file, "" for the root
    hdf5::Hid id;

    [[nodiscard]] std::string full(const std::string& name) const {
        const std::string rest = hdf5::join(hdf5::split(name));
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
            throw Error(label(name) + ": cannot write " + what + (file->id < 0 ? " (file is closed)" : hdf5::reason()));
    }
    [[nodiscard]] hdf5::Hid open_object(const std::string& name) const {
        return H5Oopen(id, hdf5::below(name).c_str(), H5P_DEFAULT);
    }
    [[nodiscard]] Hdf5Group child(const std::string& name, hdf5::Hid opened) const {
        Hdf5Group result;
        result.impl_ = std::make_shared<Impl>(Impl{file, full(name), std::move(opened)});
        return result;
    }

    [[nodiscard]] hdf5::Hid make_groups(const std::vector<std::string>& parts) const;
    void write(const std::string& name, const std::vector<Index>& shape, hid_t stored, hid_t given, const void* values,
               const Label& label) const;
    [[nodiscard]] hdf5::Hid create_dataset(const std::string& name, const std::vector<Index>& shape,
                                           hid_t stored) const;
    void describe(hid_t set, const std::string& name, const Label& meaning) const;
    void write_attribute(hid_t object, const std::string& name, const std::string& key, hid_t space, hid_t stored,
                         hid_t given, const void* values) const;
    void attribute(const std::string& name, const std::string& key, hid_t space, hid_t stored, hid_t given,
                   const void* values) const;
    [[nodiscard]] hdf5::Hid open_attribute(const std::string& name, const std::string& key) const;
};

namespace hdf5 {

// The sizes of a data set's space; throws InputError (naming `name` in the group) where there is none or it is absurd.
std::vector<hsize_t> dimensions(const Hdf5Group::Impl& group, const std::string& name, hid_t space);

}  // namespace hdf5
}  // namespace descrambler

// Files: opened and created, alone or by several ranks together.
#include "descrambler/hdf5.hpp"

#include <filesystem>
#include <system_error>

#include "descrambler/communicator.hpp"
#include "descrambler/files.hpp"
#include "io/hdf5_handle.hpp"

namespace descrambler {

using namespace hdf5;

namespace {

// HDF5 1.10 leaks memory when it meets a damaged file and complains about that when the program ends. All that is open
// here is closed by its owner, so nothing needs to be done at the end. Without effect where HDF5 is in use already.
void skip_cleanup_at_exit() {
    [[maybe_unused]] static const herr_t once = H5dont_atexit();
}

}  // namespace

bool shares_files(const Communicator& ranks) {
    return is_parallel() && ranks.size() > 1 && ranks.native() != nullptr;
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

}  // namespace descrambler

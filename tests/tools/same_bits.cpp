// same_bits A.h5 B.h5: do two results hold the same bits?
// Every group, data set and attribute must be in both, with the same type, shape and bytes, except what may differ
// between equal runs: the group /timing and the attributes request, ranks, threads, device, seconds and *_seconds.
// Exit codes: 0 the same, 1 not (one line tells the first difference), 2 wrong use or no HDF5 file.
// The C interface is used directly: it gives the bytes as they lie in the file, without conversion.
#include <hdf5.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Difference : std::runtime_error {
    using std::runtime_error::runtime_error;
};

hid_t checked(hid_t id, const std::string& what) {
    if (id < 0)
        throw std::runtime_error(what + " cannot be opened");
    return id;
}

bool may_differ(std::string_view attribute) {
    return attribute == "ranks" || attribute == "threads" || attribute == "device" || attribute == "seconds" ||
           attribute == "request" || attribute.ends_with("_seconds");
}

template <class Iterate>
std::vector<std::string> sorted_names(const Iterate& iterate) {
    std::vector<std::string> names;
    iterate(names);
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> links_of(hid_t group) {
    return sorted_names([&](std::vector<std::string>& names) {
        const auto add = [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
            static_cast<std::vector<std::string>*>(to)->emplace_back(name);
            return 0;
        };
        H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add, &names);
    });
}

std::vector<std::string> attributes_of(hid_t object) {
    return sorted_names([&](std::vector<std::string>& names) {
        const auto add = [](hid_t, const char* name, const H5A_info_t*, void* to) -> herr_t {
            if (!may_differ(name))
                static_cast<std::vector<std::string>*>(to)->emplace_back(name);
            return 0;
        };
        H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add, &names);
    });
}

void same_names(const std::vector<std::string>& a, const std::vector<std::string>& b, const std::string& where) {
    std::vector<std::string> lonely;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(lonely));
    if (!lonely.empty())
        throw Difference(where + lonely.front() + ": only in the first");
    std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(lonely));
    if (!lonely.empty())
        throw Difference(where + lonely.front() + ": only in the second");
}

// A data set or attribute as it lies in the file. Identifiers live as long as the program, which is short.
struct Stored {
    hid_t type, space;
    std::vector<hsize_t> shape;
    std::vector<char> bytes;

    Stored(hid_t type, hid_t space, const std::string& where) : type(type), space(space) {
        const H5T_class_t kind = H5Tget_class(type);
        if ((kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_STRING) || H5Tis_variable_str(type) > 0)
            throw std::runtime_error(where + ": of a type that is not compared");
        shape.resize(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
        H5Sget_simple_extent_dims(space, shape.data(), nullptr);
        bytes.resize(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)) * H5Tget_size(type));
    }
};

std::string item(const Stored& from, std::size_t at) {
    const std::size_t size = H5Tget_size(from.type);
    if (H5Tget_class(from.type) == H5T_STRING)
        return std::string(from.bytes.data() + at * size, strnlen(from.bytes.data() + at * size, size));
    std::vector<char> value(std::max(size, sizeof(double)));
    std::copy_n(from.bytes.data() + at * size, size, value.begin());
    H5Tconvert(from.type, H5T_NATIVE_DOUBLE, 1, value.data(), nullptr, H5P_DEFAULT);
    double number = 0;
    std::memcpy(&number, value.data(), sizeof number);
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", number);
    return text;
}

void same_content(const Stored& a, const Stored& b, const std::string& where) {
    if (a.shape != b.shape)
        throw Difference(where + ": of different shapes");
    if (H5Tequal(a.type, b.type) <= 0) {
        if (H5Tget_class(a.type) == H5T_STRING && H5Tget_class(b.type) == H5T_STRING && !a.bytes.empty() &&
            !b.bytes.empty())
            throw Difference(where + ": texts of different lengths, " + item(a, 0) + " and " + item(b, 0));
        throw Difference(where + ": of different types");
    }
    const auto differ = std::mismatch(a.bytes.begin(), a.bytes.end(), b.bytes.begin());
    if (differ.first == a.bytes.end())
        return;
    const auto at = static_cast<std::size_t>(differ.first - a.bytes.begin()) / H5Tget_size(a.type);
    throw Difference(where + ": item " + std::to_string(at) + " is " + item(a, at) + " and " + item(b, at));
}

Stored read_attribute(hid_t object, const std::string& name, const std::string& where) {
    const hid_t found = checked(H5Aopen(object, name.c_str(), H5P_DEFAULT), where);
    Stored result(H5Aget_type(found), H5Aget_space(found), where);
    if (!result.bytes.empty() && H5Aread(found, result.type, result.bytes.data()) < 0)
        throw std::runtime_error(where + " cannot be read");
    return result;
}

Stored read_dataset(hid_t set, const std::string& where) {
    Stored result(H5Dget_type(set), H5Dget_space(set), where);
    if (!result.bytes.empty() && H5Dread(set, result.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, result.bytes.data()) < 0)
        throw std::runtime_error(where + " cannot be read");
    return result;
}

void compare(hid_t a, hid_t b, const std::string& path) {
    const std::vector<std::string> attributes = attributes_of(a);
    same_names(attributes, attributes_of(b), path + "@");
    for (const std::string& name : attributes)
        same_content(read_attribute(a, name, path + "@" + name), read_attribute(b, name, path + "@" + name),
                     path + "@" + name);
    if (H5Iget_type(a) != H5Iget_type(b))
        throw Difference(path + ": a group in one file, a data set in the other");
    if (H5Iget_type(a) == H5I_DATASET) {
        same_content(read_dataset(a, path), read_dataset(b, path), path);
        return;
    }
    std::vector<std::string> links = links_of(a), others = links_of(b);
    if (path == "/") {
        std::erase(links, "timing");
        std::erase(others, "timing");
    }
    same_names(links, others, path);
    for (const std::string& name : links) {
        const std::string below = path + name;
        const hid_t first = checked(H5Oopen(a, name.c_str(), H5P_DEFAULT), below),
                    second = checked(H5Oopen(b, name.c_str(), H5P_DEFAULT), below);
        compare(first, second, H5Iget_type(first) == H5I_GROUP ? below + "/" : below);
        H5Oclose(first);
        H5Oclose(second);
    }
}

hid_t open(const char* name) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    return checked(H5Fopen(name, H5F_ACC_RDONLY, access), name);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: same_bits A.h5 B.h5\n", stderr);
        return 2;
    }
    try {
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
        const hid_t a = open(argv[1]), b = open(argv[2]);
        compare(checked(H5Gopen2(a, "/", H5P_DEFAULT), argv[1]), checked(H5Gopen2(b, "/", H5P_DEFAULT), argv[2]), "/");
        return 0;
    } catch (const Difference& difference) {
        std::printf("%s, %s: %s\n", argv[1], argv[2], difference.what());
        return 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "same_bits: %s\n", error.what());
        return 2;
    }
}

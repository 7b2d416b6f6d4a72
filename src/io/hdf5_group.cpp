// Groups, what lies in them, and attributes.
#include <algorithm>

#include "io/hdf5_handle.hpp"

namespace descrambler {

using namespace hdf5;
using Impl = Hdf5Group::Impl;

namespace {

constexpr int most_depth = 16;  // of groups, where all of them are visited
constexpr int most_objects = 100000;

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

std::vector<std::string> Hdf5Group::attributes() const {
    const Quiet quiet;
    std::vector<std::string> names;
    const auto add = [](hid_t, const char* name, const H5A_info_t*, void* to) -> herr_t {
        static_cast<std::vector<std::string>*>(to)->emplace_back(name);
        return 0;
    };
    if (H5Aiterate2(impl_->id, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add, &names) < 0)
        impl_->bad_input("", "attributes cannot be read" + reason());
    std::sort(names.begin(), names.end());
    return names;
}

bool Hdf5Group::is_whole_attribute(const std::string& key) const {
    const Quiet quiet;
    const Hid found = impl_->open_attribute("", key), type = H5Aget_type(found);
    return H5Tget_class(type) == H5T_INTEGER;
}

bool Hdf5Group::is_text_attribute(const std::string& key) const {
    const Quiet quiet;
    const Hid found = impl_->open_attribute("", key), type = H5Aget_type(found);
    return H5Tget_class(type) == H5T_STRING;
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

}  // namespace descrambler

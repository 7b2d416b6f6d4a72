// Network files. The bytes are edits of a good file, each to one object or attribute of it: HDF5 1.10 itself does not
// survive arbitrary bytes (hdf5.hpp), and these look for what is wrong in ours. The file of each task is edited.
#include <hdf5.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <vector>

#include "descrambler/ensemble.hpp"
#include "target.hpp"
#include "tasks/task.hpp"

namespace {

using namespace descrambler;

class Bytes {
public:
    Bytes(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
    [[nodiscard]] bool empty() const { return at_ == end_; }
    std::size_t next() { return empty() ? 0 : *at_++; }
    std::size_t below(std::size_t n) { return n == 0 ? 0 : next() % n; }
    std::string text() {
        std::string result;
        for (std::size_t n = below(24); n > 0; --n)
            result += static_cast<char>(next());
        return result;
    }
    double number() {
        const double all[] = {
            0,           1,   -1,   2,    3,     0.5,   8,      1e-3,
            1e3,         1e9, 1e18, 1e19, -1e19, 1e300, 1e-300, std::numeric_limits<double>::infinity(),
            std::nan("")};
        return all[below(std::size(all))];
    }

private:
    const std::uint8_t *at_, *end_;
};

struct Good {
    std::string bytes;
    std::vector<std::string> objects;                             // groups and data sets, "" is the root
    std::vector<std::pair<std::string, std::string>> attributes;  // object, name
};

Network network(Index inputs, Index outputs) {
    Network result;
    for (const Index rows : {Index{3}, outputs}) {
        DenseLayer layer;
        layer.weight = Matrix<double>(rows, result.layers.empty() ? inputs : Index{3});
        layer.bias.assign(static_cast<std::size_t>(rows), 0.25);
        result.layers.push_back(std::move(layer));
    }
    return result;
}

Good good_file(const std::filesystem::path& path, const TaskRecipe& task) {
    Ensemble ensemble;
    ensemble.seed = 7;
    ensemble.recipe = to_recipe(task);
    for (Index i = 0; i < 2 * condition_count(task); ++i)
        ensemble.networks.push_back(network(4, 2));
    write_ensemble(path.string(), ensemble);
    Good good;
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    good.bytes = bytes.str();
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Ovisit(
        file, H5_INDEX_NAME, H5_ITER_INC,
        [](hid_t, const char* name, const H5O_info_t*, void* to) -> herr_t {
            static_cast<Good*>(to)->objects.emplace_back(name);
            return 0;
        },
        &good);
    for (const std::string& object : good.objects) {
        const hid_t id = H5Oopen(file, object.c_str(), H5P_DEFAULT);
        std::pair<Good*, const std::string*> to{&good, &object};
        H5Aiterate2(
            id, H5_INDEX_NAME, H5_ITER_INC, nullptr,
            [](hid_t, const char* name, const H5A_info_t*, void* pair) -> herr_t {
                const auto& [list, at] = *static_cast<std::pair<Good*, const std::string*>*>(pair);
                list->attributes.emplace_back(*at, name);
                return 0;
            },
            &to);
        H5Oclose(id);
    }
    H5Fclose(file);
    return good;
}

struct Stored {
    hid_t type, space;
    std::vector<char> bytes;
};

// Numbers or texts of some type and shape.
Stored some_value(Bytes& bytes, bool attribute) {
    const std::size_t rank = bytes.below(attribute ? 2 : 4);
    std::vector<hsize_t> dims;
    std::size_t count = 1;
    for (std::size_t i = 0; i < rank; ++i) {
        dims.push_back(bytes.below(6));
        count *= dims.back();
    }
    Stored value{
        -1, rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(rank), dims.data(), nullptr), {}};
    if (bytes.below(3) == 0) {  // texts
        const std::string text = bytes.text();
        value.type = H5Tcopy(H5T_C_S1);
        H5Tset_size(value.type, text.size() + 1);
        for (std::size_t i = 0; i < count; ++i)
            value.bytes.insert(value.bytes.end(), text.c_str(), text.c_str() + text.size() + 1);
    } else {
        const hid_t types[] = {H5T_NATIVE_DOUBLE, H5T_NATIVE_FLOAT, H5T_NATIVE_INT64, H5T_NATIVE_UINT8,
                               H5T_NATIVE_UINT16};
        const std::size_t which = bytes.below(std::size(types));
        value.type = H5Tcopy(types[which]);
        const std::size_t size = H5Tget_size(value.type);
        value.bytes.resize(count * size);
        for (std::size_t i = 0; i < count; ++i) {
            const double number = which < 2 ? bytes.number() : static_cast<double>(bytes.next());
            const float single = static_cast<float>(number);
            const auto whole = static_cast<std::int64_t>(which < 2 ? 0 : number);
            std::memcpy(value.bytes.data() + i * size,
                        which == 0   ? static_cast<const void*>(&number)
                        : which == 1 ? static_cast<const void*>(&single)
                                     : &whole,
                        size);
        }
    }
    return value;
}

void edit(hid_t file, const Good& good, Bytes& bytes) {
    const std::size_t kind = bytes.below(6);
    if (kind < 3) {  // an attribute goes, is another, or comes
        auto [object, name] = good.attributes[bytes.below(good.attributes.size())];
        if (kind == 2)
            object = good.objects[bytes.below(good.objects.size())];
        const hid_t id = H5Oopen(file, object.c_str(), H5P_DEFAULT);
        if (id < 0)
            return;
        if (H5Aexists(id, name.c_str()) > 0)
            H5Adelete(id, name.c_str());
        if (kind > 0) {
            const Stored value = some_value(bytes, true);
            const hid_t made = H5Acreate2(id, name.c_str(), value.type, value.space, H5P_DEFAULT, H5P_DEFAULT);
            if (made >= 0 && !value.bytes.empty())
                H5Awrite(made, value.type, value.bytes.data());
            H5Aclose(made);
            H5Sclose(value.space);
            H5Tclose(value.type);
        }
        H5Oclose(id);
        return;
    }
    std::string object = good.objects[bytes.below(good.objects.size())];
    if (object == ".")
        return;
    if (kind == 5)  // beside it, a name like it
        object.back() = static_cast<char>('0' + bytes.below(10));
    if (H5Lexists(file, object.c_str(), H5P_DEFAULT) > 0)
        H5Ldelete(file, object.c_str(), H5P_DEFAULT);
    if (kind == 3)
        return;
    if (bytes.below(4) == 0) {
        H5Gclose(H5Gcreate2(file, object.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        return;
    }
    const Stored value = some_value(bytes, false);
    const hid_t made = H5Dcreate2(file, object.c_str(), value.type, value.space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (made >= 0 && !value.bytes.empty())
        H5Dwrite(made, value.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value.bytes.data());
    H5Dclose(made);
    H5Sclose(value.space);
    H5Tclose(value.type);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Scratch scratch("a.h5");
    static const std::vector<Good> all = [] {
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
        std::vector<Good> files;
        for (const TaskRecipe& task : standard_recipes())
            files.push_back(good_file(scratch.path(), task));
        return files;
    }();
    Bytes bytes(data, size);
    const Good& good = all[bytes.below(all.size())];
    scratch.put(good.bytes);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    const hid_t file = H5Fopen(scratch.path().c_str(), H5F_ACC_RDWR, access);
    H5Pclose(access);
    for (int edits = 0; edits < 8 && !bytes.empty(); ++edits)
        edit(file, good, bytes);
    H5Fclose(file);
    fuzz::accept_or_refuse([&] {
        const Ensemble read = read_ensemble(scratch.path().string());
        fuzz::expect(!read.networks.empty());
        (void)task_recipe(read, scratch.path().string());
        for (const Network& network : read.networks)
            for (std::size_t k = 0; k < network.layers.size(); ++k) {
                const DenseLayer& layer = network.layers[k];
                fuzz::expect(layer.weight.size() > 0 &&
                             (k == 0 || layer.weight.cols() == network.layers[k - 1].weight.rows()) &&
                             (layer.bias.empty() || std::ssize(layer.bias) == layer.weight.rows()));
                for (const double w : layer.weight.values())
                    fuzz::expect(std::isfinite(w));
            }
    });
    return 0;
}

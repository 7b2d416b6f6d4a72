// Files of samples as other programs write them: byte by byte (.npy), or with the C interface of HDF5.
#pragma once

#include <gtest/gtest.h>
#include <hdf5.h>

#include <string>
#include <vector>

#include "descrambler/array.hpp"
#include "fuzz.hpp"
#include "io/bytes.hpp"

namespace descrambler::test {

// A file as NumPy writes it, from a header by hand.
inline std::string npy(const std::string& header, const std::string& data, char version = 1) {
    std::string bytes = "\x93NUMPY";
    bytes += version;
    bytes += '\0';
    const auto length = to_bytes(static_cast<std::uint32_t>(header.size()), std::endian::little);
    bytes.append(length.data(), version == 1 ? 2 : 4);
    return bytes + header + data;
}

// A .npy file of S [samples, features] of "<f4", ">f4", "<f8" or ">f8".
inline std::string npy_of(const Matrix<double>& S, const std::string& type, bool fortran) {
    const std::endian order = type[0] == '<' ? std::endian::little : std::endian::big;
    std::string data;
    const auto append = [&](double value) {
        if (type[2] == '8')
            data.append(to_bytes(value, order).data(), 8);
        else
            data.append(to_bytes(static_cast<float>(value), order).data(), 4);
    };
    for (Index k = 0; k < S.size(); ++k)
        append(fortran ? S.data()[k] : S(k / S.cols(), k % S.cols()));
    return npy("{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': (" +
                   std::to_string(S.rows()) + ", " + std::to_string(S.cols()) + "), }\n",
               data);
}

struct Hdf5Layout {
    hid_t type = H5T_IEEE_F64LE;
    std::vector<hsize_t> chunk;  // {} is contiguous
    bool compressed = false;
};

// Adds S [samples, features] as the data set `name` to the file, which is made if it is not there.
inline void put_hdf5(const std::filesystem::path& path, const std::string& name, const Matrix<double>& S,
                     const Hdf5Layout& layout = {}) {
    const hid_t file = std::filesystem::exists(path) ? H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)
                                                     : H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_obj_track_times(creation, false);  // equal bytes each time
    H5Pset_create_intermediate_group(links, 1);
    if (!layout.chunk.empty())
        H5Pset_chunk(creation, static_cast<int>(layout.chunk.size()), layout.chunk.data());
    if (layout.compressed) {
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, 6);
    }
    const hsize_t dims[] = {static_cast<hsize_t>(S.rows()), static_cast<hsize_t>(S.cols())};
    const hid_t space = H5Screate_simple(2, dims, nullptr);
    const hid_t set = H5Dcreate2(file, name.c_str(), layout.type, space, links, creation, H5P_DEFAULT);
    std::vector<double> values;
    for (Index k = 0; k < S.size(); ++k)
        values.push_back(S(k / S.cols(), k % S.cols()));
    EXPECT_TRUE(values.empty() || H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
    H5Pclose(creation);
    EXPECT_GE(H5Fclose(file), 0);
}

// Samples first, first + 1, ... of a series in which every value is another one, and exact in any type of two bytes.
inline Matrix<double> series(Index first, Index samples, Index features) {
    Matrix<double> S(samples, features);
    for (Index i = 0; i < samples; ++i)
        for (Index j = 0; j < features; ++j)
            S(i, j) = static_cast<double>((first + i) * features + j + 1);
    return S;
}

}  // namespace descrambler::test

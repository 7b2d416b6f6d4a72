// A small network from images to images, and what the tests of its rows and columns share.
#pragma once

#include <cmath>

#include "descrambler/hdf5.hpp"
#include "io/onnx_bytes.hpp"
#include "io/packed.hpp"
#include "program.hpp"

namespace descrambler::test {

// x [1, 2, side, side + 1] to y [1, 1, 2 side, 2 (side + 1)]: two convolutions of 3 x 3 with a ReLU between, and a
// DepthToSpace. Rows reach 5 x 5 pixels, columns 10 x 10.
class ImageNetTest : public CliTest {
protected:
    std::string net = folder / "in" / "net.onnx", x = folder / "in" / "x.npy", out = folder / "all.h5";
    Index side = 8;

    void SetUp() override {
        std::filesystem::create_directory(folder / "in");
        write_net(8);
    }
    void write_net(Index of) {
        using namespace onnx;
        side = of;
        const std::string pads = attribute("pads", 7, field(8, 1) + field(8, 1) + field(8, 1) + field(8, 1));
        const auto weights = [](std::size_t count, double step) {
            std::vector<float> values;
            for (std::size_t i = 0; i < count; ++i)
                values.push_back(static_cast<float>(std::sin(step * static_cast<double>(i + 1))));
            return values;
        };
        const std::string graph =
            node("Conv", {"x", "w", "b"}, {"c"}, pads) + node("Relu", {"c"}, {"r"}) +
            node("Conv", {"r", "v"}, {"d"}, pads) +
            node("DepthToSpace", {"d"}, {"y"}, attribute("blocksize", 2, field(3, std::int64_t{2}))) +
            initialiser(tensor("w", {3, 2, 3, 3}, weights(54, 1.7))) + initialiser(tensor("b", {3}, {.1F, -.2F, .3F})) +
            initialiser(tensor("v", {4, 3, 3, 3}, weights(108, 2.3))) + input("x", {1, 2, side, side + 1}) +
            output("y", {1, 1, 2 * side, 2 * side + 2});
        write_file(net, model(graph));
        std::vector<double> values;
        for (Index i = 0; i < inputs(); ++i)
            values.push_back(100 + 90 * std::sin(.31 * static_cast<double>(i * i % 97)));
        write_input(values);
    }
    void write_input(const std::vector<double>& values) const {
        std::string head =
            "{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::to_string(values.size()) + ",), }";
        head.resize(117, ' ');
        std::string bytes("\x93NUMPY\x01\x00\x76\x00", 10);
        bytes += head + "\n";
        bytes.append(reinterpret_cast<const char*>(values.data()), sizeof(double) * values.size());
        write_file(x, bytes);
    }
    [[nodiscard]] Index inputs() const { return 2 * side * (side + 1); }
    [[nodiscard]] Index outputs() const { return 4 * side * (side + 1); }

    std::vector<std::string> asked(const std::vector<std::string>& more) const {
        std::vector<std::string> all{"interpret", net, "--input", x};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    // The items of a file of --all, whole: [count, extents].
    template <class T>
    static std::vector<std::vector<T>> items(const std::string& file) {
        const Hdf5File opened = Hdf5File::open(file);
        const Hdf5Group& root = opened.root();
        const auto index = root.read<std::int64_t>("index");
        const auto data = root.read_vector<std::uint8_t>("data");
        const std::string shape =
            root.text_attribute("", root.text_attribute("", "kind") == "rows" ? "input_shape" : "output_shape");
        std::vector<Index> axes;
        for (std::size_t at = 0; at < shape.size();
             at = shape.find('x', at) == std::string::npos ? shape.size() : shape.find('x', at) + 1)
            axes.push_back(std::stoll(shape.substr(at)));
        const Index rows = axes[2], cols = axes[3];
        std::vector<std::vector<T>> result;
        for (Index item = 0; item < index.shape[0]; ++item) {
            const std::int64_t* const of = index.values.data() + 8 * item;
            const Box box{{of[2], of[3], of[4]}, {of[5], of[6], of[7]}};
            const std::vector<T> numbers = unpack<T>(
                box, std::span(data).subspan(static_cast<std::size_t>(of[0]), static_cast<std::size_t>(of[1])));
            std::vector<T> whole(static_cast<std::size_t>(axes[1] * rows * cols));
            std::size_t from = 0;
            for (Index c = 0; c < box.size[0]; ++c)
                for (Index i = 0; i < box.size[1]; ++i)
                    for (Index j = 0; j < box.size[2]; ++j)
                        whole[static_cast<std::size_t>(((box.first[0] + c) * rows + box.first[1] + i) * cols +
                                                       box.first[2] + j)] = numbers[from++];
            result.push_back(std::move(whole));
        }
        return result;
    }
    // "0,1,...,count - 1"
    static std::string all_below(Index count) {
        std::string text = "0";
        for (Index i = 1; i < count; ++i)
            text.append(",").append(std::to_string(i));
        return text;
    }
};

}  // namespace descrambler::test

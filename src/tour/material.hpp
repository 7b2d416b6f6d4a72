// Networks and pictures of the tour: opened, cut to size, and in the numbers that each network takes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "descrambler/frozen.hpp"
#include "descrambler/measures.hpp"
#include "descrambler/picture.hpp"
#include "tour/experiment.hpp"

namespace descrambler::tour {

// x0 = (raw - mean) / scale, raw from 0 to 255.
struct Subject {
    std::string name, file;  // for pages, for messages
    Graph graph;
    ImageShape input;
    std::optional<ImageShape> output;                                        // of networks that make pictures
    std::vector<double> mean, scale;                                         // one a channel
    std::vector<Index> place;                                                // pixel of every number of the input
    [[nodiscard]] std::vector<double> x0_of(const Picture& picture) const;   // of its size; colours or grey as it takes
    [[nodiscard]] std::vector<double> raw_of(const Picture& picture) const;  // the same before mean and scale
    [[nodiscard]] std::vector<double> at_every_number(const std::vector<double>& of_channels) const;
    [[nodiscard]] std::vector<double> pixels(std::span<const double> map) const;  // summed over channels
};
struct Opening {
    Index height = 0, width = 0;  // of a free input
    std::vector<double> mean{0}, scale{255};
    std::map<std::string, Tensor> set;
    std::optional<std::uint64_t> random_weights;
};
// A network of one input image. Throws InputError as read_onnx and import_onnx do, and where its input is no image of 1 or
// 3 channels.
[[nodiscard]] Subject open_subject(const std::filesystem::path& file, const Opening& opening);
[[nodiscard]] Subject subject_of(const OnnxModel& model, const std::string& name, const Opening& opening);
// What was given instead of a network of the tour, or that of `data`.
[[nodiscard]] Subject open_subject(const Settings& settings, const std::string& file, const Opening& opening);

// The middle of a picture in the proportions of height x width, resampled by areas: the mean of what a pixel covers.
[[nodiscard]] Picture resampled(const Picture& picture, Index height, Index width);
// height x width pixels of a picture from (top, left), as they are. Throws InputError "FILE: ..." where it is smaller.
[[nodiscard]] Picture cut(const Picture& picture, Index top, Index left, Index height, Index width,
                          const std::filesystem::path& file = "a picture");
[[nodiscard]] Picture picture_of(std::span<const double> values, const ImageShape& image, double zero, double step);

// The photographs of the tour, or those that were given, by name.
[[nodiscard]] std::vector<std::filesystem::path> photographs(const Settings& settings);
extern const std::vector<std::string> shipped_photographs;

// Picture k of those that were given, or this one of the tour.
[[nodiscard]] Picture photograph_of(const Settings& settings, std::size_t k, const std::string& name);
// Throws InputError where the output is not one row of two scores or more.
void check_classifier(const Subject& subject);

// Resize by cubic convolution (a = -.75), as a network: `scale` times as large, or smaller with antialiasing.
[[nodiscard]] OnnxModel cubic_resize(Index channels, double scale);

}  // namespace descrambler::tour

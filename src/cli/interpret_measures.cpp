// interpret --measures: numbers for the pictures of an answer.
#include <cstdio>

#include "cli/interpret.hpp"

namespace descrambler::cli {

std::vector<MeasuredMap> measured_maps(const InterpretOptions& o, const InterpretInput& input,
                                       const InterpretAnswers& a, Backend<double>& on) {
    std::vector<MeasuredMap> result;
    const auto of_input = image_shape(input.shape(), o.layout);
    const auto of_output = output_image(input.graph.output_shape, of_input);
    const auto add = [&](const std::string& what, std::span<const double> map, const std::optional<ImageShape>& shape) {
        if (shape && shape->height > 1 && shape->width > 1)
            result.push_back({what, measure(on, map, *shape)});
    };
    add("r", a.r, of_output);
    for (Index k = 0; k < a.rows.cols(); ++k)
        add("row " + std::to_string(a.row_index[static_cast<std::size_t>(k)]), a.rows.column(k), of_input);
    for (Index k = 0; k < a.columns.cols(); ++k)
        add("column " + std::to_string(a.column_index[static_cast<std::size_t>(k)]), a.columns.column(k), of_output);
    for (Index k = 0; a.svd && k < std::ssize(a.svd->s); ++k) {
        add("left " + std::to_string(k), a.svd->U.column(k), of_output);
        add("right " + std::to_string(k), a.svd->V.column(k), of_input);
    }
    for (Index k = 0; a.discussion && k < a.discussion->found.maps.cols(); ++k)
        add("discussion " + std::to_string(a.discussion->index[static_cast<std::size_t>(k)]),
            a.discussion->found.maps.column(k), of_input);
    return result;
}

Json measures_json(const std::vector<MeasuredMap>& maps) {
    Json json = Json::array();
    for (const auto& [what, m] : maps)
        json.push_back({{"of", what},
                        {"participation", m.participation},
                        {"frequency", m.frequency},
                        {"bandwidth", m.bandwidth},
                        {"orientation", m.orientation},
                        {"constant", m.constant},
                        {"nonzero", m.nonzero},
                        {"box", {{"top", m.top}, {"left", m.left}, {"height", m.height}, {"width", m.width}}}});
    return json;
}

void print_measures(const std::vector<MeasuredMap>& maps) {
    if (maps.empty())
        return std::puts("  measures: nothing here has the shape of an image"), void();
    std::printf("  %-20s %13s %9s %9s %11s %8s %8s  %s\n", "measures", "participation", "frequency", "bandwidth",
                "orientation", "constant", "nonzero", "box");
    for (const auto& [what, m] : maps)
        std::printf("  %-20s %13.4g %9.3g %9.3g %11.3g %8.3g %8.3g  %td x %td at %td, %td\n", what.c_str(),
                    m.participation, m.frequency, m.bandwidth, m.orientation, m.constant, m.nonzero, m.height, m.width,
                    m.top, m.left);
}

}  // namespace descrambler::cli

// interpret --measures: numbers for the pictures of an answer.
#include <cstdio>

#include "cli/interpret.hpp"

namespace descrambler::cli {

namespace {

// Output pixel i of an axis looks at the pixels around zero + step i of the input: the middle of its receptive field.
struct Axis {
    double zero = 0, step = 1;
};
std::array<Axis, 2> axes_of(const InterpretOptions& o, const InterpretInput& input, const ImageShape& from,
                            const ImageShape& to) {
    const auto fields = receptive_fields(input.graph, o.freezing(), input.axes);
    const std::array<double, 2> ratio{static_cast<double>(from.height) / static_cast<double>(to.height),
                                      static_cast<double>(from.width) / static_cast<double>(to.width)};
    std::array<Axis, 2> result;
    for (std::size_t a = 0; a < 2; ++a) {
        result[a] = {(ratio[a] - 1) / 2, ratio[a]};  // where fields do not tell: the images cover each other
        for (std::size_t n = 0; n < fields.size(); ++n)
            if (const ReceptiveField* const field = fields[n].size() == 2 ? &fields[n][a] : nullptr;
                input.graph.nodes[n].output == input.graph.output && field != nullptr && !field->whole &&
                field->stride >
                    0)  // the first pixel is a whole one: what strides below 1 leave of it is a half of them
                result[a] = {
                    field->offset + (static_cast<double>(field->size) - 1) / 2 - std::max(0.0, (1 - field->stride) / 2),
                    field->stride};
    }
    return result;
}

// of_output: the number is one of the output, the map lies on the input.
MeasuredMap::Place place_of(const std::array<Axis, 2>& axes, const ImageShape& map, const ImageShape& of, Index number,
                            bool of_output, std::span<const double> values) {
    const Index pixel = of.channels_last ? number / of.channels : number % (of.height * of.width);
    const auto along = [&](Index at, const Axis& axis) {
        return of_output ? axis.zero + axis.step * static_cast<double>(at)
                         : (static_cast<double>(at) - axis.zero) / axis.step;
    };
    MeasuredMap::Place place{along(pixel / of.width, axes[0]), along(pixel % of.width, axes[1]), {}};
    constexpr std::array<double, 3> shares{.5, .9, .99};
    for (std::size_t k = 0; k < shares.size(); ++k)
        place.radius[k] = energy_radius(values, map, place.row, place.column, shares[k]);
    return place;
}

}  // namespace

std::vector<MeasuredMap> measured_maps(const InterpretOptions& o, const InterpretInput& input,
                                       const InterpretAnswers& a, Backend<double>& on) {
    std::vector<MeasuredMap> result;
    const auto of_input = image_shape(input.shape(), o.layout);
    const auto of_output = output_image(input.graph.output_shape, of_input);
    const auto add = [&](const std::string& what, std::span<const double> map, const std::optional<ImageShape>& shape) {
        if (shape && shape->height > 1 && shape->width > 1)
            result.push_back({what, measure(on, map, *shape)});
    };
    // of networks from images to images
    const bool both = of_input && of_output && of_input->size() == input.graph.inputs() &&
                      of_output->size() == input.graph.outputs() && of_output->height > 1 && of_output->width > 1 &&
                      of_output->height * of_input->width == of_output->width * of_input->height;
    const std::array<Axis, 2> axes = both ? axes_of(o, input, *of_input, *of_output) : std::array<Axis, 2>{};
    const auto add_placed = [&](const std::string& what, std::span<const double> map, Index number, bool row) {
        add(what, map, row ? of_input : of_output);
        if (!result.empty() && result.back().what == what)
            result.back().place =
                place_of(axes, row ? *of_input : *of_output, row ? *of_output : *of_input, number, row, map);
    };
    add("r", a.r, of_output);
    for (Index k = 0; k < a.rows.cols(); ++k) {
        const Index number = a.row_index[static_cast<std::size_t>(k)];
        const std::string what = std::string("row ") + std::to_string(number);
        if (both)
            add_placed(what, a.rows.column(k), number, true);
        else
            add(what, a.rows.column(k), of_input);
    }
    for (Index k = 0; k < a.columns.cols(); ++k) {
        const Index number = a.column_index[static_cast<std::size_t>(k)];
        const std::string what = std::string("column ") + std::to_string(number);
        if (both)
            add_placed(what, a.columns.column(k), number, false);
        else
            add(what, a.columns.column(k), of_output);
    }
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
    for (const auto& [what, m, place] : maps) {
        json.push_back({{"of", what},
                        {"participation", m.participation},
                        {"frequency", m.frequency},
                        {"bandwidth", m.bandwidth},
                        {"orientation", m.orientation},
                        {"constant", m.constant},
                        {"nonzero", m.nonzero},
                        {"box", {{"top", m.top}, {"left", m.left}, {"height", m.height}, {"width", m.width}}}});
        if (place)
            json.back()["place"] = {{"row", place->row},
                                    {"column", place->column},
                                    {"radius_50", place->radius[0]},
                                    {"radius_90", place->radius[1]},
                                    {"radius_99", place->radius[2]}};
    }
    return json;
}

void print_measures(const std::vector<MeasuredMap>& maps) {
    if (maps.empty())
        return std::puts("  measures: nothing here has the shape of an image"), void();
    std::printf("  %-20s %13s %9s %9s %11s %8s %8s  %s\n", "measures", "participation", "frequency", "bandwidth",
                "orientation", "constant", "nonzero", "box");
    for (const auto& [what, m, place] : maps) {
        std::printf("  %-20s %13.4g %9.3g %9.3g %11.3g %8.3g %8.3g  %td x %td at %td, %td\n", what.c_str(),
                    m.participation, m.frequency, m.bandwidth, m.orientation, m.constant, m.nonzero, m.height, m.width,
                    m.top, m.left);
        if (place)
            std::printf(
                "    of the pixel at %.3g, %.3g: half of the energy within %.3g pixels, 90 %% within %.3g, 99 %% "
                "within "
                "%.3g\n",
                place->row, place->column, place->radius[0], place->radius[1], place->radius[2]);
    }
}

}  // namespace descrambler::cli

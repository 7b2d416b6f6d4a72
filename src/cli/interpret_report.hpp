// interpret --report: one answer as a page that a person reads. Each section is a function of its own; all that they tell
// is in the answers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/interpret.hpp"
#include "report/article.hpp"

namespace descrambler::cli {

struct Reported {
    const InterpretOptions& o;
    const InterpretInput& input;
    const InterpretAnswers& a;
    std::optional<ImageShape> of_input, of_output;  // where they have rows and columns of pixels
    std::optional<Picture> x0, y;                   // of those with 1 or 3 channels, as they are meant
    bool pixels = false;  // the input has rows and columns of them: two axes along which there are neighbours
    Reported(const InterpretOptions& options, const InterpretInput& asked, const InterpretAnswers& answers);
};

// ---- interpret_report_maps.cpp ---------------------------------------------------------------------------------------

// Whether a logarithmic axis serves: all above 0, over a decade at least; within one it would have no number.
[[nodiscard]] bool spans_a_decade(std::span<const double> values);
// Sums over channels: [pixels], row after row. What a change of all channels of a pixel alike would do.
[[nodiscard]] std::vector<double> over_channels(std::span<const double> values, const ImageShape& image);
// Colours of signed maps end here: 99 of 100 sizes that are not 0 are below; 0 for a map of zeros.
[[nodiscard]] double colour_range(std::span<const double> map);

// Signed maps that belong to one picture, [pixels, count]. Each by itself and, where there is a picture, over it; of what
// is small on the image its box once more, enlarged. Each has a scale of its own, which stands below it.
struct NamedMap {
    std::string name, caption;  // file stem, words
    std::vector<double> map;    // [pixels]
};
void add_maps(Article& page, const std::vector<NamedMap>& maps, Index height, Index width,
              const std::optional<Picture>& under, const std::string& caption);
// Vectors of what is no image: each a panel of lines from 0, or the largest numbers where there are too many.
struct NamedVector {
    std::string title;
    std::vector<double> values;
};
void add_vectors(Article& page, const std::string& name, const std::string& title,
                 const std::vector<NamedVector>& vectors, const std::string& axis, const std::string& caption);
// Measures of the maps whose names begin so.
void add_measures(Article& page, const Reported& r, const std::vector<std::string>& beginnings);

void report_rows(Article& page, const Reported& r);
void report_svd(Article& page, const Reported& r);
void report_discussions(Article& page, const Reported& r);
void report_attack(Article& page, const Reported& r);

void report_baselines(Article& page, const Reported& r);  // interpret_report_baselines.cpp

// ---- interpret_report_parts.cpp --------------------------------------------------------------------------------------

void report_contributions(Article& page, const Reported& r);
void report_splits(Article& page, const Reported& r);
void report_region(Article& page, const Reported& r);

}  // namespace descrambler::cli

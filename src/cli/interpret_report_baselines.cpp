// interpret --report: what other explanations say of the same output.
#include "cli/interpret_report.hpp"
#include "descrambler/error.hpp"

namespace descrambler::cli {

namespace {

void add_baseline_maps(Article& page, const Reported& r) {
    const BaselineAnswers& b = *r.a.baselines;
    if (!r.of_input || r.of_input->size() != r.input.graph.inputs())
        return;
    std::vector<NamedMap> maps;
    for (const BaselineMap& one : b.maps)
        maps.push_back({"baseline_" + one.name, one.name, over_channels(one.map, *r.of_input)});
    for (Index k = 0; k < b.deconvolved.cols(); ++k) {
        const std::string number = std::to_string(b.index[static_cast<std::size_t>(k)]);
        maps.push_back({"deconvolution_" + number, "deconvolution of output " + number,
                        over_channels(b.deconvolved.column(k), *r.of_input)});
    }
    add_maps(page, maps, r.of_input->height, r.of_input->width, r.x0, "Sums over channels.");
}

}  // namespace

void report_baselines(Article& page, const Reported& r) {
    if (!r.a.baselines)
        return;
    const BaselineAnswers& b = *r.a.baselines;
    const std::string places = r.pixels ? "pixels" : "numbers";
    page.section("baselines", "What other explanations say");
    if (b.output) {
        page.paragraph(
            std::string("Maps of output ") + std::to_string(*b.output) +
            " by other methods, from the same network. They answer different questions, so none is the truth "
            "for the others; a method that promises a sum tells by how much it misses it, and deleting the " +
            places + " that a map puts first shows whether the output depends on them.");
        std::vector<std::vector<std::string>> rows;
        for (const BaselineMap& one : b.maps)
            rows.push_back({one.name, digits(one.sum, 4), one.promise, one.kept ? digits(*one.kept, 2) : "–",
                            digits(one.deletion.area, 4)});
        rows.push_back({places + " in no order", "–", "none", "–", digits(b.random.area, 4)});
        page.table(
            {"method", "sum of the map", "promises", "missed by", "deletion area"}, rows,
            "Deletion area: mean output while the first 0 to 50 % of the " + places +
                " become the mean; smaller than that in no order where the map finds what the output depends on.",
            {2});
        std::vector<std::string> header{"Spearman"};
        rows.clear();
        for (std::size_t i = 0; i < b.maps.size(); ++i) {
            header.push_back(b.maps[i].name);
            std::vector<std::string> row{b.maps[i].name};
            for (std::size_t k = 0; k < b.maps.size(); ++k)
                row.push_back(digits(b.agreement(static_cast<Index>(i), static_cast<Index>(k)), 2));
            rows.push_back(std::move(row));
        }
        page.table(header, rows, "Correlation of the ranks of the sizes of the " + places + ".");
        for (const auto& [name, why] : b.left_out)
            page.absent(name + ": " + why);
    }
    add_baseline_maps(page, r);
}

}  // namespace descrambler::cli

#include "verify/verify.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"

namespace descrambler::cli {

namespace {

void print_table(const std::vector<VerifyRow>& rows) {
    std::printf("%-22s %2s %12s %12s %11s %9s  %s\n", "outcome", "", "predicted", "measured", "tolerance", "margin",
                "statement");
    for (const VerifyRow& row : rows) {
        const char* outcome = row.as_printed ? (row.holds ? "HOLDS, was not to" : "as printed: wrong")
                                             : (row.holds ? "holds" : "DOES NOT HOLD");
        const char* relation = row.relation == Relation::equal ? "=" : row.relation == Relation::at_most ? "<=" : ">=";
        std::printf("%-22s %2s %12.5g %12.5g %11.2g %9.3g  %s\n", outcome, relation, row.predicted, row.measured,
                    row.tolerance, row.margin, row.statement.c_str());
    }
}

nlohmann::ordered_json json_of(const VerifyRow& row) {
    return {{"name", row.name},           {"statement", row.statement}, {"relation", to_string(row.relation)},
            {"predicted", row.predicted}, {"measured", row.measured},   {"tolerance", row.tolerance},
            {"margin", row.margin},       {"holds", row.holds},         {"as_printed", row.as_printed}};
}

}  // namespace

Command add_verify(CLI::App& app, const Process& process) {
    struct Options {
        Common common;
        bool full = false;
    };
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "verify", "theory, predicted against measured; exit code 1 if a row does not turn out as expected");
    command->add_flag("--full", o->full,
                      "more repetitions, and ensembles trained on the r^-3 and the r^-4 kernel (minutes)");
    o->common.process = process;
    o->common.add_to(*command);
    return [o] {
        VerifyOptions options{
            .seed = o->common.seed.value_or(1), .threads = o->common.threads, .device = {}, .full = o->full};
        if (std::shared_ptr<Backend<double>> on = make_backend<double>(o->common.device, o->common.threads);
            !on->on_host())
            options.device = std::move(on);
        const std::vector<VerifyRow> rows = verify(options, progress_bar(o->common));
        end_progress();
        if (o->common.json) {
            nlohmann::ordered_json list = nlohmann::ordered_json::array();
            for (const VerifyRow& row : rows)
                list.push_back(json_of(row));
            std::printf("%s\n", nlohmann::ordered_json{{"rows", list}}.dump(2).c_str());
        } else if (!o->common.quiet) {
            print_table(rows);
        }
        std::string names;
        for (const std::string& name : unexpected(rows))
            names += (names.empty() ? "" : ", ") + name;
        if (!names.empty())
            throw Error("verify: not as expected: " + names);
    };
}

}  // namespace descrambler::cli

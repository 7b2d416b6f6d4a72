// interpret --adversarial: a small change of the input that changes the largest output, and what it does to the parts and
// votes.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/interpret_discussion.hpp"
#include "descrambler/adversarial.hpp"

namespace descrambler::cli {

struct AttackOptions {
    std::optional<double> epsilon;
    std::optional<Index> target;
    std::string clip;
    void add_to(CLI::App& command);
    void check(const CLI::App& command) const;  // throws InputError
};

struct Answered {  // by the network
    Index label = 0;
    double margin = 0;  // the largest output over the next one
    double parts_deviation =
        0;               // standard deviation of the parts of the first label, over |y| of it; without the input's
    double entropy = 0;  // of the votes, where they are asked
    double share = 0;    // of the votes that the first label has
};
struct AttackAnswers {
    std::vector<double> raw;          // the changed input
    Answered before, after, control;  // at x0, after the attack, with random signs of the same size
    bool votes = false;
    // The target is the largest output already: nothing is changed.
    [[nodiscard]] bool there_before(const AttackOptions& o) const { return o.target && before.label == *o.target; }
    [[nodiscard]] bool succeeded(const AttackOptions& o) const {
        return o.target ? after.label == *o.target && !there_before(o) : after.label != before.label;
    }
};
// "succeeded", "failed", or that nothing had to be changed
[[nodiscard]] std::string outcome_of(const AttackAnswers& a, const AttackOptions& o);
[[nodiscard]] AttackAnswers attacked(const InterpretOptions& o, const InterpretInput& input, Backend<double>& on,
                                     std::uint64_t seed);
void write(const Hdf5Group& root, const AttackAnswers& a, const AttackOptions& o);
[[nodiscard]] nlohmann::ordered_json json_of(const AttackAnswers& a, const AttackOptions& o);
void print(const AttackAnswers& a, const AttackOptions& o);

}  // namespace descrambler::cli

// Theory against measurement, row by row: what `descrambler verify` prints.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/train.hpp"

namespace descrambler {

enum class Relation { equal, at_most, at_least };
[[nodiscard]] std::string_view to_string(Relation r);

// `measured` ought to be equal to, at most, or at least `predicted`, within `tolerance` > 0.
// excess = |measured - predicted|, or by how much the bound is broken (0 where it is kept);
// holds = excess <= tolerance;  margin = 1 - excess / tolerance: 1 exact, 0 at the edge, negative outside.
struct VerifyRow {
    std::string name;       // key, unique
    std::string statement;  // one plain sentence
    Relation relation = Relation::equal;
    double predicted = 0, measured = 0, tolerance = 0;
    double margin = 0;  // -infinity where measured is not a number
    bool holds = false;
    bool as_printed = false;  // a statement of the literature as printed, known to be wrong: expected not to hold
    [[nodiscard]] bool as_expected() const { return holds != as_printed; }
};

struct VerifyOptions {
    std::uint64_t seed = 1;
    int threads = 0;  // 0: all; rows do not depend on it
    // Where the checks multiply, factorise and minimise; none: the CPU. Traces, training and the descrambling of the
    // trained networks stay on the CPU, so that a row is a statement about the same networks.
    std::shared_ptr<Backend<double>> device;
    bool full = false;  // more repetitions, larger samples, and the training of ensembles on another kernel
};

// Every check in order. Throws what the library throws; a row that fails does not throw.
[[nodiscard]] std::vector<VerifyRow> verify(const VerifyOptions& options, const Progress& progress);

// Names of the rows that did not turn out as expected; empty: all is well, exit code 0.
[[nodiscard]] std::vector<std::string> unexpected(const std::vector<VerifyRow>& rows);

}  // namespace descrambler

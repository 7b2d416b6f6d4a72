// Distance distributions of measured traces from an ensemble.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "descrambler/ensemble.hpp"
#include "predict/preprocess.hpp"

namespace descrambler {

struct Prediction {
    std::string stem;
    std::vector<double> distance_nm;
    std::vector<double> mean, lower, upper;  // 1/nm, mean integrates to 1; band = mean -+ 2 standard deviations, >= 0
    double peak_distance_nm = 0;             // of the mean
    double mean_distance_nm = 0, width_nm = 0;      // first moment and standard deviation of the mean
    double depth = 0, rate_mhz = 0, dimension = 0;  // of the trace that this distribution explains best
    double residual = 0;                            // root mean square of what it leaves, over the modulation depth
    std::vector<double> time_us, signal, fit;  // the resampled trace, scaled to 1 at zero time, and its explanation
    PreparedTrace prepared;
    std::vector<std::string> flags;  // what a reader should know before believing it
};

// Throws InputError if the ensemble has no input recipe or its width does not fit.
[[nodiscard]] Prediction predict(Backend<double>& on, const Ensemble& ensemble, const DeerTables& tables,
                                 const PreparedTrace& trace);

// Reads every trace, then writes DIR/STEM.csv, DIR/STEM.json and DIR/STEM.svg for each. Two inputs with one STEM are
// refused before anything is written, and so is a STEM.json or STEM.csv that is there with other content, unless
// `replace`. Returns the JSON texts, one a trace.
std::vector<std::string> predict_files(const std::string& ensemble, const std::vector<std::string>& traces,
                                       const std::filesystem::path& folder, TimeUnit unit, const Execution& execution,
                                       bool replace = false);

}  // namespace descrambler

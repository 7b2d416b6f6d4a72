// What the library of inputs leaves behind at a tap: the Gram matrix of the signals and its triangular factor,
// streamed in fixed blocks, in fp64. The library is never stored whole.
//   before:  S = W_K h_{K-1}  (+ b_K if include_bias)      after:  S = h_K
//   G = S S^T (plain sum, minus the mean over samples if centre)     factor R upper triangular, G = R^T R
// linearised:  S = f(xbar) 1^T + J (X - xbar 1^T), f the map from the inputs to the tap and J its Jacobian at xbar. The
// mean f(xbar) is kept, as the surrogate of the signals needs it (centre removes it).
// R comes from a tall-skinny QR of S^T while streaming: components below n u gamma_1 survive only there.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "descrambler/mlp.hpp"
#include "descrambler/progress.hpp"
#include "descrambler/tap.hpp"

namespace descrambler {

struct TapRequest {
    TapPoint at = {};
    bool include_bias = false;
    bool centre = false;
    bool linearised = false;  // f(xbar) + J (x - xbar) in place of f(x), xbar the mean input of the library
    bool operator==(const TapRequest&) const = default;
};

// A library that can be read again from the start. read(first, X) fills X [features, count] with the samples
// first .. first + count - 1, any window of them.
//   in_turn   one thread at a time reads, windows in ascending order (files)
//   at_once   any thread at any time (generated inputs, matrices in memory)
//   together  as in_turn, and every rank reads as often as the others, if need be nothing (count 0): collective reads
enum class Reading { in_turn, at_once, together };
struct Library {
    Index features = 0;
    Index samples = 0;
    std::function<void(Index first, Batch<double> X)> read;
    Reading reading = Reading::in_turn;
    const double* resident = nullptr;  // where it lies in memory, [features, samples], if it does: spares the copies
    // Tells it from another library of its name, in words; empty: the name does (generated inputs). All ranks call.
    std::function<std::string()> content{};
};
inline constexpr Index library_block = 1024;                // samples that are worked on at a time
[[nodiscard]] Library library_of(const Matrix<double>& X);  // keeps a reference: X must outlive it

// How a pass over a large library goes. Samples are summed by leaves of a fixed number in the order of one binary tree,
// so that the bits do not depend on threads, ranks and interruptions.
struct Streaming {
    bool factor = true;                 // false: no triangular factor, G summed directly, which is faster
    std::filesystem::path checkpoints;  // folder that all ranks see, for what is summed so far; empty: none
    std::string fingerprint;            // lines "key = value" that say what is summed; others are refused
    double checkpoint_seconds = 60;
    Progress progress;
};

struct TapGram {
    Matrix<double> gram;       // [n, n]
    Matrix<double> factor;     // [n, n] upper triangular R, G = R^T R; empty where it was not asked for
    std::vector<double> mean;  // [n] mean of S over the samples
    Index samples = 0;
};

// Sums of a tap of every network: a value that criteria, groups of networks and studies share.
struct TapSums {
    TapRequest tap;
    std::vector<TapGram> networks;  // of the inputs ({0, after}) one, which serves all
};

// One result per network, on every rank; all networks have one shape. The ranks of the execution share the leaves of
// the library. Without factor, centre is around the mean of the first block, corrected at the end: one pass. Throws
// InputError for a layer out of range or a library of another width (with both numbers), and for NaN in the signals;
// Stopped after a checkpoint.
[[nodiscard]] std::vector<TapGram> tap_grams(std::span<const Network> networks, const TapRequest& request,
                                             const Library& library, const Execution& execution,
                                             const Streaming& streaming = {});

// The same with a factor, without a pass where `known` has them: the sums of this tap, or those of the inputs for a tap
// that they serve. All of `known` is of this library; sums of a tap are of these networks.
[[nodiscard]] TapSums tap_sums(std::span<const Network> networks, const TapRequest& request, const Library& library,
                               const Execution& execution, std::span<const TapSums> known = {});
// Before the first activation S = W_1 X (+ b_1), so the sums over the inputs serve every network, of whatever ensemble:
// these sums, to be known to tap_sums. Empty for other taps, and for inputs more than four times as wide as the layer,
// where they would cost more than they save.
[[nodiscard]] std::vector<TapSums> sums_of_inputs(std::span<const Network> networks, const TapRequest& request,
                                                  const Library& library, const Execution& execution);

// The signals of the columns of X [features, any]. Throws InputError where they are not finite.
[[nodiscard]] Matrix<double> tap_signals(Backend<double>& on, const Network& network, const TapRequest& request,
                                         const Matrix<double>& X);
// Throws InputError as tap_grams does for a layer, a library or networks that do not fit.
void check_tap(std::span<const Network> networks, const TapRequest& request, const Library& library);

// One layer a network, W = J and b = f(xbar) - J xbar without activation: the tap linearised. One pass for xbar. Its
// taps are those of linearised_request(request). So linearised signals share the factor of the inputs as a first layer
// does.
[[nodiscard]] std::vector<Network> linearised_at_mean(std::span<const Network> networks, const TapRequest& request,
                                                      const Library& library, const Execution& execution);
[[nodiscard]] TapRequest linearised_request(const TapRequest& request);

// sum over samples of (u^T (s - mean))^3 for each column u of U [n, k]: the signs of deeper layers. A second pass.
[[nodiscard]] std::vector<double> tap_third_moments(Backend<double>& on, const Network& network,
                                                    const TapRequest& request, const Library& library,
                                                    const std::vector<double>& mean, const Matrix<double>& U);
// The same for every network of an ensemble, in one pass over the library; means and U: one per network.
[[nodiscard]] std::vector<std::vector<double>> tap_third_moments(std::span<const Network> networks,
                                                                 const TapRequest& request, const Library& library,
                                                                 const std::vector<std::vector<double>>& means,
                                                                 const std::vector<Matrix<double>>& U,
                                                                 const Execution& execution);

}  // namespace descrambler

// Sums over the signals S [n, N] that a library of N inputs X [features, N] gives at a tap: their Gram matrix and its
// triangular factor, streamed in fixed blocks, in fp64. The library is never stored whole.
//   before:  S = W_K h_{K-1}  (+ b_K if include_bias)      after:  S = h_K
//   G = S S^T [n, n], of S minus its mean over the samples if centre;  R [n, n] upper triangular, G = R^T R
//   linearised:  S = f(xbar) 1^T + J (X - xbar 1^T), f the map from the inputs to the tap, J its Jacobian at the mean
//   input xbar. The mean f(xbar) is kept unless centre removes it.
// R comes from a tall-skinny QR of S^T while streaming: components below n u gamma_1 (u the unit roundoff, gamma_1 the
// largest eigenvalue of G) survive only there.
//
// Functions of an execution are called by all ranks of it and throw on all of them. They throw InputError for a layer
// out of range, a library of another width (with both numbers) or without samples, networks of different shapes, and
// values that are not finite; std::invalid_argument for no network; OutOfMemory.
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

// A library of inputs that can be read again and again. read(first, X) fills X [features, count], packed, with the
// samples first .. first + count - 1, any window of them.
//   in_turn   one thread at a time reads, windows in ascending order (files)
//   at_once   any thread at any time (generated inputs, matrices in memory)
//   together  as in_turn, and every rank reads as often as the others, if need be nothing (count 0): collective reads
enum class Reading { in_turn, at_once, together };
struct Library {
    Index features = 0;
    Index samples = 0;
    std::function<void(Index first, Batch<double> X)> read;
    Reading reading = Reading::in_turn;
    const double* resident = nullptr;  // [features, samples] where it lies in memory, if it does: spares copies
    // Words that tell it from another library of its name; empty: the name does (generated inputs). All ranks call.
    std::function<std::string()> content{};
};
inline constexpr Index library_block = 1024;                // samples that are worked on at a time
[[nodiscard]] Library library_of(const Matrix<double>& X);  // X [features, samples], which must outlive it

// How a pass over a large library is made. Samples are summed by leaves of a fixed length in the order of one binary
// tree, so that the bits do not depend on threads, ranks and interruptions.
struct Streaming {
    bool factor = true;                 // false: no triangular factor, G summed directly, which is faster
    std::filesystem::path checkpoints;  // folder that all ranks see, for the sums so far; empty: none
    std::string fingerprint;            // lines "key = value" of what is summed; other checkpoints: InputError
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
    std::vector<TapGram> networks;  // of the inputs ({0, after}): one, which serves all
};

// One result per network, on every rank; the ranks share the leaves of the library. Centring takes a pass of its own
// for the mean where there is a factor; without one the sums are taken around the mean of the first block and corrected
// at the end. Throws Stopped after a checkpoint (Progress::stop).
[[nodiscard]] std::vector<TapGram> tap_grams(std::span<const Network> networks, const TapRequest& request,
                                             const Library& library, const Execution& execution,
                                             const Streaming& streaming = {});

// The same with a factor, without a pass over the library where `known` has the sums: those of this tap, or those of
// the inputs for a tap that they serve. All of `known` must be of this library, and sums of this tap of these networks.
[[nodiscard]] TapSums tap_sums(std::span<const Network> networks, const TapRequest& request, const Library& library,
                               const Execution& execution, std::span<const TapSums> known = {});
// Sums over the inputs, to be `known` to tap_sums: before the first activation S = W_1 X (+ b_1), so they serve every
// network, of whatever ensemble. Empty for other taps, and for inputs more than four times as wide as the layer, where
// they would cost more than they save.
[[nodiscard]] std::vector<TapSums> sums_of_inputs(std::span<const Network> networks, const TapRequest& request,
                                                  const Library& library, const Execution& execution);

// The signals [n, N] of the columns of X [features, N]; centre and linearised are ignored. Throws InputError where they
// are not finite, std::invalid_argument for a tap or an X that does not fit.
[[nodiscard]] Matrix<double> tap_signals(Backend<double>& on, const Network& network, const TapRequest& request,
                                         const Matrix<double>& X);
// Only the checks: throws as said above for a layer, a library or networks that do not fit.
void check_tap(std::span<const Network> networks, const TapRequest& request, const Library& library);

// The linearised tap as a network of one layer without activation, for each network: W = J [n, features], b = f(xbar) -
// J xbar, from one pass for xbar. linearised_request(request) is its tap, so that linearised signals share the sums of
// the inputs as a first layer does.
[[nodiscard]] std::vector<Network> linearised_at_mean(std::span<const Network> networks, const TapRequest& request,
                                                      const Library& library, const Execution& execution);
[[nodiscard]] TapRequest linearised_request(const TapRequest& request);

// sum over samples of (u^T (s - mean))^3 for each column u of U [n, k]: [k], which gives the signs of deeper layers.
// mean [n]. A pass of its own over the library.
[[nodiscard]] std::vector<double> tap_third_moments(Backend<double>& on, const Network& network,
                                                    const TapRequest& request, const Library& library,
                                                    const std::vector<double>& mean, const Matrix<double>& U);
// The same for every network of an ensemble, in one pass; means and U: one per network (else std::invalid_argument).
[[nodiscard]] std::vector<std::vector<double>> tap_third_moments(std::span<const Network> networks,
                                                                 const TapRequest& request, const Library& library,
                                                                 const std::vector<std::vector<double>>& means,
                                                                 const std::vector<Matrix<double>>& U,
                                                                 const Execution& execution);

}  // namespace descrambler

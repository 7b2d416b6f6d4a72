// How a request is answered, by kind of criterion. Every route gives one Descrambling per network; the weights P W and
// the check of the request are the caller's.
#pragma once

#include <span>
#include <vector>

#include "descrambler/communicator.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/optimiser.hpp"

namespace descrambler {

// A request, whom it concerns and what it reads.
struct Job {
    std::span<const Network> networks;
    const Library& inputs;
    const DescrambleRequest& request;
    Execution execution;
    std::span<const TapSums> known;
    [[nodiscard]] std::vector<TapGram> sums_of(const TapRequest& tap) const {
        return tap_sums(networks, tap, inputs, execution, known).networks;
    }
    [[nodiscard]] Index count() const { return static_cast<Index>(networks.size()); }
    [[nodiscard]] const Matrix<double>& weight(Index network, Index layer) const {
        return networks[network].layers[layer - 1].weight;
    }
    // body(network, backend) for every network, on every rank alike: what fails on one is thrown on all.
    void each(const std::function<void(Index network, Backend<double>& on)>& body) const {
        together(*execution.ranks, [&] { parallel_items(count(), execution.threads, body); });
    }
    [[nodiscard]] std::string where(Index network) const {
        return "layer " + std::to_string(request.tap.at.layer) + " of network " + std::to_string(network);
    }
};

// Functions of the Gram matrix: closed form, or Backend::minimise (smoothness, joint, sums over taps). Several jobs on
// the same networks and library take one pass for the signs of all that look at the same tap.
[[nodiscard]] std::vector<std::vector<Descrambling>> gram_route(std::span<const Job> jobs);
// Objectives of the signals: the optimiser (tv, fourth, user).
[[nodiscard]] std::vector<Descrambling> signal_route(const Job& job);
// Square weights: SVD, polar fixed point, or the optimiser (mds, mdn).
[[nodiscard]] std::vector<Descrambling> diagonal_route(const Job& job);

// Budgets and method of a request for the optimiser, and what it reports, taken over into a solution.
[[nodiscard]] OptimiserOptions optimiser_options(const DescrambleRequest& request);
void take_report(Solution& solution, const DescrambleRequest& request, const MinimiseReport& report);

// What the Gram route starts from, also for others: the factor of the whole sum and its axes, by network.
struct GramProblem {
    Matrix<double> factor;
    PrincipalAxes axes;
    std::vector<double> mean;   // of the signals of the first tap
    Matrix<double> plain_gram;  // of the signals of the first tap
};
[[nodiscard]] std::vector<GramProblem> gram_problems(const Job& job);
[[nodiscard]] Stencil stencil_of(const DescrambleRequest& request, Index n);
// The rotation an iteration of network i starts from, in the neurons' basis.
[[nodiscard]] Matrix<double> start_of(Backend<double>& on, const Job& job, Index network,
                                      const std::function<Matrix<double>()>& closed);

}  // namespace descrambler

#include "descrambler/bootstrap.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/random.hpp"

namespace descrambler {

Library resampled_library(const Matrix<double>& X, std::uint64_t seed, std::uint64_t number) {
    return {X.rows(), X.cols(),
            [&X, seed, number](Index first, Batch<double> block) {
                require(block.rows == X.rows() && first >= 0 && first + block.cols <= X.cols(),
                        "library block beyond its matrix");
                const auto samples = static_cast<std::uint64_t>(X.cols());
                for (Index j = 0; j < block.cols; ++j) {
                    const PhiloxBlock drawn =
                        philox(seed, stream::bootstrap + number, static_cast<std::uint64_t>(first + j));
                    const auto from = static_cast<Index>((drawn[0] * samples) >> 32);
                    std::ranges::copy(X.column(from), block.data + j * block.rows);
                }
            },
            Reading::at_once};
}

std::vector<std::vector<Alignment>> self_alignment(std::span<const Network> networks, const Matrix<double>& X,
                                                   const DescrambleRequest& request, Index replicates,
                                                   std::uint64_t seed, int threads) {
    require(replicates >= 2, "bootstrap: a pair needs two replicates");
    require(X.cols() < (Index{1} << 32), "bootstrap: more samples than a word counts");
    std::vector<std::vector<Matrix<double>>> weights(networks.size());
    for (Index r = 0; r < replicates; ++r) {
        const std::vector<Descrambling> found = descramble(
            networks, resampled_library(X, seed, static_cast<std::uint64_t>(r)), request, Execution::on_cpu(threads));
        for (std::size_t i = 0; i < found.size(); ++i) {
            weights[i].push_back(link_rows(found[i], request.tap.at.side));
            require(weights[i].back().size() > 0, "bootstrap: no weight follows this tap");
        }
    }
    const Stencil stencil = make_stencil(*make_cpu_backend<double>(1), request.stencil, weights.front().front().rows());
    std::vector<std::vector<Alignment>> result;
    for (const std::vector<Matrix<double>>& of_network : weights)
        result.push_back(align_all(stencil, of_network, threads, Scores::fine));
    return result;
}

}  // namespace descrambler

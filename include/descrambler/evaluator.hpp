// The values of a graph at many inputs at once: what a library of inputs gives in front of a dense node (dense_graph.hpp).
#pragma once

#include <memory>

#include "descrambler/backend.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

class Evaluator {
public:
    // On the host, with so many threads (0: all). The graph outlives this.
    explicit Evaluator(const Graph& graph, int threads = 0);
    ~Evaluator();
    Evaluator(Evaluator&&) noexcept;

    [[nodiscard]] Index inputs() const;
    [[nodiscard]] Index outputs() const;
    // f(x) [outputs, K] for the columns x of X [inputs, K], packed. A column has the bits of FrozenNetwork::output() in any
    // K and for any number of threads. What is not finite comes back as it is. Throws std::invalid_argument for X of
    // another height. Several threads may call at once.
    [[nodiscard]] Matrix<double> run(Batch<const double> X) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace descrambler

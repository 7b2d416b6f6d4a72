// The values of a graph at many inputs at once: what a library of inputs gives in front of a dense node (dense_graph.hpp).
#pragma once

#include <memory>

#include "descrambler/backend.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

class Evaluator {
public:
    // The backend and the graph outlive this.
    Evaluator(Backend<double>& on, const Graph& graph);
    ~Evaluator();
    Evaluator(Evaluator&&) noexcept;

    [[nodiscard]] Index inputs() const;
    [[nodiscard]] Index outputs() const;
    // f(x) [outputs, K] for the columns x of X [inputs, K], which lies on the host. A column has the bits of
    // FrozenNetwork::output() in any K. What is not finite comes back as it is. Throws std::invalid_argument for X of
    // another height. One thread at a time.
    [[nodiscard]] Matrix<double> run(Batch<const double> X);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace descrambler

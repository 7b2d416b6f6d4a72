// Dense networks trained by the tour itself on samples that it has in memory, with the training of the studies.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "descrambler/matrix.hpp"
#include "descrambler/mlp.hpp"
#include "descrambler/progress.hpp"

namespace descrambler::tour {

// What a network is to learn: column k of targets from column k of inputs, drawn evenly with replacement.
struct DenseJob {
    std::string name;                        // for messages
    const Matrix<float>* inputs = nullptr;   // [n, samples]
    const Matrix<float>* targets = nullptr;  // [m, samples]; may be the inputs
    std::vector<Layer> layers;
    InitialWeights initial;
    Index iterations = 1000, batch_size = 32;
    double rate = 1e-3, rate_floor = .01;  // cosine schedule
    double decay = 0;
    std::uint64_t seed = 1, member = 0;  // the streams of its weights and samples
    bool shuffled = false;               // control: targets permuted within each batch
};
struct TrainedDense {
    Network network;
    std::vector<double> loss;  // mean squared error, a mean over each `interval` iterations
    Index interval = 1;
    double seconds = 0;  // of the wall
};
// In single precision by Adam; every job with one thread of the host, as many jobs at a time as the execution has
// threads, or one after the other on a device: the same bits for any number of threads. Throws std::invalid_argument
// where shapes do not fit, Error where a loss is not finite (with the name) and Stopped where progress.stop says so.
[[nodiscard]] std::vector<TrainedDense> train_dense(std::span<const DenseJob> jobs, const Execution& execution,
                                                    const Progress& progress);
// The network before its first step.
[[nodiscard]] Network untrained(const DenseJob& job);

// widths[0] inputs, then a layer for each further width: relu, the last one identity.
[[nodiscard]] std::vector<Layer> relu_layers(std::span<const Index> widths, bool bias);
// b o a, layer after layer.
[[nodiscard]] Network chained(const Network& a, const Network& b);
// The first `layers` of a network.
[[nodiscard]] Network head_of(const Network& network, Index layers);
[[nodiscard]] Matrix<float> to_single(const Matrix<double>& A);

}  // namespace descrambler::tour

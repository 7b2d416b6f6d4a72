// Everything that decides the bits of the networks of an ensemble and its controls: data, architecture, training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/mlp.hpp"
#include "tasks/task.hpp"

namespace descrambler {

struct TrainingRecipe {
    std::uint64_t seed = 1;
    TaskRecipe data;  // [data], or the section of its task

    // [network]: hidden widths and their activation; input and output are as wide as the data
    std::vector<Index> hidden = {80};
    Activation activation = Activation::tanh;
    Activation output_activation = Activation::logistic;
    bool renorm = false;
    bool bias = true;        // of all layers
    InitialWeights initial;  // initialisation, first_weight_scale

    // [training]
    Index iterations = 20000;
    Index batch_size = 256;
    double rate = 1e-2, rate_floor = 0.01;  // cosine schedule from rate to rate * rate_floor
    Loss loss = Loss::mse;
    double decay = 1e-6;            // L2 coupled to the gradient of the mean over batch and outputs
    std::string precision = "f32";  // of training; what follows is in fp64
    double checkpoint_seconds = 60;

    // [ensemble]: networks of each condition (DEER has one)
    Index networks = 8;

    // [controls]: how many of each, for each condition, and the longest training of the two trained kinds (never longer
    // than iterations)
    Index untrained = 3, shuffled = 3, no_decay = 1;
    Index control_iterations = 6000;

    bool operator==(const TrainingRecipe&) const = default;
};

// The fields of [network] to [controls], bound to the recipe.
[[nodiscard]] Fields training_fields(TrainingRecipe& recipe);
[[nodiscard]] std::vector<Layer> network_layers(const TrainingRecipe& recipe);

}  // namespace descrambler

// The networks of E7: solids, autoencoders of them, and regressors of a number from the latent numbers.
#pragma once

#include <string>
#include <vector>

#include "tour/autoencoder.hpp"
#include "tour/experiment.hpp"
#include "tour/solids.hpp"

namespace descrambler::tour {

struct SolidSizes {
    Index n = 24;  // voxels a side
    Index shapes = 2000, held_out = 200;
    Index hidden = 128, latent = 16, regressor = 32;
    Index iterations = 1500, regressor_iterations = 4000;
    Index set = 24;  // of those held out that the vectors are told of
};
[[nodiscard]] SolidSizes solid_sizes(const Settings& settings);

// One kind of solid with everything that was trained on it. Those held out are the last ones.
struct SolidNetworks {
    std::string name;    // "cars"
    std::string target;  // "drag"
    SolidSizes sizes;
    std::vector<Car> cars;  // either of the two
    std::vector<Turbine> turbines;
    Matrix<float> voxels;         // [n^3, shapes]
    std::vector<double> targets;  // [shapes], standardised by those of the training
    TrainedDense autoencoder;
    Network fresh_autoencoder;  // before training
    Network answer, fresh;      // encoder, then regressor: the number of a solid; both before training
    // Of those held out.
    double error = 0;          // ||y - x|| / ||x|| of the autoencoder, mean
    double error_of_mean = 0;  // the same with the mean solid of the training for y
    double explained = 0;      // 1 - squared error / variance of the target
    double shuffled = 0;       // of a regressor that was trained on shuffled targets

    [[nodiscard]] std::vector<double> solid(Index held_out) const;  // voxels of one that was held out
    [[nodiscard]] double target_of(Index held_out) const;
};
struct SolidTraining {
    SolidNetworks cars, turbines;
    double seconds = 0, processor_seconds = 0;  // of all training
};
// Throws as train_dense.
[[nodiscard]] SolidTraining train_on_solids(const Settings& settings);

}  // namespace descrambler::tour

#include "tour/solid_networks.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <numeric>

#include "descrambler/communicator.hpp"
#include "tour/splits.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

constexpr Index block = 200;  // solids that go through a network together

Matrix<double> columns(const Matrix<float>& voxels, Index first, Index count) {
    Matrix<double> part(voxels.rows(), count);
    std::copy_n(voxels.data() + first * voxels.rows(), part.size(), part.data());
    return part;
}

void make_shapes(SolidNetworks& of, bool cars, const Settings& settings) {
    const SolidSizes& sizes = of.sizes;
    const Index n = sizes.n;
    of.voxels = Matrix<float>(n * n * n, sizes.shapes);
    of.targets.resize(static_cast<std::size_t>(sizes.shapes));
    of.cars.resize(cars ? of.targets.size() : 0);
    of.turbines.resize(cars ? 0 : of.targets.size());
#pragma omp parallel for num_threads(threads_of(settings.execution)) schedule(dynamic, 16)
    for (Index k = 0; k < sizes.shapes; ++k) {
        const auto at = static_cast<std::size_t>(k);
        std::vector<double> solid;
        if (cars) {
            of.cars[at] = random_car(settings.seed, k);
            solid = voxels(of.cars[at], n);
            of.targets[at] = drag(of.cars[at], solid, n);
        } else {
            of.turbines[at] = random_turbine(settings.seed, k);
            solid = voxels(of.turbines[at], n);
            of.targets[at] = peak_stress(of.turbines[at]);
        }
        std::ranges::transform(solid, of.voxels.column(k).begin(), [](double x) { return static_cast<float>(x); });
    }
    const auto train = static_cast<double>(sizes.shapes - sizes.held_out);
    double mean = 0, square = 0;
    for (Index k = 0; k < sizes.shapes - sizes.held_out; ++k)
        mean += of.targets[static_cast<std::size_t>(k)] / train;
    for (Index k = 0; k < sizes.shapes - sizes.held_out; ++k)
        square += std::pow(of.targets[static_cast<std::size_t>(k)] - mean, 2) / train;
    for (double& target : of.targets)
        target = (target - mean) / std::sqrt(square);
}

Matrix<float> first_columns(const Matrix<float>& A, Index count) {
    Matrix<float> part(A.rows(), count);
    std::copy_n(A.data(), part.size(), part.data());
    return part;
}

DenseJob autoencoder_job(const SolidNetworks& of, const Matrix<float>& centred, const Matrix<float>& train,
                         const Settings& settings, std::uint64_t member) {
    const Index inputs = train.rows();
    DenseJob job;
    job.name = of.name;
    job.inputs = &centred;
    job.targets = &train;
    job.layers = relu_layers(std::array{inputs, of.sizes.hidden, of.sizes.latent, of.sizes.hidden, inputs}, true);
    job.layers[1].activation = Activation::identity;
    job.initial.kind = Initialisation::fan_in;
    job.iterations = of.sizes.iterations;
    job.batch_size = 64;
    job.rate = 1e-3;
    job.decay = 1e-6;
    job.seed = settings.seed;
    job.member = member;
    return job;
}

DenseJob regressor_job(const SolidNetworks& of, const Matrix<float>& latent, const Matrix<float>& targets,
                       const Settings& settings, bool shuffled) {
    DenseJob job;
    job.name = of.target;
    job.inputs = &latent;
    job.targets = &targets;
    job.layers = relu_layers(std::array{of.sizes.latent, of.sizes.regressor, Index{1}}, true);
    job.initial.kind = Initialisation::fan_in;
    job.iterations = of.sizes.regressor_iterations;
    job.batch_size = 64;
    job.rate = 5e-3;
    job.decay = 1e-6;
    job.seed = settings.seed;
    job.member = shuffled ? 11 : 10;
    job.shuffled = shuffled;
    return job;
}

// Columns with the mean taken off, over their deviation where that is asked: units of the first layer that see them are
// on for some samples and off for others, where those that see positive numbers alone soon die.
struct Standard {
    Matrix<float> columns;
    std::vector<double> mean, scale;  // [rows]
};
Standard standardised(Matrix<float> columns, bool scaled) {
    const auto rows = static_cast<std::size_t>(columns.rows());
    const auto count = static_cast<double>(columns.cols());
    Standard result{std::move(columns), std::vector<double>(rows), std::vector<double>(rows, scaled ? 0.0 : 1.0)};
    for (Index k = 0; k < result.columns.cols(); ++k)
        for (std::size_t i = 0; i < rows; ++i)
            result.mean[i] += static_cast<double>(result.columns.column(k)[i]) / count;
    for (Index k = 0; k < result.columns.cols() && scaled; ++k)
        for (std::size_t i = 0; i < rows; ++i)
            result.scale[i] += std::pow(static_cast<double>(result.columns.column(k)[i]) - result.mean[i], 2) / count;
    if (scaled)
        for (double& scale : result.scale)
            scale = scale > 0 ? std::sqrt(scale) : 1;
    for (Index k = 0; k < result.columns.cols(); ++k)
        for (std::size_t i = 0; i < rows; ++i)
            result.columns.column(k)[i] = static_cast<float>(
                (static_cast<double>(result.columns.column(k)[i]) - result.mean[i]) / result.scale[i]);
    return result;
}

// The network of what is not standardised: W x / scale + b - W mean / scale.
Network of_plain(Network network, const Standard& of) {
    DenseLayer& first = network.layers.front();
    for (Index j = 0; j < first.weight.cols(); ++j) {
        const auto at = static_cast<std::size_t>(j);
        for (Index i = 0; i < first.weight.rows(); ++i) {
            first.weight(i, j) /= of.scale[at];
            first.bias[static_cast<std::size_t>(i)] -= first.weight(i, j) * of.mean[at];
        }
    }
    return network;
}

Standard latent_of(Backend<double>& on, const SolidNetworks& of) {
    const Network encoder = head_of(of.autoencoder.network, 2);
    const Index train = of.sizes.shapes - of.sizes.held_out;
    Matrix<float> latent(of.sizes.latent, train);
    for (Index first = 0; first < train; first += block) {
        const Index count = std::min(block, train - first);
        const Matrix<double> part = forward(on, encoder, columns(of.voxels, first, count));
        std::ranges::transform(part.values(), latent.data() + first * of.sizes.latent,
                               [](double x) { return static_cast<float>(x); });
    }
    return standardised(std::move(latent), true);
}

double explained(Backend<double>& on, const SolidNetworks& of, const Network& answer) {
    const Index first = of.sizes.shapes - of.sizes.held_out;
    const Matrix<double> y = forward(on, answer, columns(of.voxels, first, of.sizes.held_out));
    double mean = 0, wrong = 0, all = 0;
    for (Index k = 0; k < of.sizes.held_out; ++k)
        mean += of.target_of(k) / static_cast<double>(of.sizes.held_out);
    for (Index k = 0; k < of.sizes.held_out; ++k) {
        wrong += std::pow(y(0, k) - of.target_of(k), 2);
        all += std::pow(of.target_of(k) - mean, 2);
    }
    return all > 0 ? 1 - wrong / all : 0;
}

void measure_autoencoder(Backend<double>& on, SolidNetworks& of) {
    const Index first = of.sizes.shapes - of.sizes.held_out, size = of.voxels.rows();
    std::vector<double> mean(static_cast<std::size_t>(size));
    for (Index k = 0; k < first; ++k)
        for (Index i = 0; i < size; ++i)
            mean[static_cast<std::size_t>(i)] += static_cast<double>(of.voxels(i, k)) / static_cast<double>(first);
    const Matrix<double> x = columns(of.voxels, first, of.sizes.held_out);
    const Matrix<double> y = forward(on, of.autoencoder.network, x);
    of.error = of.error_of_mean = 0;
    for (Index k = 0; k < x.cols(); ++k) {
        double wrong = 0, of_mean = 0;
        for (Index i = 0; i < size; ++i) {
            wrong += std::pow(y(i, k) - x(i, k), 2);
            of_mean += std::pow(mean[static_cast<std::size_t>(i)] - x(i, k), 2);
        }
        const double whole = norm(x.column(k)) * static_cast<double>(x.cols());
        of.error += std::sqrt(wrong) / whole;
        of.error_of_mean += std::sqrt(of_mean) / whole;
    }
}

}  // namespace

SolidSizes solid_sizes(const Settings& settings) {
    if (settings.quick)
        return {8, 96, 24, 24, 12, 12, 800, 800, 6};
    return {};
}

std::vector<double> SolidNetworks::solid(Index held_out) const {
    const auto column = voxels.column(sizes.shapes - sizes.held_out + held_out);
    return {column.begin(), column.end()};
}

double SolidNetworks::target_of(Index held_out) const {
    return targets[static_cast<std::size_t>(sizes.shapes - sizes.held_out + held_out)];
}

SolidTraining train_on_solids(const Settings& settings) {
    SolidTraining all;
    all.cars.name = "cars";
    all.cars.target = "drag";
    all.turbines.name = "turbines";
    all.turbines.target = "stress";
    const std::array<SolidNetworks*, 2> kinds{&all.cars, &all.turbines};
    for (SolidNetworks* of : kinds) {
        of->sizes = solid_sizes(settings);
        make_shapes(*of, of == &all.cars, settings);
    }
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t processor = std::clock();
    const Index train = all.cars.sizes.shapes - all.cars.sizes.held_out;
    std::array<Matrix<float>, 2> solids, targets;
    std::array<Standard, 2> centred;
    std::vector<DenseJob> jobs;
    for (std::size_t i = 0; i < 2; ++i) {
        solids[i] = first_columns(kinds[i]->voxels, train);
        targets[i] = Matrix<float>(1, train);
        std::transform(kinds[i]->targets.begin(), kinds[i]->targets.begin() + train, targets[i].data(),
                       [](double x) { return static_cast<float>(x); });
        centred[i] = standardised(solids[i], false);
        jobs.push_back(autoencoder_job(*kinds[i], centred[i].columns, solids[i], settings, i));
        kinds[i]->fresh_autoencoder = of_plain(untrained(jobs.back()), centred[i]);
    }
    std::vector<TrainedDense> trained = train_dense(jobs, settings.execution, settings.progress);
    for (std::size_t i = 0; i < 2; ++i) {
        kinds[i]->autoencoder = std::move(trained[i]);
        kinds[i]->autoencoder.network = of_plain(std::move(kinds[i]->autoencoder.network), centred[i]);
    }

    Backend<double>& on = settings.execution.backend<double>();
    const std::array<Standard, 2> latent{latent_of(on, all.cars), latent_of(on, all.turbines)};
    jobs.clear();
    for (std::size_t i = 0; i < 2; ++i)
        for (const bool shuffled : {false, true})
            jobs.push_back(regressor_job(*kinds[i], latent[i].columns, targets[i], settings, shuffled));
    trained = train_dense(jobs, settings.execution, settings.progress);
    all.processor_seconds = static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC;
    all.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (std::size_t i = 0; i < 2; ++i) {
        SolidNetworks& of = *kinds[i];
        const Network encoder = head_of(of.autoencoder.network, 2);
        of.answer = chained(encoder, of_plain(trained[2 * i].network, latent[i]));
        of.fresh = chained(head_of(of.fresh_autoencoder, 2), of_plain(untrained(jobs[2 * i]), latent[i]));
        of.explained = explained(on, of, of.answer);
        of.shuffled = explained(on, of, chained(encoder, of_plain(trained[2 * i + 1].network, latent[i])));
        measure_autoencoder(on, of);
    }
    return all;
}

}  // namespace descrambler::tour

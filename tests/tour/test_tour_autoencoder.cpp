// Networks that the tour trains on samples in memory.
#include "tour/autoencoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "descrambler/backend.hpp"
#include "descrambler/error.hpp"
#include "descrambler/execution.hpp"
#include "descrambler/random.hpp"

namespace descrambler::tour {
namespace {

Matrix<double> normals(Index rows, Index cols, std::uint64_t stream) {
    RandomStream random(7, stream);
    Matrix<double> A(rows, cols);
    for (double& a : A.values())
        a = random.normal();
    return A;
}

DenseJob linear_job(const Matrix<float>& samples, Index rank) {
    DenseJob job;
    job.name = "linear";
    job.inputs = job.targets = &samples;
    job.layers = {{samples.rows(), rank, Activation::identity, false, false},
                  {rank, samples.rows(), Activation::identity, false, false}};
    job.iterations = 3000;
    job.batch_size = 64;
    job.rate = 1e-2;
    job.rate_floor = 1e-3;
    return job;
}

// Baldi, Hornik (1989): a linear autoencoder projects on the leading principal subspace.
TEST(TrainDense, ALinearAutoencoderFindsThePrincipalSubspace) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = 12, rank = 3, count = 300;
    const Matrix<double> axes = svd(*on, normals(n, n, 1)).U, numbers = normals(n, count, 2);
    Matrix<double> scaled = numbers;
    for (Index j = 0; j < count; ++j)
        for (Index i = 0; i < n; ++i)
            scaled(i, j) *= i < rank ? 1 : .05;
    const Matrix<double> samples = multiply(*on, Op::none, Op::none, axes, scaled);
    const Matrix<float> single = to_single(samples);
    const std::vector<DenseJob> jobs{linear_job(single, rank)};
    const TrainedDense trained = train_dense(jobs, Execution::on_cpu(1), {}).front();
    const Network& network = trained.network;
    EXPECT_TRUE(network.layers[0].bias.empty() && network.layers[1].bias.empty());

    // what of the decoder's columns lies outside the first three vectors of the data
    const Matrix<double> columns = svd(*on, network.layers[1].weight).U, principal = svd(*on, samples).U;
    const Matrix<double> inside = multiply(*on, Op::transpose, Op::none, principal, columns);
    double outside = 0;
    for (Index k = 0; k < rank; ++k)
        for (Index i = rank; i < n; ++i)
            outside += inside(i, k) * inside(i, k);
    // the sine of the angle is below the size of what is not to be learnt over that of what is; untrained it is near 1
    EXPECT_LT(std::sqrt(outside / static_cast<double>(rank)), .05);
    EXPECT_LT(trained.loss.back(), .01 * trained.loss.front());
}

TEST(TrainDense, SameBitsForAnyNumberOfThreadsAndCompany) {
    const Matrix<float> samples = to_single(normals(6, 40, 3)), targets = to_single(normals(2, 40, 4));
    DenseJob job;
    job.inputs = &samples;
    job.targets = &targets;
    job.layers = relu_layers(std::array<Index, 3>{6, 9, 2}, true);
    job.iterations = 77;
    job.batch_size = 70;
    std::vector<DenseJob> jobs(3, job);
    jobs[1].member = 1;
    jobs[2].shuffled = true;
    const auto two = train_dense(jobs, Execution::on_cpu(2), {}), one = train_dense(jobs, Execution::on_cpu(1), {});
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(pack<double>(two[i].network), pack<double>(one[i].network));
        EXPECT_EQ(two[i].loss, one[i].loss);
        EXPECT_EQ(two[i].loss.size(), 77u);
        EXPECT_NE(pack<double>(two[i].network), pack<double>(untrained(jobs[i])));
    }
    EXPECT_EQ(pack<double>(train_dense({&jobs[1], 1}, Execution::on_cpu(1), {})[0].network),
              pack<double>(one[1].network));
    EXPECT_NE(pack<double>(one[0].network), pack<double>(one[1].network));
    EXPECT_NE(pack<double>(one[0].network), pack<double>(one[2].network));
}

// One sample a step of two whose errors differ: a batch is not always the same, and no sample is left out.
TEST(TrainDense, StepsDrawAllSamples) {
    Matrix<float> samples(1, 2), targets(1, 2);
    targets(0, 0) = 1;
    targets(0, 1) = 2;
    DenseJob job;
    job.inputs = &samples;
    job.targets = &targets;
    job.layers = {{1, 1, Activation::identity, false, false}};
    job.iterations = 40;
    job.batch_size = 1;
    const std::vector<double> loss =
        train_dense({&job, 1}, Execution::on_cpu(1), {}).front().loss;  // inputs of 0: y = 0
    const auto ones = std::ranges::count(loss, 1.0), fours = std::ranges::count(loss, 4.0);
    EXPECT_EQ(ones + fours, 40);
    EXPECT_GT(ones, 8);  // of 40 even draws 8 or fewer: chance 1e-4, and the seed is fixed
    EXPECT_GT(fours, 8);
}

TEST(TrainDense, StopsAndSaysWhoFails) {
    const Matrix<float> samples = to_single(normals(4, 10, 5));
    DenseJob job = linear_job(samples, 2);
    job.name = "planted";
    int asked = 0;
    Progress progress;
    progress.stop = [&] { return ++asked == 3; };
    EXPECT_THROW((void)train_dense({&job, 1}, Execution::on_cpu(1), progress), Stopped);
    EXPECT_EQ(asked, 3);
    Matrix<float> broken = samples;
    broken(1, 7) = std::numeric_limits<float>::infinity();
    job.inputs = &broken;
    try {
        (void)train_dense({&job, 1}, Execution::on_cpu(1), {});
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("planted: the loss is not finite"), std::string::npos) << error.what();
    }
    const Matrix<float> fewer = to_single(normals(4, 9, 5));
    job.inputs = &fewer;
    EXPECT_THROW((void)train_dense({&job, 1}, Execution::on_cpu(1), {}), std::invalid_argument);
}

TEST(TrainDense, ChainsAndHeads) {
    const Matrix<float> samples = to_single(normals(4, 10, 6));
    const Network a = untrained(linear_job(samples, 2));
    const Network encoder = head_of(a, 1);
    EXPECT_EQ(encoder.outputs(), 2);
    Network back;
    back.layers = {a.layers[1]};
    EXPECT_EQ(pack<double>(chained(encoder, back)), pack<double>(a));
    EXPECT_THROW((void)chained(a, back), std::invalid_argument);
    EXPECT_THROW((void)head_of(a, 3), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler::tour

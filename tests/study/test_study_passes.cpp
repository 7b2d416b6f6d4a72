// How often a study of two layers streams its library.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "descramble/networks.hpp"
#include "study/study_steps.hpp"

namespace descrambler {
namespace {

using namespace test;

constexpr Index times = 24, width = 8, distances = 10, samples = 3000;

StudyData study_of(Index trained, Index untrained) {
    StudyData study;
    study.config.hidden = {width};
    study.config.chart_iterations = 5;
    std::uint64_t number = 1;
    for (const auto& [kind, networks] : {std::pair{GroupKind::trained, trained}, {GroupKind::untrained, untrained}})
        for (Index i = 0; i < networks; ++i)
            study.group(kind).networks.push_back(network_of({times, width, distances}, number++));
    return study;
}

// Passes over the library that descrambling and the published optimiser make.
double passes(StudyData& study, const Matrix<double>& X) {
    const auto read = std::make_shared<std::atomic<Index>>(0);
    const Library counted{X.rows(), X.cols(),
                          [&X, read](Index first, Batch<double> block) {
                              *read += block.cols;
                              std::copy_n(X.data() + first * X.rows(), block.size(), block.data);
                          },
                          Reading::at_once};
    descramble_groups(study, {&counted, 1}, {.last_layer = true}, Execution::on_cpu(2));
    read_optimiser(study, counted, Execution::on_cpu(2));
    return static_cast<double>(*read) / static_cast<double>(samples);
}

TEST(StudyPasses, TheTrainedGroupTakesAtMostSeven) {
    const Matrix<double> X = inputs(times, samples, 5);
    StudyData study = study_of(3, 0);
    const double count = passes(study, X);
    EXPECT_LE(count, 7);
    EXPECT_GE(count, 1);  // of a library that is read, not of one in memory
    ASSERT_EQ(study.groups.front().layers.size(), 5u);
    EXPECT_EQ(study.optimiser.groups.front().size(), 3u);
}

TEST(StudyPasses, AControlOfTheFirstLayerTakesTwoMore) {  // after: sums, and signs of both criteria
    const Matrix<double> X = inputs(times, samples, 5);
    StudyData alone = study_of(2, 0), both = study_of(2, 2);
    EXPECT_LE(passes(both, X), passes(alone, X) + 2);
}

TEST(StudyPasses, SharedSumsGiveTheBitsOfOwnOnes) {
    const Matrix<double> X = inputs(times, samples, 5);
    StudyData study = study_of(2, 0);
    (void)passes(study, X);
    for (const StudyLayer& layer : study.groups.front().layers) {
        const std::vector<Descrambling> own =
            descramble(study.groups.front().networks, library_of(X), layer.request, Execution::on_cpu(1));
        for (std::size_t i = 0; i < own.size(); ++i) {
            EXPECT_EQ(own[i].solution.P, layer.networks[i].solution.P) << layer.name;
            EXPECT_EQ(own[i].gram, layer.networks[i].gram) << layer.name;
            EXPECT_EQ(own[i].solution.eta, layer.networks[i].solution.eta) << layer.name;
        }
    }
}

}  // namespace
}  // namespace descrambler

// How the networks of a study are related: planted likeness, with and without a threshold.
#include <gtest/gtest.h>

#include <cmath>

#include "descramble/fixtures.hpp"
#include "study/study_data.hpp"

namespace descrambler {
namespace {

using namespace test;

constexpr Index n = 12, d = 20, samples = 3000;

StudyGroup group_of(GroupKind of, Index count, std::uint64_t kind, double spread, const Matrix<double>& X) {
    StudyGroup group;
    group.kind = of;
    group.name = to_string(of);
    for (Index i = 0; i < count; ++i) {
        Matrix<double> W = normal(n, d, kind);
        const Matrix<double> noise = normal(n, d, 1000 * kind + static_cast<std::uint64_t>(i));
        for (std::size_t e = 0; e < W.values().size(); ++e)
            W.values()[e] += spread * noise.values()[e];
        group.networks.push_back({{{W, {}, Activation::identity, false}}});
    }
    if (count > 0)
        group.layers.push_back(
            {"layer_1_before_smoothness", {}, descramble(group.networks, library_of(X), {}, Execution::on_cpu(1))});
    return group;
}

// Two kinds of weights, one for trained and one for shuffled networks; untrained ones have nothing in common.
StudyData study_of(Index trained, Index untrained, Index shuffled, Index bootstrap, double spread,
                   const Matrix<double>& X) {
    StudyData study;
    study.config.hidden = {n};
    study.config.bootstrap = bootstrap;
    study.groups = {
        group_of(GroupKind::trained, trained, 1, spread, X), group_of(GroupKind::untrained, untrained, 2, 10, X),
        group_of(GroupKind::shuffled, shuffled, 3, spread, X), group_of(GroupKind::no_decay, 0, 4, spread, X)};
    return study;
}

Matrix<double> library() {
    Matrix<double> X = normal(d, samples, 7);
    for (Index j = 0; j < samples; ++j)
        for (Index k = 0; k < d; ++k)
            X(k, j) *= std::pow(0.7, static_cast<double>(k));
    return X;
}

const SameFunction& part(const std::vector<SameFunction>& shares, const std::string& name) {
    for (const SameFunction& share : shares)
        if (share.name == name)
            return share;
    throw Error("no share " + name);
}

TEST(StudyAlignment, NearlyEqualNetworksAreTheSameFunctionAndOthersAreNot) {
    const Matrix<double> X = library();
    StudyData study = study_of(4, 3, 3, 12, 1e-5, X);
    relate_networks(study, X, 2);
    const StudyRelations& relations = study.relations;
    ASSERT_TRUE(relations.threshold);
    EXPECT_GT(relations.threshold->s, 0.5);
    EXPECT_LT(relations.threshold->s, 1);
    const std::vector<SameFunction> shares = same_function(study);
    EXPECT_EQ(part(shares, "within_trained").pairs, 6);
    EXPECT_EQ(part(shares, "within_trained").s, 1);
    EXPECT_EQ(part(shares, "within_shuffled").pairs, 3);
    EXPECT_EQ(part(shares, "within_shuffled").s, 1);
    EXPECT_EQ(part(shares, "trained_against_shuffled").pairs, 12);
    EXPECT_EQ(part(shares, "trained_against_shuffled").s, 0);
    EXPECT_EQ(part(shares, "trained_against_untrained").s, 0);
    EXPECT_EQ(part(shares, "within_untrained").s, 0);
    EXPECT_EQ(shares.size(), 5u);  // no pair with a no-decay network

    // trained, shuffled, and three by themselves
    EXPECT_EQ(relations.all.by_threshold->sizes(), (std::vector<Index>{4, 3, 1, 1, 1}));
    EXPECT_EQ(relations.all.by_threshold->purity, 1);
    EXPECT_GT(relations.all.by_gap.adjusted_rand, 0.5);
    EXPECT_EQ(relations.trained.by_threshold->sizes(), (std::vector<Index>{4}));
    EXPECT_EQ(clusters_are_real(relations), false);  // whatever the gap says: they are one function
    for (Index i = 0; i < relations.s.rows(); ++i) {
        EXPECT_EQ(relations.s(i, i), 1);
        for (Index j = 0; j < i; ++j)
            EXPECT_EQ(relations.s(i, j), relations.s(j, i));
    }
}

TEST(StudyAlignment, TwoSolutionsAmongTheTrainedAreFound) {
    const Matrix<double> X = library();
    StudyData study = study_of(3, 0, 0, 8, 1e-4, X);
    const StudyGroup second = group_of(GroupKind::trained, 3, 9, 1e-4, X);
    StudyGroup& trained = study.groups.front();
    for (std::size_t i = 0; i < 3; ++i) {
        trained.networks.push_back(second.networks[i]);
        trained.layers.front().networks.push_back(second.layers.front().networks[i]);
    }
    relate_networks(study, X, 1);
    EXPECT_EQ(study.relations.trained.by_gap.labels, (std::vector<Index>{0, 0, 0, 1, 1, 1}));
    EXPECT_EQ(clusters_are_real(study.relations), true);
    EXPECT_EQ(part(same_function(study), "within_trained").s, 6.0 / 15);
}

TEST(StudyAlignment, WithoutABootstrapThereIsNoThreshold) {
    const Matrix<double> X = library();
    StudyData study = study_of(2, 1, 0, 0, 1e-5, X);
    relate_networks(study, X, 1);
    EXPECT_FALSE(study.relations.threshold);
    EXPECT_TRUE(same_function(study).empty());
    EXPECT_FALSE(study.relations.all.by_threshold);
    EXPECT_FALSE(clusters_are_real(study.relations));
    EXPECT_EQ(study.relations.all.by_gap.labels, (std::vector<Index>{0, 0, 1}));
}

TEST(StudyAlignment, OneNetworkIsOneCluster) {
    const Matrix<double> X = library();
    StudyData study = study_of(1, 0, 0, 2, 1e-5, X);
    relate_networks(study, X, 1);
    EXPECT_TRUE(study.relations.threshold);
    EXPECT_TRUE(same_function(study).empty());
    EXPECT_EQ(study.relations.all.by_gap.labels, (std::vector<Index>{0}));
    EXPECT_EQ(clusters_are_real(study.relations), false);
}

}  // namespace
}  // namespace descrambler

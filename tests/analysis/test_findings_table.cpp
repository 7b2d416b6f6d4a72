#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "analysis/deer/findings.hpp"

namespace descrambler {
namespace {

using Group = std::vector<NetworkReading>;

NetworkReading reading(const std::string& key, double raw, double descrambled) {
    NetworkReading r;
    r.values[key] = {raw, descrambled};
    return r;
}
Group group(const std::string& key, double value, std::size_t count = 3) {
    return Group(count, reading(key, value, value));
}

// One finding at its threshold: what the trained networks, the raw ones and the controls need; NaN: no such control.
constexpr double none = std::numeric_limits<double>::quiet_NaN();
struct Threshold {
    std::string name;
    double figure, raw;              // values that pass
    double figure_fails, raw_fails;  // values just beyond the threshold
    double untrained, shuffled, no_decay;
    double untrained_fails, shuffled_fails, no_decay_fails;
};

Verdict verdict(const Threshold& t, double figure, double raw, double untrained, double shuffled, double no_decay) {
    const auto table =
        findings_table(Group(3, reading(t.name, std::isnan(raw) ? figure : raw, figure)), group(t.name, untrained),
                       group(t.name, shuffled), std::isnan(no_decay) ? Group{} : group(t.name, no_decay));
    EXPECT_EQ(table.size(), 1u);
    return table.front().verdict;
}

class FindingsThreshold : public testing::TestWithParam<Threshold> {};

TEST_P(FindingsThreshold, DecidesTheVerdict) {
    const Threshold& t = GetParam();
    const auto with = [&](double figure, double raw, double untrained, double shuffled, double no_decay) {
        return verdict(t, figure, raw, untrained, shuffled, no_decay);
    };
    EXPECT_EQ(with(t.figure, t.raw, t.untrained, t.shuffled, t.no_decay), Verdict::reproduced_and_discriminating);
    EXPECT_EQ(with(t.figure_fails, t.raw, t.untrained, t.shuffled, t.no_decay), Verdict::not_reproduced);
    if (!std::isnan(t.raw)) {
        EXPECT_EQ(with(t.figure, t.raw_fails, t.untrained, t.shuffled, t.no_decay), Verdict::not_reproduced);
    }
    EXPECT_EQ(with(t.figure, t.raw, t.untrained_fails, t.shuffled, t.no_decay), Verdict::reproduced_not_discriminating);
    EXPECT_EQ(with(t.figure, t.raw, t.untrained, t.shuffled_fails, t.no_decay), Verdict::reproduced_not_discriminating);
    if (!std::isnan(t.no_decay)) {
        EXPECT_EQ(with(t.figure, t.raw, t.untrained, t.shuffled, t.no_decay_fails),
                  Verdict::reproduced_not_discriminating);
    }
}

INSTANTIATE_TEST_SUITE_P(Published, FindingsThreshold,
                         testing::Values(
                             //        name               figure raw   fails fails  controls pass       controls fail
                             Threshold{"eta_gain", 40, none, 39.9, none, 32, 39.9, none, 32.1, 40, none},
                             Threshold{"E6", 0.90, 0.30, 0.89, 0.31, 0.30, 0.89, none, 0.31, 0.90, none},
                             Threshold{"top1", 0.60, 0.50, 0.59, 0.51, 0.20, 0.59, none, 0.21, 0.60, none},
                             Threshold{"HFrej", 25, none, 24.9, none, 3, 20, none, 3.1, 20.1, none},
                             Threshold{"edge", 64, none, 65, none, 65, 65, none, 64, 64, none},
                             Threshold{"DCmarg", -8, none, -7.9, none, -3, 0, 0, -3.1, -0.1, -0.1},
                             Threshold{"g_dip_bg", 7, none, 6.9, none, 3, 6.9, 0, 3.1, 7, 0.1},
                             Threshold{"g_dip_noise", 3, none, 2.9, none, 2.9, 2.9, none, 3, 3, none},
                             Threshold{"DC16", -15, none, -14.9, none, -3, -3, -3, -3.1, -3.1, -3.1},
                             Threshold{"J_MAE", 0.18, none, 0.19, none, 1, 1, none, 0.99, 0.99, none},
                             Threshold{"J_rank", 0.99, none, 0.98, none, 0.3, 0.3, none, 0.31, 0.31, none},
                             Threshold{"Sturm6", 5, none, 4, none, 0, 2, none, 1, 3, none},
                             Threshold{"DCT20", 0.97, none, 0.96, none, 0.15, 0.35, none, 0.16, 0.36, none},
                             Threshold{"link_orthogonality", 0.1, none, 0.11, none, 0.11, 0.11, none, 0.1, 0.1, none},
                             Threshold{"link_frequency", -0.8, none, -0.79, none, -0.5, -0.5, none, -0.51, -0.51, none},
                             Threshold{"right_vector_purity", 0.8, none, 0.79, none, 0.5, 0.79, none, 0.51, 0.8, none},
                             Threshold{"rank12", 0.90, none, 0.89, none, 0.35, 0.89, none, 0.36, 0.90, none},
                             Threshold{"r_pair", 0.95, 0.90, 0.94, 0.91, 0.5, 0.5, none, 0.51, 0.51, none},
                             Threshold{"replica_ratio", 1.1, none, 1.11, none, 1.11, 1.11, none, 1.1, 1.1, none}),
                         [](const auto& test) { return test.param.name; });

FindingRow only_row(const Group& trained, const Group& untrained, const Group& shuffled, const Group& no_decay = {}) {
    const auto table = findings_table(trained, untrained, shuffled, no_decay);
    EXPECT_EQ(table.size(), 1u);
    return table.front();
}

TEST(FindingsTable, MissingControlCannotDiscriminate) {
    const FindingRow without = only_row(group("HFrej", 32), group("HFrej", 0.6), {});
    EXPECT_EQ(without.verdict, Verdict::reproduced_not_discriminating);
    EXPECT_NE(without.reading.find("the shuffled control is missing"), std::string::npos) << without.reading;
    // DCmarg needs the no-decay control too, HFrej does not
    const FindingRow notch = only_row(group("DCmarg", -12), group("DCmarg", 0), group("DCmarg", 14));
    EXPECT_EQ(notch.verdict, Verdict::reproduced_not_discriminating);
    EXPECT_NE(notch.reading.find("the no-decay control is missing"), std::string::npos) << notch.reading;
}

TEST(FindingsTable, TransformNeedsThreeShuffledNetworks) {  // single shuffled networks scatter: 0.75 to 2.7 nm
    const auto with = [](std::size_t shuffled) {
        return only_row(group("J_MAE", 0.12), group("J_MAE", 1.4), group("J_MAE", 2.4, shuffled)).verdict;
    };
    EXPECT_EQ(with(2), Verdict::reproduced_not_discriminating);
    EXPECT_EQ(with(3), Verdict::reproduced_and_discriminating);
}

TEST(FindingsTable, MediansDecide) {
    Group trained{reading("HFrej", 10, 10), reading("HFrej", 26, 26), reading("HFrej", 90, 90)};
    EXPECT_EQ(only_row(trained, group("HFrej", 1), group("HFrej", 15)).verdict, Verdict::reproduced_and_discriminating);
    trained[1].values["HFrej"] = {24, 24};
    EXPECT_EQ(only_row(trained, group("HFrej", 1), group("HFrej", 15)).verdict, Verdict::not_reproduced);
}

TEST(FindingsTable, SentenceStatesTheNumbers) {
    const FindingRow row =
        only_row(group("HFrej", 32.31), group("HFrej", 0.56), group("HFrej", 14.8), group("HFrej", 29));
    EXPECT_EQ(row.reading,
              "Layer 1 suppresses frequencies above half the Nyquist frequency by 32.3 dB; untrained networks by 0.6 "
              "dB, networks trained on shuffled targets by 14.8 dB and networks trained without decay by 29.0 dB.");
    EXPECT_EQ(row.unit, "dB");
    EXPECT_TRUE(row.invariant);
    EXPECT_EQ(row.raw, row.descrambled);
    EXPECT_EQ(row.untrained, std::vector<double>(3, 0.56));
}

Group cube_root_group(double exponent, double cube_root, double constant) {
    NetworkReading r = reading("cube_root_exponent", 0, exponent);
    r.values["cube_root_residual"] = {0, cube_root};
    r.extras = {{"cube_root_residual_0", constant},
                {"cube_root_residual_1_6", 0.3},
                {"cube_root_residual_1_2", 0.3},
                {"cube_root_residual_1", 0.4}};
    return Group(3, r);
}

TEST(FindingsTable, CubeRootNeedsExponentAndResidual) {
    const Group control = cube_root_group(0.5, 0.1, 0.2);
    const auto verdicts = [&](const Group& trained, const Group& shuffled) {
        const auto table = findings_table(trained, control, shuffled, {});
        EXPECT_EQ(table.size(), 2u);
        EXPECT_EQ(table[0].verdict, table[1].verdict);
        return table[0].verdict;
    };
    const Group good = cube_root_group(0.30, 0.1, 0.2);
    EXPECT_EQ(verdicts(good, control), Verdict::reproduced_and_discriminating);
    EXPECT_EQ(verdicts(good, good), Verdict::reproduced_not_discriminating);
    EXPECT_EQ(verdicts(cube_root_group(0.27, 0.1, 0.2), control), Verdict::not_reproduced);  // exponent
    EXPECT_EQ(verdicts(cube_root_group(0.39, 0.1, 0.2), control), Verdict::not_reproduced);
    EXPECT_EQ(verdicts(cube_root_group(0.33, 0.2, 0.1), control), Verdict::not_reproduced);  // a constant fits better
    Group unmeasured = good;
    for (NetworkReading& r : unmeasured)
        r.extras.clear();
    EXPECT_EQ(verdicts(unmeasured, control), Verdict::not_reproduced);
}

Group shape_group(double chebyshev, double legendre, double covariance, double extremum_ratio) {
    NetworkReading r = reading("chebyshev_r2", chebyshev, chebyshev);
    r.values["legendre_r2"] = {legendre, legendre};
    r.values["covariance_r2"] = {covariance, covariance};
    r.extras["extremum_ratio"] = extremum_ratio;
    return Group(3, r);
}

TEST(FindingsTable, ChebyshevMustBeatTheAlternatives) {
    const Group control = shape_group(0.01, 0.01, 0.01, 0.06);
    const auto verdicts = [&](const Group& trained) {
        std::vector<Verdict> found;
        for (const FindingRow& row : findings_table(trained, control, control, {}))
            found.push_back(row.verdict);
        return found;
    };
    const auto no = Verdict::not_reproduced, yes = Verdict::reproduced_and_discriminating;
    EXPECT_EQ(verdicts(shape_group(0.83, 0.80, 0.85, 0.16)), (std::vector{no, no, no}));  // nothing stands out
    EXPECT_EQ(verdicts(shape_group(0.95, 0.80, 0.85, 0.60)), (std::vector{yes, no, no}));
    EXPECT_EQ(verdicts(shape_group(0.95, 0.80, 0.85, 0.50)), (std::vector{no, no, no}));  // unequal extrema
    EXPECT_EQ(verdicts(shape_group(0.95, 0.91, 0.85, 0.60)), (std::vector{no, no, no}));
    EXPECT_EQ(verdicts(shape_group(0.80, 0.90, 0.80, 0.60)), (std::vector{no, yes, no}));
    EXPECT_EQ(verdicts(shape_group(0.80, 0.80, 0.90, 0.60)), (std::vector{no, no, yes}));
}

TEST(FindingsTable, PairsAgainstShuffledAreAControlThemselves) {
    EXPECT_EQ(only_row(group("r_pair_against_shuffled", 0.5), {}, {}).verdict, Verdict::reproduced_and_discriminating);
    EXPECT_EQ(only_row(group("r_pair_against_shuffled", 0.51), {}, {}).verdict, Verdict::not_reproduced);
}

TEST(FindingsTable, EveryNumberOfAReadingHasARow) {
    const std::vector<std::string> keys{"eta_gain",
                                        "E6",
                                        "top1",
                                        "HFrej",
                                        "edge",
                                        "DCmarg",
                                        "g_dip_bg",
                                        "g_dip_noise",
                                        "DC16",
                                        "cube_root_exponent",
                                        "cube_root_residual",
                                        "J_MAE",
                                        "J_rank",
                                        "Sturm6",
                                        "DCT20",
                                        "chebyshev_r2",
                                        "legendre_r2",
                                        "covariance_r2",
                                        "link_orthogonality",
                                        "link_frequency",
                                        "right_vector_purity",
                                        "rank12",
                                        "r_pair",
                                        "r_pair_against_shuffled",
                                        "replica_ratio"};
    NetworkReading all;
    for (const std::string& key : keys)
        all.values[key] = {0.5, 0.5};
    const auto table = findings_table({all}, {}, {}, {});
    ASSERT_EQ(table.size(), keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        EXPECT_EQ(table[i].name, keys[i]);
        EXPECT_FALSE(table[i].claim.empty());
        EXPECT_EQ(table[i].reading.find_first_of("{}"), std::string::npos) << table[i].reading;
        EXPECT_EQ(table[i].reading.back(), '.');
        EXPECT_EQ(table[i].untrained.size(), 0u);
    }
    EXPECT_TRUE(findings_table({}, {}, {}, {}).empty());
}

TEST(FindingsTable, SpreadByHand) {
    const Spread odd = spread_of({3, 1, 2}), even = spread_of({4, 1, 3, 2});
    EXPECT_EQ(odd.median, 2);
    EXPECT_EQ(even.median, 2.5);
    EXPECT_EQ(even.min, 1);
    EXPECT_EQ(even.max, 4);
    EXPECT_THROW((void)spread_of({}), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler

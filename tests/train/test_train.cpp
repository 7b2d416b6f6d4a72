#include "train/train.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

TrainingRecipe small_config() {
    TrainingRecipe config;
    DeerDatabase& deer = std::get<DeerTask>(config.data).database;
    deer.times = deer.distances = 32;
    config.hidden = {12};
    config.iterations = 2300;  // not a multiple of a round
    config.batch_size = 48;    // not a multiple of a tile
    config.networks = 3;
    config.shuffled = 1;
    config.no_decay = 1;
    config.control_iterations = 1100;
    config.checkpoint_seconds = 0;
    return config;
}

std::vector<MemberState> trained(const TrainingRecipe& config, int threads) {
    std::vector<MemberState> members = study_members(config);
    train_members(members, config, Execution::on_cpu(threads), {}, {});
    return members;
}

void expect_same(const std::vector<MemberState>& a, const std::vector<MemberState>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].parameters, b[i].parameters) << a[i].name;
        EXPECT_EQ(a[i].loss, b[i].loss) << a[i].name;
    }
}

TEST(Train, SameBitsForAnyNumberOfThreads) {
    expect_same(trained(small_config(), 1), trained(small_config(), 2));
}

TEST(Train, AMemberDoesNotDependOnWhoTrainsBesideIt) {
    TrainingRecipe alone = small_config();
    alone.networks = 1;
    alone.shuffled = alone.no_decay = 0;
    EXPECT_EQ(trained(alone, 1).front().parameters, trained(small_config(), 2).front().parameters);
}

TEST(Train, LearnsAndShuffledControlsDoNot) {
    const std::vector<MemberState> members = trained(small_config(), 2);
    const MemberState &first = members[0], &shuffled = members[3];
    EXPECT_EQ(shuffled.name, "shuffled_000");
    EXPECT_LT(first.loss.back(), 0.5 * first.loss.front());
    EXPECT_GT(shuffled.loss.back(), 1.5 * first.loss.back());
    EXPECT_EQ(first.loss.size(), static_cast<std::size_t>((2300 + 10) / 11));  // interval 2300 / 200 = 11
}

TEST(Train, DoublePrecisionStartsLikeSinglePrecision) {
    TrainingRecipe config = small_config();
    config.iterations = 20;
    config.shuffled = config.no_decay = 0;
    const std::vector<MemberState> f32 = trained(config, 1);
    config.precision = "f64";
    const std::vector<MemberState> f64 = trained(config, 1);
    // the same distributions, modulation and backgrounds; the noise (at most 5 % of the modulation) is drawn
    // differently
    for (std::size_t i = 0; i < f32[0].loss.size(); ++i)
        EXPECT_NEAR(f32[0].loss[i], f64[0].loss[i], 0.03 * f64[0].loss[i]);
}

class SameBatch final : public SampleSource<double> {
public:
    [[nodiscard]] Index inputs() const override { return 6; }
    [[nodiscard]] Index outputs() const override { return 4; }
    void draw(Backend<double>&, std::uint64_t, std::uint64_t, Index, Batch<double> x, Batch<double> y) const override {
        RandomStream random(5, 1);
        for (Index i = 0; i < x.size(); ++i)
            x.data[i] = random.normal();
        for (Index i = 0; i < y.size(); ++i)
            y.data[i] = random.uniform();
    }
};

// Adam's first moment after its first step is a tenth of the gradient: of every parameter it must match the finite
// difference of the loss.
void expect_gradient(Loss loss_kind, bool bias = true) {
    const auto on = make_cpu_backend<double>(1);
    const std::vector<Layer> layers{{6, 5, Activation::tanh, false, bias}, {5, 4, Activation::softplus, true, bias}};
    const Index count = parameter_count(layers);
    TrainPlan<double> plan;
    plan.layers = layers;
    plan.batch_size = 70;  // more than one tile
    plan.loss = loss_kind;
    const SameBatch source;
    plan.samples = &source;
    const std::vector<MemberPlan> member{{0, 10, 0.0, false}};
    const std::vector<double> start = initial_parameters<double>(layers, 1, 0);
    const auto loss_at = [&](std::vector<double> w) {
        std::vector<double> m(w.size()), v(w.size());
        double loss = 0;
        on->train(plan, member, 0, 1, {w.data(), count, 1}, {m.data(), count, 1}, {v.data(), count, 1}, {&loss, 1, 1});
        return std::pair{loss, m};  // m = 0.1 * gradient after the first step
    };
    const std::vector<double> moment = loss_at(start).second;
    for (Index i = 0; i < count; ++i) {
        std::vector<double> above = start, below = start;
        above[static_cast<std::size_t>(i)] += 1e-5;
        below[static_cast<std::size_t>(i)] -= 1e-5;
        const double slope = (loss_at(above).first - loss_at(below).first) / 2e-5;
        EXPECT_NEAR(moment[static_cast<std::size_t>(i)] / 0.1, slope, 1e-8 * (1 + std::abs(slope)))
            << "parameter " << i;
    }
}

TEST(Train, GradientOfTheWholeStepMatchesFiniteDifferences) {
    expect_gradient(Loss::mse);
}

TEST(Train, GradientOfTheRootMeanSquareMatchesFiniteDifferences) {
    expect_gradient(Loss::rmse);
}

// The loss does not see the place of a bias that is not there.
TEST(Train, GradientWithoutBiasesMatchesFiniteDifferences) {
    expect_gradient(Loss::mse, false);
}

TEST(Train, BiasesThatAreNotThereStayAtZero) {
    TrainingRecipe config = small_config();
    config.bias = false;
    config.initial.kind = Initialisation::fan_in;
    config.iterations = config.control_iterations = 150;
    const std::vector<MemberState> members = trained(config, 2);
    expect_same(trained(config, 1), members);
    for (const MemberState& member : members) {
        EXPECT_LT(member.loss.back(), member.loss.front()) << member.name;
        const Network network = network_of(config, member);
        const Index before = network.layers[0].weight.size();
        for (const auto* values : {&member.parameters, &member.first_moment, &member.second_moment})
            for (Index i = 0; i < 12; ++i)
                EXPECT_EQ((*values)[static_cast<std::size_t>(before + i)], 0) << member.name;
        EXPECT_NE(member.parameters[static_cast<std::size_t>(before + 12)], 0);  // the next weight
        EXPECT_TRUE(network.layers[0].bias.empty() && network.layers[1].bias.empty());
    }
}

TrainingRecipe small_relaxometry() {
    TrainingRecipe config = small_config();
    config.data.emplace<Relaxometry>().points = 16;
    config.hidden = {8, 9};
    config.activation = Activation::relu;
    config.output_activation = Activation::identity;
    config.initial = {Initialisation::fan_in, 0.1};
    config.loss = Loss::rmse;
    config.iterations = 300;
    config.control_iterations = 120;
    config.networks = 2;
    return config;
}

TEST(Train, ConditionsHaveTheirOwnDataAndNumbers) {
    const std::vector<MemberState> members = trained(small_relaxometry(), 2);
    ASSERT_EQ(members.size(), 4u * (2 + 1 + 1));
    std::set<std::uint64_t> numbers;
    for (const MemberState& member : members)
        numbers.insert(member.plan.member);
    EXPECT_EQ(numbers.size(), members.size());
    EXPECT_EQ(members[7].name, "007");
    EXPECT_EQ(members[7].plan.member, 3 * stream::condition + 1);  // nd_reg, SNR 30
    for (const MemberState& member : members)
        EXPECT_LT(member.loss.back(), member.loss.front()) << member.name;
    // one condition alone: the same network as among all of them
    TrainingRecipe alone = small_relaxometry();
    alone.data = with_condition(alone.data, 0);
    EXPECT_EQ(trained(alone, 1)[1].parameters, members[1].parameters);
    expect_same(trained(small_relaxometry(), 1), members);
}

TEST(Train, BandpassNetworksTrainToTheSameBitsForAnyNumberOfThreads) {
    TrainingRecipe config = small_config();
    Bandpass& bandpass = config.data.emplace<Bandpass>();
    bandpass.points = 64;
    bandpass.rate_hz = 64;
    bandpass.low_hz = 10;
    bandpass.high_hz = 20;
    bandpass.tones_hz = {5, 15, 25};
    config.output_activation = Activation::tanh;
    config.iterations = 200;
    config.control_iterations = 50;
    config.networks = 1;
    const std::vector<MemberState> members = trained(config, 2);
    expect_same(trained(config, 1), members);
    EXPECT_LT(members[0].loss.back(), 0.9 * members[0].loss.front());
}

// Trained once for all tests of the suite.
const std::vector<MemberState>& undisturbed_members() {
    static const std::vector<MemberState> members = trained(small_config(), 2);
    return members;
}

class CheckpointTest : public ::testing::Test {
protected:
    test::Scratch folder{"checkpoint"};
    TrainingRecipe config = small_config();
    const std::vector<MemberState>& undisturbed = undisturbed_members();

    std::vector<MemberState> load() {
        std::vector<MemberState> members = study_members(config);
        for (MemberState& member : members)
            if (auto stored = read_member(folder.path(), config, member.name, member.plan))
                member = std::move(*stored);
        return members;
    }
    // Trains until the stop has been asked for `polls` times.
    void interrupt_after(int polls) {
        std::vector<MemberState> members = load();
        int asked = 0;
        Progress progress;
        progress.stop = [&] { return ++asked >= polls; };
        EXPECT_THROW(train_members(members, config, Execution::on_cpu(2), folder.path(), progress), Stopped);
    }
};

TEST_F(CheckpointTest, AnInterruptedRunResumesToTheSameBits) {
    interrupt_after(2);  // asked before every round: one round is done
    interrupt_after(2);
    std::vector<MemberState> members = load();
    Index done = 0;
    for (const MemberState& member : members)
        done += member.iteration;
    EXPECT_GT(done, 0);
    EXPECT_LT(done, config.iterations * std::ssize(members));
    train_members(members, config, Execution::on_cpu(1), folder.path(), {});
    expect_same(members, undisturbed);
    expect_same(load(), undisturbed);
}

TEST_F(CheckpointTest, ALostMemberIsTrainedAgainToTheSameBits) {
    interrupt_after(2);
    std::filesystem::remove(member_path(folder.path(), "001"));
    std::vector<MemberState> members = load();
    train_members(members, config, Execution::on_cpu(2), folder.path(), {});
    expect_same(members, undisturbed);
}

TEST_F(CheckpointTest, AnotherConfigurationIsRefusedWithBothValues) {
    interrupt_after(2);
    config.rate = 0.02;
    try {
        (void)load();
        FAIL() << "accepted";
    } catch (const InputError& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find("rate = 0.01"), std::string::npos) << message;
        EXPECT_NE(message.find("rate = 0.02"), std::string::npos) << message;
    }
}

TEST_F(CheckpointTest, TasksAndTheirKeysBelongToTheFingerprint) {
    const TrainingRecipe before = small_relaxometry();
    const MemberPlan plan = study_members(before).front().plan;
    const auto differs = [&](auto&& change) {
        TrainingRecipe after = before;
        change(after);
        return member_fingerprint(before, plan) != member_fingerprint(after, plan);
    };
    EXPECT_TRUE(differs([](TrainingRecipe& c) { c.data = Bandpass{}; }));
    EXPECT_TRUE(differs([](TrainingRecipe& c) { std::get<Relaxometry>(c.data).snr = {100, 20}; }));
    EXPECT_TRUE(differs([](TrainingRecipe& c) { std::get<Relaxometry>(c.data).penalty = 1e-3; }));
    EXPECT_TRUE(differs([](TrainingRecipe& c) { c.loss = Loss::mse; }));
    EXPECT_TRUE(differs([](TrainingRecipe& c) { c.initial.first_scale = 1; }));
    EXPECT_TRUE(differs([](TrainingRecipe& c) { c.initial.kind = Initialisation::glorot; }));
    EXPECT_TRUE(differs([](TrainingRecipe& c) { c.bias = false; }));
    EXPECT_EQ(member_fingerprint(before, plan).find("bias"),
              std::string::npos);  // that of members before it was a field
    EXPECT_FALSE(differs([](TrainingRecipe& c) { c.untrained = 77; }));
}

TEST_F(CheckpointTest, WhatDoesNotTouchTheBitsMayChange) {
    interrupt_after(2);
    config.networks = 4;
    std::get<DeerTask>(config.data).tikhonov = 3;
    config.checkpoint_seconds = 17;
    EXPECT_NO_THROW((void)load());
}

TEST_F(CheckpointTest, AFlippedBitIsFound) {
    interrupt_after(2);
    MemberState member = load()[0];
    const auto path = member_path(folder.path(), "000");
    std::string bytes = read_file(path);
    // the parameters are stored in one piece: find the first of them
    const double value = member.parameters[0];
    const std::string needle(reinterpret_cast<const char*>(&value), sizeof value);
    const std::size_t at = bytes.find(needle);
    ASSERT_NE(at, std::string::npos);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file(path, bytes);
    EXPECT_THROW((void)load(), InputError);
    write_file(path, bytes.substr(0, bytes.size() / 2));
    EXPECT_THROW((void)load(), InputError);
}

TEST(Train, ALossThatIsNotFiniteNamesMemberAndIteration) {
    TrainingRecipe config = small_config();
    config.shuffled = config.no_decay = 0;
    config.output_activation = Activation::identity;
    config.activation = Activation::relu;
    config.rate = 10;
    config.decay = 1;
    std::vector<MemberState> members = study_members(config);
    for (double& w : members[1].parameters)
        w = 1e30;
    try {
        train_members(members, config, Execution::on_cpu(1), {}, {});
        FAIL() << "accepted";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("member 001"), std::string::npos) << error.what();
    }
}

TEST_F(CheckpointTest, ADamagedMemberIsToldAndTrainedAgainToTheSameBits) {
    interrupt_after(2);
    write_file(member_path(folder.path(), "001"), "no HDF5");
    std::vector<MemberState> members = study_members(config);
    std::vector<std::string> warnings;
    resume_members(members, folder.path(), config, "cpu", [&](const std::string& text) { warnings.push_back(text); });
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("001.h5"), std::string::npos) << warnings[0];
    EXPECT_EQ(members[1].iteration, 0);
    train_members(members, config, Execution::on_cpu(2), folder.path(), {});
    expect_same(members, undisturbed);
}

TEST_F(CheckpointTest, AMemberGoesOnOnlyOnTheKindOfDeviceThatBeganIt) {
    interrupt_after(2);
    std::vector<MemberState> members = load();
    EXPECT_EQ(members[0].device, "cpu");
    ASSERT_FALSE(members[0].finished());
    const auto resume = [&] {
        members = study_members(config);
        resume_members(members, folder.path(), config, "cpu", {});
    };
    members[0].device = "cuda (another)";
    write_member(folder.path(), config, members[0]);
    try {
        resume();
        FAIL() << "accepted";
    } catch (const OtherConfiguration& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("000.h5: begun on cuda (another), expected"), std::string::npos) << text;
        EXPECT_NE(text.find("not on cpu"), std::string::npos) << text;
    }
    MemberState finished = undisturbed[0];
    finished.device = "cuda (another)";
    write_member(folder.path(), config, finished);
    resume();  // what is finished serves everywhere
    EXPECT_TRUE(members[0].finished());
}

TEST_F(CheckpointTest, AMemberThatDivergesIsNamedAndDoesNotStopTheOthers) {
    std::vector<MemberState> members = load();
    ASSERT_GE(members.size(), 2u);
    for (double& w : members[1].parameters)
        w = std::numeric_limits<double>::infinity();  // its loss is NaN at once
    try {
        train_members(members, config, Execution::on_cpu(2), folder.path(), {});
        FAIL() << "trained";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("member 001: the loss is not finite at iteration 0"),
                  std::string::npos)
            << error.what();
    }
    const std::vector<MemberState> stored = load();
    EXPECT_TRUE(stored[0].finished());
    EXPECT_EQ(stored[0].parameters, undisturbed[0].parameters);
    EXPECT_EQ(stored[1].iteration, 0);
}

}  // namespace
}  // namespace descrambler

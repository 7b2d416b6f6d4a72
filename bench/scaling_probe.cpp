// What the model of bench/scaling.py needs to know of a machine: descrambler_scaling_probe, alone or under mpirun -n 2.
//   latency and bandwidth of a message between two ranks, as the Communicator sends it (median of the round trips / 2);
//   seconds per sample of the Gram matrix (n = 80 and 512, d = 256, after the activation), on one thread with inputs in
//   memory;
//   seconds to add two such sums.
// One JSON object on standard output of rank 0.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "descrambler/communicator.hpp"
#include "descrambler/gram.hpp"

namespace {

using namespace descrambler;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
    return values[values.size() / 2];
}

// Half a round trip of `bytes` between ranks 0 and 1.
double message_seconds(Communicator& ranks, std::size_t bytes, int trips) {
    const Communicator::Bytes content(bytes);
    std::vector<double> seconds;
    for (int i = 0; i < trips; ++i) {
        const Clock::time_point start = Clock::now();
        if (ranks.rank() == 0) {
            ranks.send(1, content);
            (void)ranks.receive(1);
        } else if (ranks.rank() == 1) {
            ranks.send(0, ranks.receive(0));
        }
        seconds.push_back(seconds_since(start) / 2);
    }
    return median(seconds);
}

double sample_seconds(Index n) {
    constexpr Index d = 256, samples = 32768;
    const auto on = make_cpu_backend<double>(1);
    Network network;
    network.layers.push_back(
        {Matrix<double>(n, d), std::vector<double>(static_cast<std::size_t>(n)), Activation::tanh});
    Matrix<double> X(d, samples);
    on->random_normal(1, 1, 0, network.layers[0].weight.view());
    on->random_normal(1, 2, 0, X.view());
    Streaming sums;
    sums.factor = false;
    std::vector<double> seconds;
    for (int i = 0; i < 7; ++i) {
        const Clock::time_point start = Clock::now();
        (void)tap_grams(std::span(&network, 1), {1, Tap::after}, library_of(X), Execution::on_cpu(1), sums);
        seconds.push_back(seconds_since(start) / static_cast<double>(samples));
    }
    return median(seconds);
}

double add_seconds(Index n) {
    std::vector<double> left(static_cast<std::size_t>(n + n * (n + 1) / 2), 1.0), right = left, seconds;
    for (int i = 0; i < 51; ++i) {
        const Clock::time_point start = Clock::now();
        std::ranges::transform(left, right, left.begin(), std::plus<>());
        seconds.push_back(seconds_since(start));
    }
    return left[0] > 0 ? median(seconds) : 0;
}

}  // namespace

int main() {
    const std::shared_ptr<Communicator> ranks = make_communicator();
    nlohmann::ordered_json out{{"ranks", ranks->size()}, {"processor", processor_name()}};
    if (ranks->size() > 1) {
        nlohmann::ordered_json messages = nlohmann::ordered_json::array();
        for (const std::size_t bytes :
             {std::size_t{8}, std::size_t{1} << 12, std::size_t{1} << 16, std::size_t{1} << 20, std::size_t{1} << 24})
            messages.push_back(
                {{"bytes", bytes}, {"seconds", message_seconds(*ranks, bytes, bytes > 100000 ? 21 : 201)}});
        out["messages"] = messages;
    }
    if (ranks->rank() == 0) {
        for (const auto& [name, n] : {std::pair{"n80", Index{80}}, std::pair{"n512", Index{512}}})
            out[name] = {{"sample_seconds", sample_seconds(n)}, {"add_seconds", add_seconds(n)}};
        std::printf("%s\n", out.dump(2).c_str());
    }
    ranks->barrier();
    return 0;
}

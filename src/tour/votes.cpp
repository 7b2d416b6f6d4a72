#include "tour/votes.hpp"

#include <algorithm>
#include <numeric>

namespace descrambler::tour {

Index top_of(const std::vector<double>& y) {
    return std::ranges::max_element(y) - y.begin();
}

VoteReading vote(const FrozenNetwork<double>& frozen, const Discussion<double>& discussion, const Subject& subject) {
    const std::vector<double>& y = frozen.output();
    std::vector<Index> labels(y.size());
    std::iota(labels.begin(), labels.end(), 0);
    std::ranges::stable_sort(labels, std::greater<>(), [&](Index j) { return y[static_cast<std::size_t>(j)]; });
    labels.resize(std::min<std::size_t>(labels.size(), voters));
    const Discussions found = discussion.of(labels);
    Votes votes(subject.input.height * subject.input.width);
    for (std::size_t k = 0; k < labels.size(); ++k)
        votes.add(labels[k], subject.pixels(found.maps.column(static_cast<Index>(k))));
    const std::vector<Index> all = votes.count(std::ssize(y));
    std::vector<Index> count;
    for (const Index j : labels)
        count.push_back(all[static_cast<std::size_t>(j)]);

    VoteReading result;
    result.label = labels.front();
    result.winner = votes.winner();
    result.share = static_cast<double>(count.front()) / static_cast<double>(result.winner.size());
    result.rank = 1 + std::ranges::count_if(count, [&](Index c) { return c > count.front(); });
    result.entropy = normalised_entropy(count);
    const Index height = subject.input.height, width = subject.input.width;
    double middle = 0;
    for (Index i = height / 4; i < height * 3 / 4; ++i)
        for (Index j = width / 4; j < width * 3 / 4; ++j)
            middle += result.winner[static_cast<std::size_t>(i * width + j)] == result.label ? 1 : 0;
    result.middle = count.front() > 0 ? middle / static_cast<double>(count.front()) : 0;
    return result;
}

}  // namespace descrambler::tour

// Parameters and moments of members where their backend computes, from one round of training to the next: nothing but
// losses crosses the border while the same members train.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "descrambler/backend.hpp"
#include "train/checkpoint.hpp"

namespace descrambler {

template <class T>
class Resident {
public:
    // count: parameters of a member
    Resident(Backend<T>& on, Index count) : on_(on), count_(count), host_(static_cast<std::size_t>(count)) {}

    // These members, in this order, until the next call; who leaves is brought up to date.
    void hold(std::span<MemberState* const> members) {
        if (std::ranges::equal(members, members_))
            return;
        fetch_all();
        members_.assign(members.begin(), members.end());
        const Index needed = count_ * std::ssize(members_);
        for (std::size_t part = 0; part < parts; ++part) {
            if (now_[part].size() < needed) {
                now_[part] = on_.allocate(needed);
                before_[part] = on_.allocate(needed);
            }
            for (std::size_t i = 0; i < members_.size(); ++i) {
                const std::vector<double>& from = members_[i]->*fields[part];
                std::ranges::transform(from, host_.begin(), [](double x) { return static_cast<T>(x); });
                on_.upload(host_.data(), view(part).item(static_cast<Index>(i)));
            }
        }
    }
    [[nodiscard]] Batch<T> parameters() const { return view(0); }
    [[nodiscard]] Batch<T> first_moment() const { return view(1); }
    [[nodiscard]] Batch<T> second_moment() const { return view(2); }

    // Before a round: remembers all as they are, for take_back.
    void begin() {
        for (std::size_t part = 0; part < parts; ++part)
            on_.axpby(T{1}, view(part), T{0}, all(before_[part]));
    }
    // Member i of those held as it was at the last begin().
    void take_back(std::size_t i) {
        const auto item = static_cast<Index>(i);
        for (std::size_t part = 0; part < parts; ++part)
            on_.axpby(T{1}, all(before_[part]).item(item), T{0}, view(part).item(item));
    }
    // Brings a member up to date, if it is held.
    void fetch(const MemberState& member) {
        for (std::size_t i = 0; i < members_.size(); ++i)
            if (members_[i] == &member)
                fetch_item(i);
    }
    void fetch_all() {
        for (std::size_t i = 0; i < members_.size(); ++i)
            fetch_item(i);
    }

private:
    static constexpr std::size_t parts = 3;
    static constexpr std::vector<double> MemberState::*fields[parts] = {
        &MemberState::parameters, &MemberState::first_moment, &MemberState::second_moment};

    [[nodiscard]] Batch<T> all(const Buffer<T>& buffer) const { return buffer.view(count_, 1, std::ssize(members_)); }
    [[nodiscard]] Batch<T> view(std::size_t part) const { return all(now_[part]); }
    void fetch_item(std::size_t i) {
        for (std::size_t part = 0; part < parts; ++part) {
            on_.download(Batch<const T>(view(part).item(static_cast<Index>(i))), host_.data());
            std::ranges::transform(host_, (members_[i]->*fields[part]).begin(),
                                   [](T x) { return static_cast<double>(x); });
        }
    }

    Backend<T>& on_;
    Index count_;
    std::vector<MemberState*> members_;
    Buffer<T> now_[parts], before_[parts];
    std::vector<T> host_;
};

}  // namespace descrambler

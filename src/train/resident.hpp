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
        if (std::ranges::equal(members, held_, {}, {}, &Held::member))
            return;
        fetch_all();
        held_.clear();  // nobody is held until all have their memory
        const Index count = std::ssize(members), needed = count_ * count;
        for (std::size_t part = 0; part < parts; ++part)
            for (Buffer<T>* buffer : {&now_[part], &before_[part]})
                if (buffer->size() < needed)
                    *buffer = on_.allocate(needed);
        for (std::size_t part = 0; part < parts; ++part) {
            const Batch<T> to = now_[part].view(count_, 1, count);
            for (Index i = 0; i < count; ++i) {
                const std::vector<double>& from = members[static_cast<std::size_t>(i)]->*fields[part];
                std::ranges::transform(from, host_.begin(), [](double x) { return static_cast<T>(x); });
                on_.upload(host_.data(), to.item(i));
            }
        }
        for (MemberState* member : members)
            held_.push_back({member, true});
    }
    [[nodiscard]] Batch<T> parameters() const { return view(0); }
    [[nodiscard]] Batch<T> first_moment() const { return view(1); }
    [[nodiscard]] Batch<T> second_moment() const { return view(2); }

    // Before a round, which changes all: remembers them as they are, for take_back.
    void begin() {
        for (Held& held : held_)
            held.fetched = false;
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
        for (std::size_t i = 0; i < held_.size(); ++i)
            if (held_[i].member == &member)
                fetch_item(i);
    }
    void fetch_all() {
        for (std::size_t i = 0; i < held_.size(); ++i)
            fetch_item(i);
    }

private:
    static constexpr std::size_t parts = 3;
    static constexpr std::vector<double> MemberState::*fields[parts] = {
        &MemberState::parameters, &MemberState::first_moment, &MemberState::second_moment};

    struct Held {
        MemberState* member;
        bool fetched;  // since the last round: it is up to date
    };
    [[nodiscard]] Batch<T> all(const Buffer<T>& buffer) const { return buffer.view(count_, 1, std::ssize(held_)); }
    [[nodiscard]] Batch<T> view(std::size_t part) const { return all(now_[part]); }
    void fetch_item(std::size_t i) {
        if (held_[i].fetched)
            return;
        for (std::size_t part = 0; part < parts; ++part) {
            on_.download(Batch<const T>(view(part).item(static_cast<Index>(i))), host_.data());
            std::ranges::transform(host_, (held_[i].member->*fields[part]).begin(),
                                   [](T x) { return static_cast<double>(x); });
        }
        held_[i].fetched = true;
    }

    Backend<T>& on_;
    Index count_;
    std::vector<Held> held_;
    Buffer<T> now_[parts], before_[parts];
    std::vector<T> host_;
};

}  // namespace descrambler

// Vectors of the native width, and the exchanges of their lanes that transforms need.
#pragma once

#include <cstring>
#include <utility>

#include "descrambler/array.hpp"

namespace descrambler::cpu {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#else
inline constexpr int vector_bytes = 32;
#endif
template <class T>
inline constexpr Index vector_lanes = vector_bytes / static_cast<int>(sizeof(T));

template <class T>
struct VectorOf {
    typedef T Type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vector = typename VectorOf<T>::Type;

template <class T>
inline Vector<T> load(const T* at) {
    Vector<T> value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
template <class T>
inline void store(T* at, const Vector<T>& value) {
    std::memcpy(at, &value, sizeof value);
}

namespace detail {

template <class T, class Rule, int... lane>
inline Vector<T> pick(const Vector<T>& a, const Vector<T>& b, Rule, std::integer_sequence<int, lane...>) {
    return __builtin_shufflevector(a, b, Rule::of(lane)...);
}
// Lane l of the result is number Rule::of(l) of the 2 lanes of a and b.
template <class Rule, class T>
inline Vector<T> picked(const Vector<T>& a, const Vector<T>& b) {
    return pick<T>(a, b, Rule{}, std::make_integer_sequence<int, static_cast<int>(vector_lanes<T>)>{});
}
template <int part>
struct EverySecond {
    static constexpr int of(int lane) { return 2 * lane + part; }
};
template <int lanes, int half>
struct Alternating {
    static constexpr int of(int lane) { return lane / 2 + lane % 2 * lanes + half * (lanes / 2); }
};
// Within pieces of `piece` lanes: runs of `run` lanes of a and b alternate, from the lower or the upper half of the piece.
template <int lanes, int piece, int run, int half>
struct Unpacked {
    static constexpr int of(int lane) {
        const int first = lane / piece * piece, unit = lane % piece / run;
        return first + unit / 2 * run + half * (piece / 2) + lane % run + unit % 2 * lanes;
    }
};
// Exchange of the runs of `run` lanes that are the upper ones of a with the lower ones of b.
template <int lanes, int run, int half>
struct Exchanged {
    static constexpr int of(int lane) {
        const bool upper = lane / run % 2 != 0;
        return half == 0 ? (upper ? lane - run + lanes : lane) : (upper ? lane + lanes : lane + run);
    }
};

}  // namespace detail

// Complex numbers z0 z1 ... in memory order (a before b) <-> their real and their imaginary parts.
template <class T>
inline void deinterleave(const Vector<T>& a, const Vector<T>& b, Vector<T>& re, Vector<T>& im) {
    re = detail::picked<detail::EverySecond<0>, T>(a, b);
    im = detail::picked<detail::EverySecond<1>, T>(a, b);
}
template <class T>
inline void interleave(const Vector<T>& re, const Vector<T>& im, Vector<T>& a, Vector<T>& b) {
    constexpr int lanes = static_cast<int>(vector_lanes<T>);
    a = detail::picked<detail::Alternating<lanes, 0>, T>(re, im);
    b = detail::picked<detail::Alternating<lanes, 1>, T>(re, im);
}

namespace detail {

template <class T, int run>
inline void exchange(Vector<T> (&rows)[vector_lanes<T>]) {
    constexpr int lanes = static_cast<int>(vector_lanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i)
        if ((i & run) == 0) {
            const Vector<T> a = rows[i], b = rows[i + run];
            rows[i] = picked<Exchanged<lanes, run, 0>, T>(a, b);
            rows[i + run] = picked<Exchanged<lanes, run, 1>, T>(a, b);
        }
}

}  // namespace detail

// Transposes the square of `lanes` vectors: first within pieces of 128 bits, then among these.
template <class T>
inline void transpose(Vector<T> (&rows)[vector_lanes<T>]) {
    using detail::picked;
    using detail::Unpacked;
    constexpr int lanes = static_cast<int>(vector_lanes<T>), piece = 16 / static_cast<int>(sizeof(T));
#pragma GCC unroll 16
    for (int i = 0; i < lanes; i += piece) {
        if constexpr (piece == 4) {
            const Vector<T> a = picked<Unpacked<lanes, 4, 1, 0>, T>(rows[i], rows[i + 1]),
                            b = picked<Unpacked<lanes, 4, 1, 1>, T>(rows[i], rows[i + 1]),
                            c = picked<Unpacked<lanes, 4, 1, 0>, T>(rows[i + 2], rows[i + 3]),
                            d = picked<Unpacked<lanes, 4, 1, 1>, T>(rows[i + 2], rows[i + 3]);
            rows[i] = picked<Unpacked<lanes, 4, 2, 0>, T>(a, c);
            rows[i + 1] = picked<Unpacked<lanes, 4, 2, 1>, T>(a, c);
            rows[i + 2] = picked<Unpacked<lanes, 4, 2, 0>, T>(b, d);
            rows[i + 3] = picked<Unpacked<lanes, 4, 2, 1>, T>(b, d);
        } else {
            const Vector<T> a = rows[i], b = rows[i + 1];
            rows[i] = picked<Unpacked<lanes, 2, 1, 0>, T>(a, b);
            rows[i + 1] = picked<Unpacked<lanes, 2, 1, 1>, T>(a, b);
        }
    }
    detail::exchange<T, piece>(rows);
    if constexpr (lanes / piece == 4)
        detail::exchange<T, 2 * piece>(rows);
}

}  // namespace descrambler::cpu

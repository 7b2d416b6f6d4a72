#include "descrambler/criterion.hpp"

#include <span>
#include <string>

#include "descrambler/error.hpp"

namespace descrambler {
namespace {

// The value of the name, or InputError "WHAT 'name': unknown, expected a, b or c".
template <class Enum>
Enum from_name(const char* what, std::string_view name, std::span<const Enum> known) {
    std::string expected;
    for (std::size_t i = 0; i < known.size(); ++i) {
        if (name == to_string(known[i]))
            return known[i];
        expected += (i == 0 ? "" : i + 1 == known.size() ? " or " : ", ") + std::string(to_string(known[i]));
    }
    throw InputError(std::string(what) + " '" + std::string(name) + "': unknown, expected " + expected);
}

}  // namespace

std::string_view to_string(Criterion c) {
    constexpr std::string_view names[] = {"smoothness", "joint", "mds", "mdn", "tv", "fourth", "user"};
    return names[static_cast<int>(c)];
}

std::string_view to_string(Method m) {
    constexpr std::string_view names[] = {"automatic", "closed", "riemannian", "cayley"};
    return names[static_cast<int>(m)];
}

std::string_view to_string(Balance b) {
    constexpr std::string_view names[] = {"norm", "trace", "none"};
    return names[static_cast<int>(b)];
}

std::string_view to_string(Start s) {
    constexpr std::string_view names[] = {"automatic", "identity", "closed", "random"};
    return names[static_cast<int>(s)];
}

Criterion criterion_from(std::string_view name) {
    constexpr Criterion known[] = {Criterion::smoothness, Criterion::joint, Criterion::mds,
                                   Criterion::mdn,        Criterion::tv,    Criterion::fourth};
    return from_name<Criterion>("criterion", name, known);
}

Method method_from(std::string_view name) {
    constexpr Method known[] = {Method::automatic, Method::closed, Method::riemannian, Method::cayley};
    return from_name<Method>("method", name, known);
}

Balance balance_from(std::string_view name) {
    constexpr Balance known[] = {Balance::norm, Balance::trace, Balance::none};
    return from_name<Balance>("balance", name, known);
}

Start start_from(std::string_view name) {
    constexpr Start known[] = {Start::automatic, Start::identity, Start::closed, Start::random};
    return from_name<Start>("start", name, known);
}

}  // namespace descrambler

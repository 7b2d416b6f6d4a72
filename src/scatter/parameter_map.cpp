#include "descrambler/parameter_map.hpp"

#include <map>
#include <tuple>

namespace descrambler {

namespace {

Sharing sharing_of(const Tying& tying, ParameterKind kind) {
    switch (kind) {
        case ParameterKind::theta:
            return tying.theta;
        case ParameterKind::log_sigma:
            return tying.sigma;
        case ParameterKind::log_xi:
            return tying.xi;
        case ParameterKind::log_slant:
            return tying.slant;
        default:
            return tying.real_family;
    }
}

}  // namespace

ParameterMap tie(const FilterBank& bank, const Tying& tying) {
    ParameterMap map;
    std::map<std::tuple<ParameterKind, Index, Index, Index>, Index> groups;
    std::vector<double> counts;
    for (const BankParameter& p : bank.parameters) {
        const Sharing sharing = sharing_of(tying, p.kind);
        if (sharing == Sharing::frozen) {
            map.variable.push_back(-1);
            continue;
        }
        const bool each_place =
            sharing == Sharing::free || p.kind == ParameterKind::angle || p.kind == ParameterKind::alpha;
        const auto [group, fresh] =
            groups.try_emplace({p.kind, p.layer, sharing == Sharing::shared ? 0 : p.scale, each_place ? p.place : -1},
                               std::ssize(map.start));
        if (fresh) {
            map.start.push_back(0);
            counts.push_back(0);
        }
        map.variable.push_back(group->second);
        map.start[group->second] += p.value;
        counts[group->second] += 1;
    }
    for (std::size_t v = 0; v < counts.size(); ++v)
        map.start[v] /= counts[v];
    for (std::size_t i = 0; i < bank.parameters.size(); ++i)
        map.offset.push_back(bank.parameters[i].value - (map.variable[i] < 0 ? 0 : map.start[map.variable[i]]));
    return map;
}

std::vector<double> expand(const ParameterMap& map, std::span<const double> variables) {
    require(variables.size() == map.start.size(), "parameter map: a value for every variable");
    std::vector<double> values = map.offset;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (map.variable[i] >= 0)
            values[i] += variables[map.variable[i]];
    return values;
}

std::vector<double> collect(const ParameterMap& map, std::span<const double> gradient) {
    require(gradient.size() == map.offset.size(), "parameter map: a derivative for every parameter");
    std::vector<double> sums(map.start.size());
    for (std::size_t i = 0; i < gradient.size(); ++i)
        if (map.variable[i] >= 0)
            sums[map.variable[i]] += gradient[i];
    return sums;
}

}  // namespace descrambler

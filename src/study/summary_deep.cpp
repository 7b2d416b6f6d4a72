// deep of summary.json: networks with more than one hidden layer.
#include "study/summary_parts.hpp"

namespace descrambler::json {

namespace {

template <class Item, class F>
Json by_group(const StudyData& study, const std::vector<std::vector<Item>>& groups, F&& value) {
    Json out = Json::object();
    for (std::size_t g = 0; g < study.groups.size(); ++g) {
        std::vector<double> values;
        for (const Item& item : groups[g])
            values.push_back(static_cast<double>(value(item)));
        out[study.groups[g].name] = spread(values);
    }
    return out;
}

Json tap(const StudyData& study, const DeepTap& tap, std::size_t number) {
    Json s = Json::object();
    for (std::size_t g = 0; g < study.groups.size(); ++g)
        s["within_" + study.groups[g].name] = spread(tap.within[g]);
    for (std::size_t g = 1; g < study.groups.size(); ++g)
        s["trained_against_" + study.groups[g].name] = spread(tap.against[g]);
    std::vector<std::vector<const Solution*>> solutions;
    for (const StudyGroup& group : study.groups) {
        solutions.emplace_back();
        for (std::size_t i = 0; i < group.networks.size(); ++i)
            solutions.back().push_back(&group.layers[number].networks[i].solution);
    }
    const auto reading = [&](double TapReading::*field) {
        return by_group(study, tap.groups, [field](const TapReading& r) { return r.*field; });
    };
    return {{"layer", tap.request.tap.at.layer},
            {"tap", to_string(tap.request.tap.at.side)},
            {"criterion", to_string(tap.request.criterion)},
            {"eta_gain_db", reading(&TapReading::eta_gain_db)},
            {"gap", by_group(study, solutions, [](const Solution* x) { return x->gap; })},
            {"rank", by_group(study, solutions, [](const Solution* x) { return x->rank; })},
            {"compactness_raw", reading(&TapReading::compactness_raw)},
            {"compactness", reading(&TapReading::compactness)},
            {"s", s}};
}

Json layer(const StudyData& study, const DeepLayer& layer) {
    Json out = {{"layer", layer.layer},
                {"outputs", layer.outputs},
                {"inputs", layer.inputs},
                {"effective_rank", by_group(study, layer.rank, [](double x) { return x; })},
                {"embedding", nullptr}};
    if (layer.embeddings.front().empty())
        return out;
    const auto share = [&](double Embedding::*field) {
        return by_group(study, layer.embeddings, [field](const Embedding& e) { return e.*field; });
    };
    out["embedding"] = {{"diagonal", share(&Embedding::diagonal)},
                        {"permutation", share(&Embedding::permutation)},
                        {"order", share(&Embedding::order)}};
    return out;
}

}  // namespace

Json deep(const StudyData& study) {
    if (study.deep.layers.empty())
        return nullptr;
    Json taps = Json::array(), layers = Json::array(), network = Json::object();
    for (std::size_t t = 0; t < study.deep.taps.size(); ++t)
        taps.push_back(tap(study, study.deep.taps[t], t));
    for (const DeepLayer& part : study.deep.layers)
        layers.push_back(layer(study, part));
    for (const auto& [name, unit] : {std::pair{"HFrej", "dB"},
                                     {"edge", "bin"},
                                     {"DCmarg", "dB"},
                                     {"g_dip_bg", "dB"},
                                     {"g_dip_noise", "dB"},
                                     {"J_MAE", "nm"},
                                     {"J_rank", "1"},
                                     {"Sturm6", "1"},
                                     {"DCT20", "1"},
                                     {"rank12", "1"}}) {
        std::vector<std::vector<double>> values;
        for (const StudyGroup& group : study.groups) {
            values.emplace_back();
            for (const NetworkReading& reading : group.readings)
                if (const auto found = reading.values.find(name); found != reading.values.end())
                    values.back().push_back(found->second.descrambled);
        }
        if (!values.front().empty()) {
            network[name] = by_group(study, values, [](double x) { return x; });
            network[name]["unit"] = unit;
        }
    }
    return {{"taps", taps}, {"layers", layers}, {"network", network}};
}

}  // namespace descrambler::json

// The arrays of study.h5 that belong to a task other than DEER, as docs/formats.md has them.
#include <algorithm>
#include <limits>

#include "descrambler/hdf5.hpp"
#include "study/study_steps.hpp"

namespace descrambler {

namespace {

// Equal matrices as [items, rows, cols].
void write_stack(const Hdf5Group& at, const std::string& name, const std::vector<const Matrix<double>*>& items,
                 const Label& label) {
    if (items.empty())
        return;
    std::vector<float> values;
    for (const Matrix<double>* item : items)
        for (Index i = 0; i < item->rows(); ++i)
            for (Index j = 0; j < item->cols(); ++j)
                values.push_back(static_cast<float>((*item)(i, j)));
    at.write(name, {std::ssize(items), items.front()->rows(), items.front()->cols()}, values.data(), label);
}

// Vectors as [items, longest], NaN behind the shorter ones.
void write_rows(const Hdf5Group& at, const std::string& name, const std::vector<std::vector<double>>& items,
                const Label& label) {
    std::size_t longest = 0;
    for (const auto& item : items)
        longest = std::max(longest, item.size());
    std::vector<double> values;
    for (const auto& item : items) {
        values.insert(values.end(), item.begin(), item.end());
        values.insert(values.end(), longest - item.size(), std::numeric_limits<double>::quiet_NaN());
    }
    if (longest > 0)
        at.write(name, {std::ssize(items), static_cast<Index>(longest)}, values.data(), label);
}

template <class Item>
std::vector<const Matrix<double>*> each(const std::vector<Item>& items, Matrix<double> Item::*field) {
    std::vector<const Matrix<double>*> result;
    for (const Item& item : items)
        result.push_back(&(item.*field));
    return result;
}

template <class Item>
std::vector<std::vector<double>> rows(const std::vector<Item>& items, std::vector<double> Item::*field) {
    std::vector<std::vector<double>> result;
    for (const Item& item : items)
        result.push_back(item.*field);
    return result;
}

void write_examples(const Hdf5Group& root, const StudyData& study) {
    const Hdf5Group at = root.create_group("examples");
    const auto put = [&](const char* name, const std::vector<Matrix<double>>& columns, const char* meaning) {
        std::vector<Matrix<double>> turned;
        for (const Matrix<double>& of : columns)
            turned.push_back(transpose(of));
        std::vector<const Matrix<double>*> items;
        for (const Matrix<double>& of : turned)
            items.push_back(&of);
        write_stack(at, name, items, {"1", meaning, "condition,sample,value"});
    };
    put("input", study.task.example_input, "validation inputs");
    put("target", study.task.example_target, "what was to be answered");
    put("output", study.task.example_output, "answers of the first network of the condition");
}

void write_relaxometry_readings(const Hdf5Group& root, const StudyData& study) {
    root.create_group("axes").write("time_ms", study.task.axis, {"ms", "times of a trace", "time"});
    for (const StudyGroup& group : study.groups) {
        const auto& items = group.biexponential;
        if (items.empty())
            continue;
        const Hdf5Group at = root.create_group("analysis/" + group.name);
        write_stack(at, "vectors", each(items, &BiexponentialReading::vectors),
                    {"1", "right singular vectors of W1", "network,input,j"});
        write_stack(at, "curves", each(items, &BiexponentialReading::curves),
                    {"1", "sums of two exponentials fitted to each half", "network,input,j"});
        write_stack(at, "r2", each(items, &BiexponentialReading::r2), {"1", "R2 of the fits", "network,half,j"});
        write_stack(at, "smoothed_r2", each(items, &BiexponentialReading::smoothed_r2),
                    {"1", "R2 of fits to the vectors smoothed over five points", "network,half,j"});
        write_stack(at, "sign_changes", each(items, &BiexponentialReading::sign_changes),
                    {"1", "sign changes of the smoothed vectors", "network,half,j"});
        write_rows(at, "singular_1", rows(items, &BiexponentialReading::singular),
                   {"1", "singular values of W1", "network,n"});
        std::vector<double> likeness;
        for (const BiexponentialReading& item : items)
            likeness.push_back(item.half_likeness);
        at.write("half_likeness", likeness, {"1", "|cosine| of the halves of the first vector", "network"});
        at.write("error_ms", group.error_ms, {"ms", "root mean square error on the validation traces", "network"});
    }
    const Hdf5Group at = root.create_group("curves");
    std::vector<std::string> names;
    std::vector<std::vector<double>> r2;
    for (const CurveScore& score : study.task.curves) {
        names.push_back(score.name);
        r2.push_back(score.r2);
    }
    for (std::size_t c = 0; c < study.task.components.size(); ++c)
        for (const CurveScore& score : study.task.components[c]) {
            names.push_back(score.name + " of " + condition_name(study.config, static_cast<Index>(c)));
            r2.push_back(score.r2);
        }
    at.write_text("name", names, {"1", "curves that no network has seen", "kind"});
    write_rows(at, "r2", r2, {"1", "R2 of two exponentials", "kind,curve"});
}

void write_bandpass_readings(const Hdf5Group& root, const StudyData& study) {
    const Hdf5Group axes = root.create_group("axes");
    axes.write("time_s", study.task.axis, {"s", "times of a trace", "time"});
    const double step = study.config.bandpass.rate_hz / static_cast<double>(study.config.bandpass.points);
    std::vector<double> frequency;
    for (Index k = 0; k <= study.config.bandpass.points / 2; ++k)
        frequency.push_back(static_cast<double>(k) * step);
    axes.write("frequency_hz", frequency, {"Hz", "frequencies of the gains", "bin"});
    const Index conditions = condition_count(study.config);
    for (const StudyGroup& group : study.groups) {
        const auto& items = group.response;
        if (items.empty())
            continue;
        const Hdf5Group at = root.create_group("analysis/" + group.name);
        write_rows(at, "weight_gain", rows(items, &ResponseReading::weight_gain),
                   {"1", "gain of W1, ||W1 e|| / sqrt N", "network,bin"});
        write_rows(at, "jacobian_gain", rows(items, &ResponseReading::jacobian_gain),
                   {"1", "gain of the mean Jacobian", "network,bin"});
        write_rows(at, "vector_share", rows(items, &ResponseReading::vector_share),
                   {"1", "energy of the right singular vectors of W1 inside the band", "network,j"});
        std::vector<const Matrix<double>*> raw, descrambled;  // of the first network of each condition
        for (Index c = 0; c < conditions; ++c) {
            const ResponseReading& first = items[range_of(items.size(), c, conditions).first];
            raw.push_back(&first.spectrum_raw);
            descrambled.push_back(&first.spectrum);
        }
        write_stack(at, "spectrum_raw", raw, {"1", "|FFT along time| of W1, first network", "condition,link,bin"});
        write_stack(at, "spectrum", descrambled,
                    {"1", "|FFT along time| of P W1, first network", "condition,link,bin"});
    }
}

}  // namespace

void write_task(const Hdf5Group& root, const StudyData& study) {
    root.attribute("", "task", std::string(to_string(study.config.task)));
    std::vector<std::string> names;
    for (Index c = 0; c < condition_count(study.config); ++c)
        names.push_back(condition_name(study.config, c));
    root.write_text("conditions", names, {"1", "data sets; networks of a group stand in their order", "condition"});
    write_examples(root, study);
    if (study.config.task == Task::relaxometry)
        write_relaxometry_readings(root, study);
    else
        write_bandpass_readings(root, study);
}

}  // namespace descrambler

// The DEER task: the fields of its database (descrambler/deer_database.hpp), and what a study asks for besides.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "descrambler/backend.hpp"
#include "descrambler/deer_database.hpp"
#include "tasks/field.hpp"

namespace descrambler {

struct DeerTask {
    static constexpr std::string_view task = "deer", section = "data";

    DeerDatabase database;
    Index tikhonov = 200;  // validation traces that the regularisation peer answers too; 0: none

    bool operator==(const DeerTask&) const = default;
};

[[nodiscard]] Fields fields(DeerDatabase& data);
[[nodiscard]] Fields fields(DeerTask& task);
void validate(const DeerTask& task);  // of the database
[[nodiscard]] Index input_count(const DeerTask& task);
[[nodiscard]] Index output_count(const DeerTask& task);
[[nodiscard]] Index condition_count(const DeerTask& task);                         // 1
[[nodiscard]] std::string condition_name(const DeerTask& task, Index condition);   // ""
[[nodiscard]] std::string condition_words(const DeerTask& task, Index condition);  // ""
[[nodiscard]] DeerTask with_condition(const DeerTask& task, Index condition);
// Drawn on the host or on a device.
template <class T>  // float, double
[[nodiscard]] std::unique_ptr<SampleSource<T>> sample_source(const DeerTask& task, Index condition);

}  // namespace descrambler

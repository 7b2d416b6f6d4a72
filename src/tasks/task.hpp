// What networks can be trained on. A task is a recipe (a struct), its fields and its samples; its readings stand in
// the rooms that read, draw and report. To add one: its files in this folder, and its recipe in TaskRecipe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tasks/bandpass.hpp"
#include "tasks/deer.hpp"
#include "tasks/relaxometry.hpp"

namespace descrambler {

// Every recipe has its name (R::task), the section of the configuration that holds it (R::section), and the functions
// below as overloads. The first is that of files without the name of a task.
using TaskRecipe = std::variant<DeerTask, Relaxometry, Bandpass>;

[[nodiscard]] std::vector<TaskRecipe> standard_recipes();         // one of every task
[[nodiscard]] TaskRecipe standard_recipe(std::string_view task);  // throws InputError with the known names
[[nodiscard]] std::string task_names();                           // "deer", "relaxometry" or "bandpass"
[[nodiscard]] std::string_view task_name(const TaskRecipe& recipe);
[[nodiscard]] std::string_view section_name(const TaskRecipe& recipe);

// Bound to the recipe as long as it keeps its task: those that decide the data, and counts of validation samples that a
// study asks for besides (in [analysis]).
[[nodiscard]] Fields data_fields(TaskRecipe& recipe);
[[nodiscard]] Fields study_fields(TaskRecipe& recipe);
// data.task, to be read only.
[[nodiscard]] Field task_field(const TaskRecipe& recipe);
void validate(const TaskRecipe& recipe);  // throws InputError "SECTION.FIELD: expected ..."
[[nodiscard]] Index input_count(const TaskRecipe& recipe);
[[nodiscard]] Index output_count(const TaskRecipe& recipe);

// Data sets that networks of one ensemble are trained on side by side; networks stand condition after condition.
[[nodiscard]] Index condition_count(const TaskRecipe& recipe);
[[nodiscard]] std::string condition_name(const TaskRecipe& recipe, Index condition);  // "" where there is only one
[[nodiscard]] std::string condition_words(const TaskRecipe& recipe, Index condition);
[[nodiscard]] TaskRecipe with_condition(const TaskRecipe& recipe, Index condition);  // of this one alone

// The samples of one condition. Throws InputError as validate.
template <class T>  // float, double
[[nodiscard]] std::unique_ptr<SampleSource<T>> sample_source(const TaskRecipe& recipe, Index condition);

// As /input has it, and back. task_recipe: nothing where the file names no task that is known; throws InputError "FILE:
// ..." for a field that is missing or outside its limits.
[[nodiscard]] Recipe to_recipe(const TaskRecipe& recipe);
[[nodiscard]] std::optional<TaskRecipe> task_recipe(const Recipe& recipe);
// That of an ensemble that was read from `path`, if it has one; also throws InputError where its networks are not as
// many for each condition.
struct Ensemble;
[[nodiscard]] std::optional<TaskRecipe> task_recipe(const Ensemble& ensemble, const std::string& path);

}  // namespace descrambler

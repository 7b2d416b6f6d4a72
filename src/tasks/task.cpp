#include "tasks/task.hpp"

#include <utility>

#include "descrambler/ensemble.hpp"

namespace descrambler {

namespace {

template <std::size_t... I>
std::vector<TaskRecipe> one_of_each(std::index_sequence<I...>) {
    return {TaskRecipe(std::in_place_index<I>)...};
}

Fields fields_of(TaskRecipe& recipe, bool stored) {
    Fields part = std::visit([](auto& of) { return fields(of); }, recipe);
    std::erase_if(part, [stored](const Field& field) { return field.stored != stored; });
    return part;
}

}  // namespace

std::vector<TaskRecipe> standard_recipes() {
    return one_of_each(std::make_index_sequence<std::variant_size_v<TaskRecipe>>());
}

std::string task_names() {
    const std::vector<TaskRecipe> all = standard_recipes();
    std::vector<std::string_view> names;
    for (const TaskRecipe& recipe : all)
        names.push_back(task_name(recipe));
    return either_of(names);
}

TaskRecipe standard_recipe(std::string_view task) {
    for (const TaskRecipe& recipe : standard_recipes())
        if (task_name(recipe) == task)
            return recipe;
    throw InputError("expected " + task_names() + ", found '" + std::string(task) + "'");
}

std::string_view task_name(const TaskRecipe& recipe) {
    return std::visit([](const auto& of) { return of.task; }, recipe);
}

std::string_view section_name(const TaskRecipe& recipe) {
    return std::visit([](const auto& of) { return of.section; }, recipe);
}

Fields data_fields(TaskRecipe& recipe) {
    return fields_of(recipe, true);
}

Fields study_fields(TaskRecipe& recipe) {
    return fields_of(recipe, false);
}

Field task_field(const TaskRecipe& recipe) {
    Field field{"data.task", "", "what the networks learn", task_names(), {}, {}};
    field.get = [&recipe] { return Value(std::string(task_name(recipe))); };
    return field;
}

void validate(const TaskRecipe& recipe) {
    std::visit([](const auto& of) { validate(of); }, recipe);
}

Index input_count(const TaskRecipe& recipe) {
    return std::visit([](const auto& of) { return input_count(of); }, recipe);
}

Index output_count(const TaskRecipe& recipe) {
    return std::visit([](const auto& of) { return output_count(of); }, recipe);
}

Index condition_count(const TaskRecipe& recipe) {
    return std::visit([](const auto& of) { return condition_count(of); }, recipe);
}

std::string condition_name(const TaskRecipe& recipe, Index condition) {
    return std::visit([&](const auto& of) { return condition_name(of, condition); }, recipe);
}

std::string condition_words(const TaskRecipe& recipe, Index condition) {
    return std::visit([&](const auto& of) { return condition_words(of, condition); }, recipe);
}

TaskRecipe with_condition(const TaskRecipe& recipe, Index condition) {
    return std::visit([&](const auto& of) { return TaskRecipe(with_condition(of, condition)); }, recipe);
}

template <class T>
std::unique_ptr<SampleSource<T>> sample_source(const TaskRecipe& recipe, Index condition) {
    return std::visit([&](const auto& of) { return sample_source<T>(of, condition); }, recipe);
}

template std::unique_ptr<SampleSource<float>> sample_source(const TaskRecipe&, Index);
template std::unique_ptr<SampleSource<double>> sample_source(const TaskRecipe&, Index);

Recipe to_recipe(const TaskRecipe& recipe) {
    TaskRecipe copy = recipe;
    Recipe stored = to_recipe(data_fields(copy));
    if (recipe.index() != 0)
        stored.entries.insert(stored.entries.begin(), {"task", std::string(task_name(recipe)), {}});
    return stored;
}

std::optional<TaskRecipe> task_recipe(const Recipe& recipe) {
    const Value* task = recipe.find("task");
    for (TaskRecipe& known : standard_recipes()) {
        const Fields list = data_fields(known);
        const bool named = task != nullptr && *task == Value(std::string(task_name(known))),
                   unnamed = task == nullptr && known.index() == 0 && recipe.find(list.front().key()) != nullptr;
        if (!named && !unnamed)
            continue;
        fill(list, recipe);
        try {
            validate(known);
        } catch (const InputError& error) {
            throw InputError(recipe.where + ": " + error.what());
        }
        return known;
    }
    return std::nullopt;
}

std::optional<TaskRecipe> task_recipe(const Ensemble& ensemble, const std::string& path) {
    if (!ensemble.recipe)
        return std::nullopt;
    std::optional<TaskRecipe> recipe = task_recipe(*ensemble.recipe);
    if (recipe && std::ssize(ensemble.networks) % condition_count(*recipe) != 0)
        throw InputError(path + ": /networks: expected as many networks of each of the " +
                         std::to_string(condition_count(*recipe)) + " conditions of /input, found " +
                         std::to_string(ensemble.networks.size()) + " together");
    return recipe;
}

}  // namespace descrambler

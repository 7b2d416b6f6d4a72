// Training draws samples at every step: once a source has drawn, drawing asks for no more memory. An executable of its
// own, because it counts what operator new is asked for.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tasks/task.hpp"

namespace {

constexpr std::size_t least = 200;  // bytes that count: any vector of a task has more, a message of require less
std::atomic<int> allocations = 0;

void* counted(std::size_t bytes, std::size_t alignment) {
    allocations += bytes >= least ? 1 : 0;
    if (void* const data = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment))
        return data;
    throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) {
    return counted(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return counted(bytes, static_cast<std::size_t>(alignment));
}
// Not inlined: the compiler takes a free beside a new that it has not inlined for a mistake.
[[gnu::noinline]] void operator delete(void* data) noexcept {
    std::free(data);
}
[[gnu::noinline]] void operator delete(void* data, std::size_t) noexcept {
    std::free(data);
}
[[gnu::noinline]] void operator delete(void* data, std::align_val_t) noexcept {
    std::free(data);
}
[[gnu::noinline]] void operator delete(void* data, std::size_t, std::align_val_t) noexcept {
    std::free(data);
}

namespace descrambler {
namespace {

TEST(SampleMemory, DrawsAskForNoneOnceTheyHaveBegun) {
    constexpr Index count = 40;  // more than a tile of any task holds, or not a whole number of them
    for (const TaskRecipe& recipe : standard_recipes())
        for (Index condition = 0; condition < condition_count(recipe); ++condition) {
            const auto on = make_cpu_backend<float>(1);
            const auto source = sample_source<float>(recipe, condition);
            Matrix<float> input(source->inputs(), count), target(source->outputs(), count);
            const auto draw = [&](Index first) { source->draw(*on, 1, 2, first, input.view(), target.view()); };
            draw(0);
            const int before = allocations;
            draw(count);
            draw(3 * count);
            const int after = allocations;
            EXPECT_GT(before, 0);
            EXPECT_EQ(after, before) << task_name(recipe) << " " << condition_name(recipe, condition);
        }
}

// What is kept with a backend from other sources and other samples does not show.
TEST(SampleMemory, WhatABackendDrewBeforeChangesNoBit) {
    std::vector<TaskRecipe> recipes = standard_recipes();
    Bandpass wide;
    wide.points = 1030;
    wide.high_hz = 210;
    Relaxometry coarse;
    coarse.points = 50;
    coarse.grid = 12;
    recipes.insert(recipes.end(), {wide, coarse, Bandpass(), Relaxometry()});
    const auto used = make_cpu_backend<double>(1);
    for (const TaskRecipe& recipe : recipes)
        for (Index condition = 0; condition < condition_count(recipe); ++condition) {
            const auto source = sample_source<double>(recipe, condition);
            const auto drawn = [&](Backend<double>& on, Index first) {
                Matrix<double> input(source->inputs(), 7), target(source->outputs(), 7);
                source->draw(on, 1, 2, first, input.view(), target.view());
                return std::pair(std::move(input), std::move(target));
            };
            for (const Index first : {Index{30}, Index{2}})
                EXPECT_EQ(drawn(*used, first), drawn(*make_cpu_backend<double>(1), first))
                    << task_name(recipe) << " " << condition_name(recipe, condition) << " " << first;
        }
}

}  // namespace
}  // namespace descrambler

// Members of a study on disk. Every member of the ensemble and every trained control has a file of its own,
// members/NAME.h5, that is found finished or not by its own content: parameters, both moments of Adam, the iteration
// reached and the loss so far, with a fingerprint of everything that decides its bits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "train/recipe.hpp"

namespace descrambler {

// One trained network in the making. `values` are stored in the training precision.
struct MemberState {
    std::string name;  // "000", "shuffled_000", "no_decay_000"
    MemberPlan plan;
    Index iteration = 0;                                          // finished steps
    std::vector<double> parameters, first_moment, second_moment;  // exact in f32 or f64
    std::vector<double> loss;                                     // mean over each recorded interval so far
    double loss_sum = 0;                                          // of the interval that is not complete
    Index loss_terms = 0;
    double seconds = 0;  // its share of the wall time of all runs that trained it
    std::string device;  // the kind that trains it (settle_device): another gives other bits; empty: none yet
    [[nodiscard]] bool finished() const { return iteration >= plan.iterations; }
};

// Text that decides the bits of a member: two members with equal fingerprints and plans are the same.
[[nodiscard]] std::string member_fingerprint(const TrainingRecipe& recipe, const MemberPlan& plan);

// A checkpoint of another configuration than the one to be continued; the message shows both values.
class OtherConfiguration : public InputError {
public:
    using InputError::InputError;
};

[[nodiscard]] std::filesystem::path member_path(const std::filesystem::path& folder, const std::string& name);
void write_member(const std::filesystem::path& folder, const TrainingRecipe& recipe, const MemberState& member);
// Nothing if the file does not exist. Throws InputError if it is damaged (checksum, shapes), OtherConfiguration if it
// belongs to one.
[[nodiscard]] std::optional<MemberState> read_member(const std::filesystem::path& folder, const TrainingRecipe& recipe,
                                                     const std::string& name, const MemberPlan& plan);

// Members that the folder holds take the place of fresh ones. Damaged files are reported to progress.warn, and their
// members start afresh. Throws OtherConfiguration also where an unfinished member was begun on another kind of device.
void resume_members(std::span<MemberState> members, const std::filesystem::path& folder, const TrainingRecipe& recipe,
                    const std::string& device, const std::function<void(const std::string&)>& warn);

}  // namespace descrambler

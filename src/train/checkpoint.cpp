#include "train/checkpoint.hpp"

#include <cmath>

#include "descrambler/hdf5.hpp"
#include "descrambler/mlp.hpp"
#include "io/checksum.hpp"
#include "io/text.hpp"

namespace descrambler {

namespace {

std::string checksum(const MemberState& member) {
    Checksum sum;
    sum.add(static_cast<std::uint64_t>(member.iteration));
    sum.add(member.loss_sum);
    sum.add(static_cast<std::uint64_t>(member.loss_terms));
    for (const auto* values : {&member.parameters, &member.first_moment, &member.second_moment, &member.loss})
        for (const double x : *values)
            sum.add(x);
    return sum.text();
}

}  // namespace

// The whole configuration, with what does not affect a member's bits set to fixed values, since such changes must not
// prevent a resume.
std::string member_fingerprint(const TrainingRecipe& recipe, const MemberPlan& plan) {
    TrainingRecipe own = recipe;
    own.networks = 1;
    own.untrained = own.shuffled = own.no_decay = 0;
    own.control_iterations = 1;
    own.checkpoint_seconds = 0;
    own.decay = plan.decay;
    Fields fields = data_fields(own.data);
    fields.insert(fields.begin(), task_field(own.data));
    for (Field& field : training_fields(own))
        if (field.name != "network.bias" || !own.bias)  // members from before it was a field go on
            fields.push_back(std::move(field));
    std::string analysis = "\n[analysis]\nlibrary = 2\nvalidation = 2\n";
    for (const Field& field : study_fields(own.data))
        analysis += field.key() + " = 0\n";
    analysis += "stencil = \"fourier2\"\njoint_lambda = 0.0\nchart_iterations = 0\nbootstrap = 0\n";
    return "title = \"\"\nseed = " + std::to_string(own.seed) + "\n" + to_toml(fields) + analysis +
           "\n[member]\nnumber = " + std::to_string(plan.member) + "\niterations = " + std::to_string(plan.iterations) +
           "\nshuffled = " + (plan.shuffled ? "true" : "false") + "\n";
}

std::filesystem::path member_path(const std::filesystem::path& folder, const std::string& name) {
    return folder / (name + ".h5");
}

void write_member(const std::filesystem::path& folder, const TrainingRecipe& recipe, const MemberState& member) {
    Hdf5File file = Hdf5File::create(member_path(folder, member.name).string());
    const Hdf5Group& root = file.root();
    root.write("parameters", member.parameters, {"1", "weights and biases, packed", "parameter"});
    root.write("first_moment", member.first_moment, {"1", "Adam's mean of the gradient", "parameter"});
    root.write("second_moment", member.second_moment, {"1", "Adam's mean of the squared gradient", "parameter"});
    root.write("loss", member.loss, {"1", "mean squared error, mean over each recorded interval", "interval"});
    root.attribute("", "iteration", static_cast<std::int64_t>(member.iteration));
    root.attribute("", "loss_sum", member.loss_sum);
    root.attribute("", "loss_terms", static_cast<std::int64_t>(member.loss_terms));
    root.attribute("", "seconds", member.seconds);
    root.attribute("", "device", member.device);
    root.attribute("", "fingerprint", member_fingerprint(recipe, member.plan));
    root.attribute("", "checksum", checksum(member));
    file.commit();
}

std::optional<MemberState> read_member(const std::filesystem::path& folder, const TrainingRecipe& recipe,
                                       const std::string& name, const MemberPlan& plan) {
    const std::string path = member_path(folder, name).string();
    if (!std::filesystem::exists(path))
        return std::nullopt;
    const Hdf5File file = Hdf5File::open(path);
    const Hdf5Group& root = file.root();
    MemberState member;
    member.name = name;
    member.plan = plan;
    const std::string wanted = member_fingerprint(recipe, plan), found = root.text_attribute("", "fingerprint");
    if (wanted != found)
        throw OtherConfiguration(
            path + ": belongs to another configuration: " + first_difference(found, wanted, "this study"));
    const double iteration = root.number_attribute("", "iteration");
    member.parameters = root.read_vector<double>("parameters");
    member.first_moment = root.read_vector<double>("first_moment");
    member.second_moment = root.read_vector<double>("second_moment");
    member.loss = root.read_vector<double>("loss");
    member.loss_sum = root.number_attribute("", "loss_sum");
    member.loss_terms = static_cast<Index>(root.number_attribute("", "loss_terms"));
    member.seconds = root.number_attribute("", "seconds");
    if (root.has_attribute("", "device"))
        member.device = root.text_attribute("", "device");
    const auto count = static_cast<std::size_t>(parameter_count(network_layers(recipe)));
    if (member.parameters.size() != count || member.first_moment.size() != count ||
        member.second_moment.size() != count)
        throw InputError(path + ": parameters: expected " + std::to_string(count) + " values, found " +
                         std::to_string(member.parameters.size()));
    if (!(iteration >= 0 && iteration <= static_cast<double>(plan.iterations)))
        throw InputError(path + ": iteration: expected 0 to " + std::to_string(plan.iterations));
    member.iteration = static_cast<Index>(iteration);
    if (root.text_attribute("", "checksum") != checksum(member))
        throw InputError(path + ": checksum: the content is damaged");
    return member;
}

void resume_members(std::span<MemberState> members, const std::filesystem::path& folder, const TrainingRecipe& recipe,
                    const std::string& device, const std::function<void(const std::string&)>& warn) {
    for (MemberState& member : members)
        try {
            auto stored = read_member(folder, recipe, member.name, member.plan);
            if (!stored)
                continue;
            if (!stored->finished() && !stored->device.empty() && stored->device != device)
                throw OtherConfiguration(member_path(folder, member.name).string() + ": begun on " + stored->device +
                                         ", expected to go on there, not on " + device);
            member = std::move(*stored);
        } catch (const OtherConfiguration&) {
            throw;
        } catch (const InputError& error) {
            if (warn)
                warn(std::string(error.what()) + "; member " + member.name + " is trained from its start");
        }
}

}  // namespace descrambler

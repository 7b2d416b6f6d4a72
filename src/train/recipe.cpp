#include "train/recipe.hpp"

namespace descrambler {

Fields training_fields(TrainingRecipe& r) {
    constexpr std::int64_t large = std::int64_t{1} << 40;
    const auto activation = [](FieldName name, Activation& value) {
        return choice_field<Activation>(
            std::move(name), value,
            {Activation::identity, Activation::tanh, Activation::logistic, Activation::softplus, Activation::relu},
            activation_from, [](Activation f) { return to_string(f); });
    };
    return {
        widths_field({"network.hidden", "", "widths of the hidden layers"}, r.hidden),
        activation({"network.activation", "", "of the hidden layers"}, r.activation),
        activation({"network.output_activation", "", "of the last layer"}, r.output_activation),
        flag_field({"network.renorm", "", "outputs divided by their mean"}, r.renorm),
        flag_field({"network.bias", "", "all layers have a bias; false: none has"}, r.bias),
        either_field({"network.initialisation", "", "range of the first weights"}, r.initial.kind,
                     Initialisation::glorot, "glorot", Initialisation::fan_in, "fan_in"),
        real_field({"network.first_weight_scale", "", "factor on the first weights of layer 1"}, r.initial.first_scale,
                   0, 1e3),
        whole_field({"training.iterations", "", "steps of a network"}, r.iterations, 1, large),
        whole_field({"training.batch_size", "", "fresh samples a step"}, r.batch_size, 1, 1 << 16),
        real_field({"training.rate", "", "rate of Adam at the start"}, r.rate, 1e-12, 10),
        real_field({"training.rate_floor", "", "rate at the end over that at the start"}, r.rate_floor, 0, 1),
        real_field({"training.decay", "", "L2 term of the gradient"}, r.decay, 0, 1),
        either_field({"training.loss", "", "mean squared error of a batch, or its square root"}, r.loss, Loss::mse,
                     "mse", Loss::rmse, "rmse"),
        either_field<std::string>({"training.precision", "", "of weights and samples"}, r.precision, "f32", "f32",
                                  "f64", "f64"),
        real_field({"training.checkpoint_seconds", "s", "time between two checkpoints of a network"},
                   r.checkpoint_seconds, 0, 1e9),
        whole_field({"ensemble.networks", "", "networks of each condition"}, r.networks, 1, 100000),
        whole_field({"controls.untrained", "", "untrained networks of each condition"}, r.untrained, 0, 1000),
        whole_field({"controls.shuffled", "", "networks of each condition trained on shuffled targets"}, r.shuffled, 0,
                    1000),
        whole_field({"controls.no_decay", "", "networks of each condition trained without decay"}, r.no_decay, 0, 1000),
        whole_field({"controls.iterations", "", "steps of a trained control, at most those of the ensemble"},
                    r.control_iterations, 1, large),
    };
}

std::vector<Layer> network_layers(const TrainingRecipe& recipe) {
    std::vector<Layer> layers;
    Index inputs = input_count(recipe.data);
    for (const Index width : recipe.hidden) {
        layers.push_back({inputs, width, recipe.activation, false, recipe.bias});
        inputs = width;
    }
    layers.push_back({inputs, output_count(recipe.data), recipe.output_activation, recipe.renorm, recipe.bias});
    return layers;
}

}  // namespace descrambler

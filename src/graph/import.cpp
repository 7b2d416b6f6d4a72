#include "graph/import.hpp"

#include <algorithm>
#include <cmath>

#include "core/finite.hpp"
#include "descrambler/random.hpp"
#include "graph/frozen_node.hpp"

namespace descrambler {

Operand constant_operand(Tensor tensor) {
    Operand result{nullptr, -1, tensor.shape, tensor.type};
    result.constant = std::make_shared<const Tensor>(std::move(tensor));
    return result;
}

namespace {

bool finite(const Tensor& numbers) {
    return std::visit([](const auto& list) { return all_finite(list); }, numbers.values);
}
bool finite(const Operator& op) {
    if (const auto* convolve = std::get_if<Convolve>(&op))
        return finite(convolve->weight) && all_finite(convolve->bias.values);
    if (const auto* product = std::get_if<Product>(&op))
        return finite(product->weight) && all_finite(product->bias.values);
    if (const auto* affine = std::get_if<Affine>(&op))
        return all_finite(affine->scale.values) && all_finite(affine->offset.values);
    if (const auto* norm = std::get_if<Normalise>(&op))
        return all_finite(norm->scale.values) && all_finite(norm->shift.values);
    if (const auto* sparse = std::get_if<Sparse>(&op))
        return all_finite(sparse->weight);
    const auto* unit = std::get_if<Pointwise>(&op);  // bounds may be infinite
    return unit == nullptr || (all_finite(unit->slope.values) && !std::isnan(unit->a) && !std::isnan(unit->b));
}

}  // namespace

Import::Import(const OnnxModel& model, const ImportOptions& options)
    : model_(model), options_(options), opset_(model.opset), host_(make_cpu_backend<double>(1)) {
    if (options_.assume_opset != 0) {
        if (opset_ <= newest_opset)
            throw InputError(model.path + ": opset " + std::to_string(opset_) +
                             " is read as it is; --assume-opset serves those newer than " +
                             std::to_string(newest_opset));
        opset_ = options_.assume_opset;
    }
    if (opset_ > newest_opset)
        throw InputError(model.path + ": opset " + std::to_string(opset_) + " is newer than " +
                         std::to_string(newest_opset) + "; --assume-opset " + std::to_string(newest_opset) +
                         " reads it as " + std::to_string(newest_opset));
}

void Import::refuse(const std::string& what) const {
    throw InputError(model_.path + ": node \"" + node_->name + "\" (" + node_->op + "): " + what);
}
void Import::remark(const std::string& what) {
    remarks_.emplace_back(node_->name, "node \"" + node_->name + "\" (" + node_->op + "): " + what);
}

bool Import::has(std::size_t input) const {
    return input < node_->inputs.size() && !node_->inputs[input].empty();
}
const Operand& Import::in(std::size_t input) const {
    if (!has(input))
        refuse("input " + std::to_string(input) + " is missing");
    const auto found = values_.find(node_->inputs[input]);
    if (found == values_.end())
        refuse("input " + node_->inputs[input] + " is an output that is not served");
    return found->second;
}
const Tensor& Import::constant(std::size_t input) const {
    const Operand& operand = in(input);
    if (operand.live())
        refuse("input " + std::to_string(input) + " (" + node_->inputs[input] +
               "): expected a constant, it hangs on the input");
    return *operand.constant;
}
std::vector<Index> Import::numbers(std::size_t input) const {
    const Tensor& tensor = constant(input);
    if (is_real(tensor.type))
        refuse("input " + std::to_string(input) + ": expected integers, found " + std::string(to_string(tensor.type)));
    return {tensor.integers().begin(), tensor.integers().end()};
}

template <class Value>
const Value* Import::attribute(const char* name) {
    known_.insert(name);
    for (const OnnxAttribute& found : node_->attributes)
        if (found.name == name) {
            const Value* value = std::get_if<Value>(&found.value);
            if (value == nullptr)
                refuse("attribute " + std::string(name) + " has another type than expected");
            return value;
        }
    return nullptr;
}
std::int64_t Import::integer(const char* name, std::int64_t otherwise) {
    const auto* value = attribute<std::int64_t>(name);
    return value != nullptr ? *value : otherwise;
}
double Import::real(const char* name, double otherwise) {
    const auto* value = attribute<float>(name);
    return value != nullptr ? static_cast<double>(*value) : otherwise;
}
std::string Import::text(const char* name, const char* otherwise) {
    const auto* value = attribute<std::string>(name);
    return value != nullptr ? *value : otherwise;
}
std::optional<std::vector<Index>> Import::list(const char* name) {
    const auto* value = attribute<std::vector<std::int64_t>>(name);
    return value != nullptr ? std::optional(std::vector<Index>(value->begin(), value->end())) : std::nullopt;
}
const Tensor* Import::tensor_attribute(const char* name) {
    return attribute<Tensor>(name);
}
const OnnxGraph* Import::graph_attribute(const char* name) {
    const auto* value = attribute<std::shared_ptr<const OnnxGraph>>(name);
    return value != nullptr ? value->get() : nullptr;
}
template const std::vector<float>* Import::attribute(const char*);

Operand Import::learnt(std::size_t input, Learnt kind, Index fan_in) {
    Operand operand = in(input);
    if (!options_.random_weights || operand.live())
        return operand;
    // weights as He et al. (ICCV 2015): the size of signals is kept through layers with a ReLU
    RandomStream random(options_.seed, stream::graph + drawn_++);
    std::vector<double> numbers(static_cast<std::size_t>(volume(operand.shape)));
    const double deviation = std::sqrt(2 / static_cast<double>(std::max<Index>(fan_in, 1)));
    for (double& number : numbers) {
        const double z = random.normal();
        number = kind == Learnt::weight ? deviation * z : kind == Learnt::bias ? .1 * z : std::exp(.1 * z);
    }
    return constant_operand(tensor(operand.shape, std::move(numbers)));
}

Index Import::axis(Index given, Index rank) const {
    const Index result = given < 0 ? given + rank : given;
    if (result < 0 || result >= rank)
        refuse("axis " + std::to_string(given) + " of a tensor of rank " + std::to_string(rank));
    return result;
}

Operand Import::add(Operator op, std::vector<Operand> inputs, Shape shape, int gate) {
    if (std::ranges::none_of(inputs, &Operand::live))
        return fold(op, inputs, std::move(shape), gate);
    std::vector<int> live;
    for (const Operand& input : inputs)
        live.push_back(input.live() ? input.value : append(Fixed{input.constant->as<double>()}, {}, input.shape, -1));
    const int value = append(std::move(op), std::move(live), shape, gate);
    return {nullptr, value, std::move(shape), ElementType::f32};
}

int Import::append(Operator op, std::vector<int> inputs, Shape shape, int gate) {
    // what is carried from place to place may be nothing, as the end of a slice; nothing else is made of it
    if (!std::holds_alternative<Move>(op)) {
        if (limited(shape) == 0)
            refuse("a value of shape " + to_string(shape) + ", expected one with numbers");
        for (const int input : inputs)
            if (volume(graph_.values[static_cast<std::size_t>(input)].shape) == 0)
                refuse("an input without numbers");
    }
    if (!finite(op))
        refuse("a constant that is not finite");
    const int value = static_cast<int>(graph_.values.size());
    if (std::holds_alternative<Softmax>(op) || std::holds_alternative<Fixed>(op) ||
        std::ranges::all_of(inputs, [&](int input) { return kept_.contains(input); }))
        kept_.insert(value);
    graph_.values.push_back({node_->outputs.empty() ? "" : node_->outputs[0], std::move(shape)});
    graph_.nodes.push_back({node_->name, node_->op, std::move(op), std::move(inputs), value, gate});
    return value;
}

// The same code that runs the graph computes constants, in double precision.
Operand Import::fold(const Operator& op, const std::vector<Operand>& inputs, Shape shape, int gate) {
    if (limited(shape) == 0)
        return constant_operand(tensor(std::move(shape), std::vector<double>()));
    Weights<double> weights(*host_);
    const FreezeOptions options;
    GraphNode made{node_->name, node_->op, op, {}, 0, gate};
    std::vector<std::vector<double>> held;
    for (const Operand& input : inputs)
        held.push_back(input.constant->as<double>());
    std::vector<double> result(static_cast<std::size_t>(volume(shape)));
    Freezing<double> here{
        *host_, weights, options, made, *host_, {}, Batch<double>(result.data(), std::ssize(result), 1)};
    for (const std::vector<double>& numbers : held)
        here.x.emplace_back(numbers.data(), std::ssize(numbers), 1);
    (void)std::visit([&](const auto& known) { return freeze<double>(known, here); }, made.op);
    Tensor folded = tensor(std::move(shape), std::move(result));
    // as the runtime of the file would: decisions of later shapes hang on the last digit
    if (std::ranges::all_of(inputs, [](const Operand& input) { return input.type == ElementType::f32; }))
        folded = tensor(folded.shape, folded.as<float>());
    return constant_operand(std::move(folded));
}

void Import::out(Operand operand, std::size_t output) {
    if (output >= node_->outputs.size() || node_->outputs[output].empty())
        return;
    // a value of this node that was reshaped on the way out has the shape of the file: windows follow its last axes
    if (operand.live() && !graph_.nodes.empty() && graph_.nodes.back().output == operand.value &&
        graph_.nodes.back().name == node_->name)
        graph_.values[static_cast<std::size_t>(operand.value)].shape = operand.shape;
    values_[node_->outputs[output]] = std::move(operand);
}
const Origin* Import::origin(const Operand& operand) const {
    const auto found = operand.live() ? origins_.find(operand.value) : origins_.end();
    return found == origins_.end() ? nullptr : &found->second;
}
void Import::set_origin(const Operand& operand, Origin origin) {
    if (operand.live())
        origins_[operand.value] = std::move(origin);
}
bool Import::same(const Operand& a, const Operand& b) const {
    return a.live() && b.live() && a.value == b.value && a.shape == b.shape;
}

// A value for an input of the file, in the type and with the extents that it declares.
Tensor Import::as_declared(const OnnxValue& input, Tensor value) const {
    const std::string where = model_.path + ": --set " + input.name;
    if (input.dims) {
        bool fits = input.dims->size() == value.shape.size();
        for (std::size_t i = 0; fits && i < value.shape.size(); ++i) {
            const Index* extent = std::get_if<Index>(&(*input.dims)[i]);
            fits = extent == nullptr || *extent == value.shape[i];
        }
        if (!fits)
            throw InputError(where + ": shape " + to_string(value.shape) + " is not what the input declares");
    }
    if (!input.type || is_real(*input.type) || !is_real(value.type))
        return value;
    for (const double number : value.as<double>())
        if (!(std::abs(number) < 0x1p53) || number != std::trunc(number))
            throw InputError(where + ": " + digits(number) + ", expected numbers of type " +
                             std::string(to_string(*input.type)));
    return {*input.type, value.shape, value.as<std::int64_t>()};
}

// Inputs of the file: bound to values, and one that is x0.
void Import::bind_inputs() {
    std::vector<const OnnxValue*> free;
    for (const auto& [name, value] : options_.set)
        if (std::ranges::none_of(model_.graph.inputs, [&name = name](const OnnxValue& v) { return v.name == name; }))
            throw InputError(model_.path + ": --set " + name + ": the network has no input of this name");
    for (const auto& [name, shape] : options_.shapes)
        if (std::ranges::none_of(model_.graph.inputs, [&name = name](const OnnxValue& v) { return v.name == name; }))
            throw InputError(model_.path + ": --shape " + name + ": the network has no input of this name");
    for (const OnnxValue& input : model_.graph.inputs) {
        const auto bound = options_.set.find(input.name);
        if (bound != options_.set.end())
            values_[input.name] = constant_operand(as_declared(input, bound->second));
        else
            free.push_back(&input);
    }
    choose_input(free);
}

void Import::choose_input(const std::vector<const OnnxValue*>& free) {
    const OnnxValue* chosen = nullptr;
    const auto shape_of = [&](const OnnxValue& value) {
        const auto given = options_.shapes.find(value.name);
        if (given != options_.shapes.end())
            return given->second;
        if (!value.dims)
            throw InputError(model_.path + ": input \"" + value.name + "\" has no shape; --shape " + value.name +
                             "=1x3x224x224 sets it");
        Shape shape;
        for (const auto& dim : *value.dims)
            if (const Index* number = std::get_if<Index>(&dim))
                shape.push_back(*number);
            else if (shape.empty())
                shape.push_back(1);  // the batch
            else
                throw InputError(model_.path + ": input \"" + value.name + "\": extent " +
                                 std::to_string(shape.size()) + " is free; --shape " + value.name +
                                 "=1x3x224x224 sets it");
        return shape;
    };
    const auto is_candidate = [](const OnnxValue* value) { return value->type && is_real(*value->type); };
    const auto is_free = [&](const OnnxValue* value) {  // an extent behind the batch
        if (options_.shapes.contains(value->name))
            return false;
        if (!value->dims)
            return true;
        for (std::size_t i = 1; i < value->dims->size(); ++i)
            if (!std::holds_alternative<Index>((*value->dims)[i]))
                return true;
        return false;
    };
    if (options_.input.empty() && std::ranges::count_if(free, is_candidate) > 1 && std::ranges::any_of(free, is_free)) {
        std::string names;
        for (const OnnxValue* value : free)
            names += (names.empty() ? "\"" : ", \"") + value->name + "\"";
        throw InputError(model_.path + ": inputs " + names +
                         " are not bound; --set NAME=FILE.npy binds all but one, --input-name names that one");
    }
    for (const OnnxValue* value : free) {
        if (!options_.input.empty() ? value->name == options_.input
                                    : value->type && is_real(*value->type) &&
                                          (chosen == nullptr || volume(shape_of(*value)) > volume(shape_of(*chosen))))
            chosen = value;
    }
    if (chosen == nullptr)
        throw InputError(model_.path + (options_.input.empty()
                                            ? ": no input of floating-point numbers"
                                            : ": --input-name " + options_.input + ": no input of this name"));
    for (const OnnxValue* value : free)
        if (value != chosen)
            throw InputError(model_.path + ": input \"" + value->name + "\" is not bound; --set " + value->name +
                             "=FILE.npy binds it");
    if (!chosen->type || !is_real(*chosen->type))
        throw InputError(model_.path + ": input \"" + chosen->name + "\": expected floating-point numbers");
    const Shape shape = shape_of(*chosen);
    (void)volume(shape);
    graph_.values.push_back({chosen->name, shape});
    values_[chosen->name] = {nullptr, 0, shape, *chosen->type};
}

void Import::lower(const OnnxNode& node) {
    node_ = &node;
    known_.clear();
    if (!node.domain.empty() && node.domain != "ai.onnx")
        refuse("an operator of domain \"" + node.domain + "\", known are those of ai.onnx");
    const OperatorEntry* entry = operator_entry(node.op);
    if (entry == nullptr) {
        const std::string reason = reason_against(node.op);
        refuse(reason.empty() ? "the operator is not known" : reason);
    }
    if (opset_ < entry->since)
        refuse("opset " + std::to_string(opset_) + " has another meaning of it, expected " +
               std::to_string(entry->since) + " or later");
    try {
        if (!whole_numbers(*this))
            entry->lower(*this);
    } catch (const InputError& error) {
        if (std::string_view(error.what()).starts_with(model_.path))
            throw;
        refuse(error.what());
    } catch (const std::exception& error) {  // too large, or of a kind that nobody has thought of
        refuse(std::string("cannot be read: ") + error.what());
    }
    for (const OnnxAttribute& found : node.attributes)
        if (!known_.contains(found.name))
            refuse("attribute " + found.name + " is not known");
    // masks and indices that nothing uses do no harm
    for (const std::string& output : node.outputs)
        if (!output.empty() && !values_.contains(output) &&
            std::ranges::any_of(model_.graph.outputs, [&](const OnnxValue& v) { return v.name == output; }))
            refuse("output " + output + " is not served");
}

void Import::inline_graph(const OnnxGraph& graph) {
    if (!graph.inputs.empty())
        refuse("a branch that has inputs of its own");
    const OnnxNode* const outer = node_;
    const std::set<std::string> known = known_;
    for (const auto& [name, value] : graph.constants)
        values_[name] = constant_operand(value);
    for (const OnnxNode& node : graph.nodes)
        lower(node);
    node_ = outer;
    known_ = known;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        if (!values_.contains(graph.outputs[i].name))
            refuse("output " + graph.outputs[i].name + " of a branch is made nowhere");
        out(values_.at(graph.outputs[i].name), i);
    }
}

Graph Import::run() {
    for (const auto& [name, value] : model_.graph.constants)
        values_[name] = constant_operand(value);
    bind_inputs();
    for (const OnnxNode& node : model_.graph.nodes)
        lower(node);
    return finish();
}

// The answer, and the nodes that it needs.
Graph Import::finish() {
    std::string name = options_.output;
    if (name.empty()) {
        if (model_.graph.outputs.size() != 1) {
            std::string all;
            for (const OnnxValue& output : model_.graph.outputs)
                all += (all.empty() ? "" : ", ") + output.name;
            throw InputError(model_.path + ": several outputs (" + all + "); --output-name chooses one");
        }
        name = model_.graph.outputs[0].name;
    }
    const auto found = values_.find(name);
    if (found == values_.end())
        throw InputError(model_.path + ": --output-name " + name + ": no value of this name");
    Operand answer = found->second;
    if (!answer.live())
        throw InputError(model_.path + ": output \"" + name + "\" does not hang on the input");
    if (options_.logits)
        if (const Origin* from = origin(answer);
            from != nullptr && (from->op == "Softmax" || from->op == "LogSoftmax")) {
            graph_.remarks.push_back("the last " + from->op + " is cut, the output is what enters it");
            answer = from->inputs[0];
        }
    graph_.output = answer.value;
    graph_.output_shape = answer.shape;
    std::set<int> needed{graph_.output};
    std::vector<GraphNode> kept;
    for (std::size_t n = graph_.nodes.size(); n-- > 0;) {
        GraphNode& node = graph_.nodes[n];
        if (!needed.contains(node.output))
            continue;
        needed.insert(node.inputs.begin(), node.inputs.end());
        kept.push_back(std::move(node));
    }
    std::ranges::reverse(kept);
    graph_.nodes = std::move(kept);
    for (const auto& [node, text] : remarks_)  // of nodes that are left
        if (std::ranges::any_of(graph_.nodes, [&node = node](const GraphNode& one) { return one.name == node; }))
            graph_.remarks.push_back(text);
    if (!needed.contains(graph_.input))
        throw InputError(model_.path + ": output \"" + name + "\" does not hang on the input");
    return std::move(graph_);
}

std::map<std::string, Tensor> Import::constants() {
    for (const auto& [name, value] : model_.graph.constants)
        values_[name] = constant_operand(value);
    for (const auto& [name, value] : options_.set)
        values_[name] = constant_operand(value);
    for (const OnnxValue& input : model_.graph.inputs)
        if (!values_.contains(input.name))
            throw InputError(model_.path + ": input \"" + input.name + "\" is not bound");
    for (const OnnxNode& node : model_.graph.nodes)
        lower(node);
    std::map<std::string, Tensor> result;
    for (const OnnxValue& output : model_.graph.outputs)
        result[output.name] = *values_.at(output.name).constant;
    return result;
}

Graph import_onnx(const OnnxModel& model, const ImportOptions& options) {
    return Import(model, options).run();
}

std::map<std::string, Tensor> evaluate_onnx(const OnnxModel& model, const ImportOptions& options) {
    return Import(model, options).constants();
}

}  // namespace descrambler

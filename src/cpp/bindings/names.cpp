#include "bindings/names.hpp"

namespace pymlp {

Activation activation_named(const std::string& name) {
    static const std::map<std::string, Activation> names{{"identity", Activation::identity},
                                                         {"logistic", Activation::logistic},
                                                         {"tanh", Activation::tanh},
                                                         {"relu", Activation::relu},
                                                         {"leaky_relu", Activation::leaky_relu},
                                                         {"elu", Activation::elu},
                                                         {"selu", Activation::selu},
                                                         {"gelu", Activation::gelu},
                                                         {"silu", Activation::silu},
                                                         {"mish", Activation::mish},
                                                         {"softplus", Activation::softplus},
                                                         {"hard_sigmoid", Activation::hard_sigmoid}};
    return named(names, "activation", name);
}

std::vector<Activation> activations_named(const std::vector<std::string>& names, std::size_t n_layers) {
    if (names.size() + 1 != n_layers && names.size() != n_layers)
        throw std::invalid_argument("activations must name one a hidden layer (" +
                                    std::to_string(n_layers - 1) + "), got " + std::to_string(names.size()) +
                                    ".");
    std::vector<Activation> activations;
    for (const std::string& name : names) activations.push_back(activation_named(name));
    return activations;
}

Loss loss_named(const std::string& name) {
    static const std::map<std::string, Loss> names{{"softmax_cross_entropy", Loss::softmax_cross_entropy},
                                                   {"softmax_focal", Loss::softmax_focal},
                                                   {"softmax_hinge", Loss::softmax_hinge},
                                                   {"logistic_cross_entropy", Loss::logistic_cross_entropy},
                                                   {"logistic_focal", Loss::logistic_focal},
                                                   {"logistic_hinge", Loss::logistic_hinge},
                                                   {"squared_error", Loss::squared_error},
                                                   {"absolute_error", Loss::absolute_error},
                                                   {"huber", Loss::huber},
                                                   {"pinball", Loss::pinball},
                                                   {"log_cosh", Loss::log_cosh},
                                                   {"poisson", Loss::poisson},
                                                   {"gamma", Loss::gamma}};
    return named(names, "loss", name);
}

namespace {
const std::map<std::string, Output> outputs{{"identity", Output::identity},
                                            {"softmax", Output::softmax},
                                            {"logistic", Output::logistic},
                                            {"exp", Output::exp}};
}  // namespace

Output output_named(const std::string& name) { return named(outputs, "output", name); }

std::string name_of(Output output) {
    for (const auto& [name, value] : outputs)
        if (value == output) return name;
    return {};
}

Solver solver_named(const std::string& name) {
    static const std::map<std::string, Solver> names{
        {"sgd", Solver::sgd},     {"adam", Solver::adam},       {"adamw", Solver::adamw},
        {"nadam", Solver::nadam}, {"rmsprop", Solver::rmsprop}, {"adagrad", Solver::adagrad},
        {"lion", Solver::lion}};
    return named(names, "solver", name);
}

}  // namespace pymlp

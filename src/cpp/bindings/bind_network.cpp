// Prediction from plain NumPy parameters.
#include <map>

#include "bindings/samples.hpp"

namespace pymlp {
namespace {

template <class E>
E named(const std::map<std::string, E>& names, const char* what, const std::string& name) {
    const auto found = names.find(name);
    if (found != names.end()) return found->second;
    std::string allowed;
    for (const auto& entry : names) allowed += (allowed.empty() ? "'" : ", '") + entry.first + "'";
    throw std::invalid_argument(std::string(what) + " must be one of " + allowed + ", got '" + name + "'.");
}

template <class T>
Array<T> predict_array(const std::vector<Array<T>>& coefs, const std::vector<Array<T>>& intercepts,
                       const py::object& x, const std::vector<std::string>& activations, const LossSpec& loss,
                       int n_threads) {
    const std::vector<LayerView<T>> layers = layer_views(coefs, intercepts);
    const std::vector<Activation> hidden = activations_named(activations, layers.size());
    expect_fitting(loss, layers.back().n_out);
    const RowsOf<T> rows(x, layers.front().n_in);
    const Index n = rows.n();
    Array<T> out({n, layers.back().n_out});
    T* predictions = out.mutable_data();
    {
        const py::gil_scoped_release unlocked;
        if (n <= few_rows) {
            predict_few(layers, hidden, loss, n, rows.rows(), predictions);
        } else {
            std::vector<Index> units{layers.front().n_in};
            for (const LayerView<T>& layer : layers) units.push_back(layer.n_out);
            Network<T> network(units, hidden, loss);
            load_layers(network.layers, layers);
            predict(network, n, rows.rows(), predictions, n_threads);
        }
    }
    return out;
}

template <class T>
void bind_predict(py::module_& m) {
    m.def("predict", &predict_array<T>, py::arg("coefs").noconvert(), py::arg("intercepts").noconvert(),
          py::arg("X"), py::arg("activations"), py::arg("loss"), py::arg("n_threads"),
          "Predictions (n, n_outputs) of a network given by its parameters. With as many activations as "
          "layers the last layer is activated, too.");
}

void bind_loss(py::module_& m) {
    static const std::map<Output, std::string> output_names{{Output::identity, "identity"},
                                                            {Output::softmax, "softmax"},
                                                            {Output::logistic, "logistic"},
                                                            {Output::exp, "exp"}};
    py::class_<LossSpec>(m, "Loss", "A loss and its settings.")
        .def(py::init([](const std::string& kind, std::vector<Index> groups, double smoothing,
                         double focusing, double delta, std::vector<double> quantiles) {
                 return LossSpec{loss_named(kind),    std::move(groups), smoothing, focusing, delta,
                                 std::move(quantiles)};
             }),
             py::arg("kind"), py::kw_only(), py::arg("groups") = std::vector<Index>{},
             py::arg("smoothing") = 0.0, py::arg("focusing") = 2.0, py::arg("delta") = 1.0,
             py::arg("quantiles") = std::vector<double>{})
        .def_property_readonly("output",
                               [](const LossSpec& loss) { return output_names.at(output_of(loss.kind)); });
}

}  // namespace

Activation activation_named(const std::string& name) {
    return named<Activation>({{"identity", Activation::identity},
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
                              {"hard_sigmoid", Activation::hard_sigmoid}},
                             "activation", name);
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
    return named<Loss>({{"softmax_cross_entropy", Loss::softmax_cross_entropy},
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
                        {"gamma", Loss::gamma}},
                       "loss", name);
}

void expect_fitting(const LossSpec& loss, Index n_outputs) {
    const std::vector<Index>& groups = loss.groups;
    bool sound = groups.empty() || (groups.size() > 1 && groups.front() == 0 && groups.back() == n_outputs);
    for (std::size_t g = 0; sound && g + 1 < groups.size(); ++g) sound = groups[g] < groups[g + 1];
    if (!sound)
        throw std::invalid_argument("groups must ascend from 0 to the number of outputs, " +
                                    std::to_string(n_outputs) + ".");
    const auto quantiles = static_cast<Index>(loss.quantiles.size());
    if (loss.kind == Loss::pinball ? quantiles != n_outputs : quantiles != 0)
        throw std::invalid_argument("quantiles must be one an output (" + std::to_string(n_outputs) +
                                    ") for pinball, and none otherwise, got " + std::to_string(quantiles) +
                                    ".");
}

Output output_named(const std::string& name) {
    return named<Output>({{"identity", Output::identity},
                          {"softmax", Output::softmax},
                          {"logistic", Output::logistic},
                          {"exp", Output::exp}},
                         "output", name);
}

Solver solver_named(const std::string& name) {
    return named<Solver>({{"sgd", Solver::sgd},
                          {"adam", Solver::adam},
                          {"adamw", Solver::adamw},
                          {"nadam", Solver::nadam},
                          {"rmsprop", Solver::rmsprop},
                          {"adagrad", Solver::adagrad},
                          {"lion", Solver::lion}},
                         "solver", name);
}

}  // namespace pymlp

void bind_network(pybind11::module_& m) {
    pymlp::bind_loss(m);
    pymlp::bind_predict<float>(m);
    pymlp::bind_predict<double>(m);
}

// Prediction from plain NumPy parameters.
#include <map>

#include "bindings/arrays.hpp"

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
Network<T> packed(const std::vector<LayerView<T>>& layers, Activation activation, Loss loss) {
    std::vector<Index> units{layers.front().n_in};
    for (const LayerView<T>& layer : layers) units.push_back(layer.n_out);
    Network<T> network(units, activation, loss);
    load_layers(network.layers, layers);
    return network;
}

template <class T>
Array<T> predict_array(const std::vector<Array<T>>& coefs, const std::vector<Array<T>>& intercepts,
                       const Array<T>& x, const std::string& activation, const std::string& loss,
                       int n_threads) {
    const std::vector<LayerView<T>> layers = layer_views(coefs, intercepts);
    const Activation hidden = activation_named(activation);
    const Loss kind = loss_named(loss);
    if (x.ndim() != 2)
        throw std::invalid_argument("X must have 2 dimensions, got shape " + shape_text(x) + ".");
    expect_shape(x, "X", {x.shape(0), layers.front().n_in});
    const Index n = x.shape(0);
    Array<T> out({n, layers.back().n_out});
    const T* rows = x.data();
    T* predictions = out.mutable_data();
    {
        const py::gil_scoped_release unlocked;
        if (n <= few_rows)
            predict_few(layers, hidden, kind, n, rows, predictions);
        else
            predict(packed(layers, hidden, kind), n, rows, predictions, n_threads);
    }
    return out;
}

template <class T>
void bind_predict(py::module_& m) {
    m.def("predict", &predict_array<T>, py::arg("coefs").noconvert(), py::arg("intercepts").noconvert(),
          py::arg("X").noconvert(), py::arg("activation"), py::arg("loss"), py::arg("n_threads"),
          "Predictions (n, n_outputs) of a network given by its parameters.");
}

}  // namespace

Activation activation_named(const std::string& name) {
    return named<Activation>({{"identity", Activation::identity},
                              {"logistic", Activation::logistic},
                              {"tanh", Activation::tanh},
                              {"relu", Activation::relu}},
                             "activation", name);
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

Output output_named(const std::string& name) {
    return named<Output>({{"identity", Output::identity},
                          {"softmax", Output::softmax},
                          {"logistic", Output::logistic},
                          {"exp", Output::exp}},
                         "output", name);
}

Solver solver_named(const std::string& name) {
    return named<Solver>({{"sgd", Solver::sgd}, {"adam", Solver::adam}}, "solver", name);
}

}  // namespace pymlp

void bind_network(pybind11::module_& m) {
    pymlp::bind_predict<float>(m);
    pymlp::bind_predict<double>(m);
}

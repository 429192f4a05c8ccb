// Losses, and prediction from plain NumPy parameters.
#include "bindings/names.hpp"
#include "bindings/samples.hpp"

namespace pymlp {
namespace {

template <class T>
Array<T> predict_array(const std::vector<Array<T>>& coefs, const std::vector<Array<T>>& intercepts,
                       const py::object& x, const std::vector<std::string>& activations,
                       const LossSpec& given, int n_threads) {
    const std::vector<LayerView<T>> layers = layer_views(coefs, intercepts);
    const std::vector<Activation> hidden = activations_named(activations, layers.size());
    const LossSpec loss = fitted(given, layers.back().n_out);
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
            predict(network, n, rows.rows(), nullptr, predictions, n_threads);
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
    py::class_<LossSpec>(m, "Loss", "A loss and its settings.")
        .def(py::init([](const std::string& kind, std::vector<Index> groups, double smoothing,
                         double focusing, double delta, std::vector<double> quantiles) {
                 return LossSpec{loss_named(kind),    std::move(groups), smoothing, focusing, delta,
                                 std::move(quantiles)};
             }),
             py::arg("kind"), py::kw_only(), py::arg("groups") = std::vector<Index>{},
             py::arg("smoothing") = 0.0, py::arg("focusing") = 2.0, py::arg("delta") = 1.0,
             py::arg("quantiles") = std::vector<double>{})
        .def_property_readonly("output", [](const LossSpec& loss) { return name_of(output_of(loss.kind)); });
}

}  // namespace

LossSpec fitted(LossSpec loss, Index n_outputs) {
    if (loss.groups.empty()) loss.groups = {0, n_outputs};
    const std::vector<Index>& groups = loss.groups;
    bool sound = groups.size() > 1 && groups.front() == 0 && groups.back() == n_outputs;
    for (std::size_t g = 0; sound && g + 1 < groups.size(); ++g) sound = groups[g] < groups[g + 1];
    if (!sound)
        throw std::invalid_argument("groups must ascend from 0 to the number of outputs, " +
                                    std::to_string(n_outputs) + ".");
    const auto quantiles = static_cast<Index>(loss.quantiles.size());
    if (loss.kind == Loss::pinball ? quantiles != n_outputs : quantiles != 0)
        throw std::invalid_argument("quantiles must be one an output (" + std::to_string(n_outputs) +
                                    ") for pinball, and none otherwise, got " + std::to_string(quantiles) +
                                    ".");
    return loss;
}

}  // namespace pymlp

void bind_network(pybind11::module_& m) {
    pymlp::bind_loss(m);
    pymlp::bind_predict<float>(m);
    pymlp::bind_predict<double>(m);
}

// Losses, and prediction from NumPy parameters.
#include <type_traits>

#include "bindings/interrupts.hpp"
#include "bindings/options.hpp"
#include "bindings/samples.hpp"

namespace pymlp {
namespace {

// False, and no predictions, if `only_finite` and x, which is plain, is not finite.
template <class T>
bool predict_rows(const NetworkView<T>& view, const Dataset<T>& data, T* predictions, int n_threads,
                  bool bf16, bool only_finite = false) {
    bf16 = bf16 && std::is_same_v<T, float>;
    if (data.n <= few_rows) {
        const Unlocked unlocked;
        if (only_finite && !kernels<T>().all_finite(data.n * data.x.n_features, data.x.values)) return false;
        if constexpr (std::is_same_v<T, float>)
            if (bf16) return predict_few<Bf16Pair>(view, data, predictions, n_threads), true;
        predict_few<T>(view, data, predictions, n_threads);
        return true;
    }
    std::vector<Index> units{view.n_features()};
    for (const LayerView<T>& layer : view.layers) units.push_back(layer.n_out);
    return interruptibly([&](const Interrupted& interrupted) {
        Network<T> network(units, view.activations, view.loss);
        load_layers(network.layers, view.layers);
        if constexpr (std::is_same_v<T, float>)
            if (bf16)
                return predict<Bf16Pair>(network, data, predictions, n_threads, interrupted, only_finite);
        return predict<T>(network, data, predictions, n_threads, interrupted, only_finite);
    });
}

template <class T>
NetworkView<T> network_view(std::vector<LayerView<T>> layers, const std::vector<std::string>& activations,
                            const LossSpec& loss) {
    NetworkView<T> network;
    network.activations = activations_named(activations, layers.size());
    network.loss = fitted(loss, layers.back().n_out);
    network.layers = std::move(layers);
    return network;
}

template <class T>
Array<T> predict_array(const std::vector<Array<T>>& coefs, const std::vector<Array<T>>& intercepts,
                       const py::object& x, const std::vector<std::string>& activations, const LossSpec& loss,
                       int n_threads, bool bf16) {
    const NetworkView<T> network = network_view(layer_views(coefs, intercepts), activations, loss);
    const RowsOf<T> rows(x, network.n_features());
    Array<T> out({rows.n(), network.n_outputs()});
    predict_rows(network, rows.dataset(), out.mutable_data(), n_threads, bf16);
    return out;
}

// The items of a list of nothing but plain arrays, else none of them.
template <class T>
std::vector<Array<T>> plain_arrays(const py::object& list) {
    std::vector<Array<T>> arrays;
    if (!py::isinstance<py::list>(list)) return {};
    for (const py::handle item : py::reinterpret_borrow<py::list>(list)) {
        if (!is_plain<T>(item)) return {};
        arrays.push_back(py::reinterpret_borrow<Array<T>>(item));
    }
    return arrays;
}

template <class T>
py::object predict_plain(const py::object& coefs, const py::object& intercepts, const py::array& x,
                         const std::vector<Index>& units, const std::vector<std::string>& activations,
                         const LossSpec& loss, std::size_t n_layers, int n_threads, bool bf16) {
    const std::vector<Array<T>> weights = plain_arrays<T>(coefs), biases = plain_arrays<T>(intercepts);
    if (weights.size() + 1 != units.size() || x.ndim() != 2 || x.shape(0) < 1) return py::none();
    std::vector<LayerView<T>> layers = layer_views(weights, biases);
    bool same = x.shape(1) == layers.front().n_in && (units.front() == 0 || units.front() == x.shape(1));
    for (std::size_t l = 0; l < layers.size(); ++l)
        same = same && (units[l + 1] == 0 || units[l + 1] == layers[l].n_out);
    if (!same) return py::none();
    layers.resize(n_layers);
    const NetworkView<T> network = network_view(std::move(layers), activations, loss);
    Dataset<T> data;
    data.n = x.shape(0);
    data.x.n_features = x.shape(1);
    data.x.values = static_cast<const T*>(x.data());
    Array<T> out({data.n, network.n_outputs()});
    const bool finite = predict_rows(network, data, out.mutable_data(), n_threads, bf16, true);
    const bool sound = finite && kernels<T>().all_finite(out.size(), out.data());
    return sound ? py::object(std::move(out)) : py::none();
}

py::object predict_as_is(const py::object& coefs, const py::object& intercepts, const py::array& x,
                         const std::vector<Index>& units, const std::vector<std::string>& activations,
                         const LossSpec& loss, std::size_t n_layers, int n_threads, bool bf16) {
    try {
        if (is_plain<float>(x))
            return predict_plain<float>(coefs, intercepts, x, units, activations, loss, n_layers, n_threads,
                                        bf16);
        if (is_plain<double>(x))
            return predict_plain<double>(coefs, intercepts, x, units, activations, loss, n_layers, n_threads,
                                         bf16);
    } catch (const std::invalid_argument&) {  // the estimator's own checks have better words
    }
    return py::none();
}

template <class T>
void bind_predict(py::module_& m) {
    m.def("predict", &predict_array<T>, py::arg("coefs").noconvert(), py::arg("intercepts").noconvert(),
          py::arg("X"), py::arg("activations"), py::arg("loss"), py::arg("n_threads"), py::arg("bf16"),
          "Predictions (n, n_outputs) of a network given by its parameters. With as many activations as "
          "layers the last layer is activated, too.");
}

void bind_predict_as_is(py::module_& m) {
    m.def("predict_as_is", &predict_as_is, py::arg("coefs"), py::arg("intercepts"), py::arg("X"),
          py::arg("units"), py::arg("activations"), py::arg("loss"), py::arg("n_layers"),
          py::arg("n_threads"), py::arg("bf16"),
          "Outputs (n, n_units) of the first n_layers of a network of so many units (0: any), or None unless "
          "parameters and X are plain arrays of one floating-point type and X and outputs are finite.");
}

void bind_loss(py::module_& m) {
    py::class_<LossSpec>(m, "Loss", "A loss and its settings.")
        .def(py::init(&loss_of), py::arg("kind"))
        .def_property_readonly("output", [](const LossSpec& loss) { return name_of(output_of(loss.kind)); });
}

}  // namespace

LossSpec loss_of(const std::string& kind, const py::kwargs& settings) {
    static const Setters<LossSpec> setters{{"groups", &LossSpec::groups},
                                           {"smoothing", &LossSpec::smoothing},
                                           {"focusing", &LossSpec::focusing},
                                           {"delta", &LossSpec::delta},
                                           {"quantiles", &LossSpec::quantiles}};
    LossSpec loss;
    loss.kind = loss_named(kind);
    fill(loss, setters, settings);
    return loss;
}

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
    pymlp::bind_predict_as_is(m);
}

// Checks between Python's arrays and the kernels' pointers: no silent copy, no trust in shapes.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "network/network.hpp"

namespace pymlp {

namespace py = pybind11;

// Arguments of this type are bound with noconvert(): another dtype or order is a TypeError, not a copy.
template <class T>
using Array = py::array_t<T, py::array::c_style>;

// An array of T that can be read as it lies.
template <class T>
bool is_plain(py::handle object) {
    return py::isinstance<Array<T>>(object) &&
           (py::reinterpret_borrow<py::array>(object).flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_);
}

inline std::string shape_text(const py::array& a) {
    std::string text = "(";
    for (py::ssize_t i = 0; i < a.ndim(); ++i) text += (i ? ", " : "") + std::to_string(a.shape(i));
    return text + ")";
}

inline void expect_shape(const py::array& a, const char* name, const std::vector<py::ssize_t>& shape) {
    bool same = a.ndim() == static_cast<py::ssize_t>(shape.size());
    for (py::ssize_t i = 0; same && i < a.ndim(); ++i)
        same = a.shape(i) == shape[static_cast<std::size_t>(i)];
    if (same) return;
    std::string expected = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) expected += (i ? ", " : "") + std::to_string(shape[i]);
    throw std::invalid_argument(std::string(name) + " must have shape " + expected + "), got " +
                                shape_text(a) + ".");
}

// What may be given beside the rows of X: their weights (n rows), and the row of each sample (n).
template <class T>
using Weights = std::optional<Array<T>>;
using Order = std::optional<Array<std::int64_t>>;

template <class T>
const T* data_or_null(const std::optional<Array<T>>& a) {
    return a ? a->data() : nullptr;
}

// Lists of weights (n_in, n_out) and biases (n_out), each of which must fit its neighbour.
template <class T>
std::vector<LayerView<T>> layer_views(const std::vector<Array<T>>& coefs,
                                      const std::vector<Array<T>>& intercepts) {
    if (coefs.empty() || coefs.size() != intercepts.size())
        throw std::invalid_argument("coefs_ and intercepts_ must have one array a layer, got " +
                                    std::to_string(coefs.size()) + " and " +
                                    std::to_string(intercepts.size()) + ".");
    std::vector<LayerView<T>> layers;
    for (std::size_t l = 0; l < coefs.size(); ++l) {
        const Array<T>& w = coefs[l];
        if (w.ndim() != 2 || w.shape(0) < 1 || w.shape(1) < 1)
            throw std::invalid_argument("coefs_ must be non-empty matrices, got shape " + shape_text(w) +
                                        ".");
        expect_shape(w, "coefs_", {layers.empty() ? w.shape(0) : layers.back().n_out, w.shape(1)});
        expect_shape(intercepts[l], "intercepts_", {w.shape(1)});
        layers.push_back({w.shape(0), w.shape(1), w.data(), intercepts[l].data()});
    }
    return layers;
}

template <class T>
void expect_same_shapes(const std::vector<LayerView<T>>& views, const std::vector<Layer<T>>& layers) {
    bool same = views.size() == layers.size();
    for (std::size_t l = 0; same && l < layers.size(); ++l)
        same = views[l].n_in == layers[l].n_in() && views[l].n_out == layers[l].n_out();
    if (!same) throw std::invalid_argument("coefs_ and intercepts_ do not have the shapes of the network.");
}

template <class T>
void load_layers(std::vector<Layer<T>>& layers, const std::vector<LayerView<T>>& views) {
    expect_same_shapes(views, layers);
    for (std::size_t l = 0; l < layers.size(); ++l) layers[l].load(views[l].coefs, views[l].intercepts);
}

template <class T>
void store_layers(const std::vector<Layer<T>>& layers, std::vector<Array<T>> coefs,
                  std::vector<Array<T>> intercepts) {
    expect_same_shapes(layer_views(coefs, intercepts), layers);
    for (std::size_t l = 0; l < layers.size(); ++l)
        layers[l].store(coefs[l].mutable_data(), intercepts[l].mutable_data());
}

// A loss by its name, with settings by theirs.
LossSpec loss_of(const std::string& kind, const py::kwargs& settings);

// The loss with its groups filled in, or an error if it does not fit a network of so many outputs.
LossSpec fitted(LossSpec loss, Index n_outputs);

}  // namespace pymlp

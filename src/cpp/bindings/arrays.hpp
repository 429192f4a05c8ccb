// Checks between Python's arrays and the kernels' pointers: no silent copy, no trust in shapes.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

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

template <class T>
const T* data_or_null(const std::optional<Array<T>>& a) {
    return a ? a->data() : nullptr;
}

// Layer sizes read off the shapes of coefs, each of which must fit its neighbour.
template <class T>
std::vector<Index> units_of(const std::vector<Array<T>>& coefs) {
    std::vector<Index> units;
    for (const Array<T>& c : coefs) {
        if (c.ndim() != 2 || c.shape(0) < 1 || c.shape(1) < 1)
            throw std::invalid_argument("coefs_ must be non-empty matrices, got shape " + shape_text(c) +
                                        ".");
        if (units.empty()) units.push_back(c.shape(0));
        if (c.shape(0) != units.back())
            throw std::invalid_argument("coefs_ do not fit each other: a layer of " +
                                        std::to_string(units.back()) +
                                        " outputs is followed by a matrix of shape " + shape_text(c) + ".");
        units.push_back(c.shape(1));
    }
    if (units.empty()) throw std::invalid_argument("coefs_ must hold at least one matrix.");
    return units;
}

// Checks a list of weights and a list of biases against the layers, then calls f(layer, coefs, intercepts).
template <class T, class F>
void for_each_layer(std::vector<Layer<T>>& layers, std::vector<Array<T>>& coefs,
                    std::vector<Array<T>>& intercepts, F f) {
    if (coefs.size() != layers.size() || intercepts.size() != layers.size())
        throw std::invalid_argument("coefs_ and intercepts_ must have one array for each of the " +
                                    std::to_string(layers.size()) + " layers, got " +
                                    std::to_string(coefs.size()) + " and " +
                                    std::to_string(intercepts.size()) + ".");
    for (std::size_t l = 0; l < layers.size(); ++l) {
        expect_shape(coefs[l], "coefs_", {layers[l].n_in(), layers[l].n_out()});
        expect_shape(intercepts[l], "intercepts_", {layers[l].n_out()});
    }
    for (std::size_t l = 0; l < layers.size(); ++l) f(layers[l], coefs[l], intercepts[l]);
}

template <class T>
void load_layers(std::vector<Layer<T>>& layers, std::vector<Array<T>> coefs,
                 std::vector<Array<T>> intercepts) {
    for_each_layer(layers, coefs, intercepts,
                   [](Layer<T>& layer, Array<T>& w, Array<T>& b) { layer.load(w.data(), b.data()); });
}

template <class T>
void store_layers(std::vector<Layer<T>>& layers, std::vector<Array<T>> coefs,
                  std::vector<Array<T>> intercepts) {
    for_each_layer(layers, coefs, intercepts, [](Layer<T>& layer, Array<T>& w, Array<T>& b) {
        layer.store(w.mutable_data(), b.mutable_data());
    });
}

// Targets of n samples: int32 labels (n) for softmax, else T (n, n_outputs).
template <class T>
struct Targets {
    const std::int32_t* labels = nullptr;
    const T* values = nullptr;

    Targets(const py::array& y, const Network<T>& network, py::ssize_t n) {
        const Index outputs = network.n_outputs();
        if (network.loss != Loss::softmax_cross_entropy) {
            if (!py::isinstance<Array<T>>(y))
                throw py::type_error("y must be a C-contiguous array of X's dtype.");
            expect_shape(y, "y", {n, outputs});
            values = static_cast<const T*>(y.data());
            return;
        }
        if (!py::isinstance<Array<std::int32_t>>(y))
            throw py::type_error("y must be a contiguous int32 array.");
        expect_shape(y, "y", {n});
        labels = static_cast<const std::int32_t*>(y.data());
        for (Index i = 0; i < n; ++i)
            if (labels[i] < 0 || labels[i] >= outputs)
                throw std::invalid_argument("y must hold classes from 0 to " + std::to_string(outputs - 1) +
                                            ", got " + std::to_string(labels[i]) + ".");
    }
};

Activation activation_named(const std::string& name);
Loss loss_named(const std::string& name);
Solver solver_named(const std::string& name);

}  // namespace pymlp

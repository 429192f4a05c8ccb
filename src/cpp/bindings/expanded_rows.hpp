// Raw rows with the expansion that makes an X of them, as Python holds both.
#pragma once

#include <utility>

#include "bindings/arrays.hpp"
#include "network/expansion.hpp"
#include "network/samples.hpp"

namespace pymlp {

// Borrows its raw rows: float64 (n, n_sources), a row's numbers side by side.
class ExpandedRows {
  public:
    ExpandedRows(const py::object& raw, py::object expansion, const py::object& dtype)
        : expansion_(std::move(expansion)), dtype_(py::dtype::from_args(dtype)) {
        if (!py::isinstance<Expansion>(expansion_))
            throw py::type_error("expansion must be an Expansion, got " + type_name(expansion_) + ".");
        if (!dtype_.equal(py::dtype::of<float>()) && !dtype_.equal(py::dtype::of<double>()))
            throw py::type_error("dtype must be float32 or float64, got " + std::string(py::str(dtype_)) +
                                 ".");
        if (!py::isinstance<py::array>(raw))
            throw py::type_error("raw must be a float64 array, got " + type_name(raw) + ".");
        raw_ = py::reinterpret_borrow<py::array>(raw);
        if (!raw_.dtype().equal(py::dtype::of<double>()))
            throw py::type_error("raw must be a float64 array, got dtype " +
                                 std::string(py::str(raw_.dtype())) + ".");
        const Index n_sources = tables().n_sources();
        expect_shape(raw_, "raw", {raw_.ndim() == 2 ? raw_.shape(0) : 0, n_sources});
        const bool aligned = raw_.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_;
        const bool apart =
            raw_.size() > 0 && n_sources > 1 && raw_.strides(1) != static_cast<Index>(sizeof(double));
        if (!aligned || apart)
            throw py::type_error("raw must be aligned and hold each row's numbers side by side.");
        n_ = raw_.shape(0);
        row_stride_ = raw_.strides(0);
    }
    const py::array& raw() const { return raw_; }
    const py::object& expansion() const { return expansion_; }
    const py::dtype& dtype() const { return dtype_; }
    std::pair<Index, Index> shape() const { return {n_, tables().n_features()}; }
    template <class T>
    Rows<T> rows() const {
        Rows<T> rows;
        rows.n_features = tables().n_features();
        rows.numbers = static_cast<const char*>(raw_.data());
        rows.row_stride = row_stride_;
        rows.expansion = &tables();
        return rows;
    }

  private:
    static std::string type_name(const py::object& object) {
        return py::cast<std::string>(py::type::of(object).attr("__name__"));
    }
    const Expansion& tables() const { return py::cast<const Expansion&>(expansion_); }

    py::array raw_;
    py::object expansion_;
    py::dtype dtype_;
    Index n_ = 0, row_stride_ = 0;  // as they were checked: an array's shape can be assigned
};

}  // namespace pymlp

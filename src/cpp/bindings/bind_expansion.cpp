// A table's columns as the engine takes them: expanded to features where they are read.
#include <algorithm>
#include <cmath>

#include "bindings/expanded_rows.hpp"
#include "bindings/interrupts.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

// An attribute of one of the sources, by its name in errors.
struct Attribute {
    py::object value;
    std::string name;

    Attribute(const py::handle& source, std::size_t index, const char* attribute)
        : value(source.attr(attribute)), name("sources[" + std::to_string(index) + "]." + attribute) {}

    [[noreturn]] void refuse(const std::string& expected) const {
        throw std::invalid_argument(name + " must be " + expected + ", got " + std::string(py::repr(value)) +
                                    ".");
    }
    double number() const {
        const double x = PyFloat_AsDouble(value.ptr());
        if (PyErr_Occurred()) {
            PyErr_Clear();
            throw py::type_error(name + " must be a number, got " + std::string(py::repr(value)) + ".");
        }
        if (!std::isfinite(x)) refuse("finite");
        return x;
    }
    // Finite and strictly ascending
    std::vector<double> ascending() const {
        if (!py::isinstance<Array<double>>(value) || py::cast<py::array>(value).ndim() != 1)
            throw py::type_error(name + " must be a contiguous float64 array of one dimension.");
        const auto array = py::cast<Array<double>>(value);
        std::vector<double> numbers(array.data(), array.data() + array.size());
        for (std::size_t k = 0; k < numbers.size(); ++k)
            if (!std::isfinite(numbers[k]) || (k > 0 && !(numbers[k - 1] < numbers[k])))
                refuse("finite and strictly ascending");
        return numbers;
    }
};

// One that no arithmetic takes for 0 or infinity, so that no product with it is NaN.
bool has_inverse(double x) { return std::isnormal(x) && std::isnormal(1 / x); }

Source source_of(const py::handle& object, std::size_t index) {
    const auto at = [&](const char* attribute) { return Attribute(object, index, attribute); };
    Source source;
    source.fill = at("fill").number();
    source.center = at("center").number();
    source.scale = at("scale").number();
    if (source.scale != 0 && !(source.scale > 0 && has_inverse(source.scale)))
        at("scale").refuse("0, or positive with an inverse");
    source.edges = at("edges").ascending();
    for (std::size_t k = 1; k < source.edges.size(); ++k) {
        const double width = source.edges[k] - source.edges[k - 1];
        if (!has_inverse(width))
            at("edges").refuse("neither too close nor too far apart for a slope between them");
    }
    source.values = at("values").ascending();
    source.has_missing = py::bool_(at("has_missing").value);
    return source;
}

Expansion expansion_of(const py::sequence& sources) {
    std::vector<Source> read;
    for (const py::handle source : sources) read.push_back(source_of(source, read.size()));
    return Expansion(read);
}

template <class T>
py::array expanded(const ExpandedRows& rows) {
    const Rows<T> x = rows.rows<T>();
    const auto [n, width] = rows.shape();
    Array<T> out({n, width});
    T* to = out.mutable_data();
    interruptibly([&, n = n, width = width](const Interrupted& interrupted) {
        return run_team(1, [&](Member&) {  // for its rounding mode: the bits on any machine
            constexpr Index block = 128;
            Poll poll(interrupted);
            for (Index begin = 0; begin < n && !poll.interrupted(); begin += block)
                for (Index r = begin; r < std::min(begin + block, n); ++r)
                    x.expansion->expand(x.raw(r), to + r * width);
        });
    });
    return out;
}

py::array expand(const py::object& expansion, const py::object& raw, const py::object& dtype) {
    const ExpandedRows rows(raw, expansion, dtype);
    return rows.dtype().equal(py::dtype::of<float>()) ? expanded<float>(rows) : expanded<double>(rows);
}

}  // namespace
}  // namespace pymlp

void bind_expansion(pybind11::module_& m) {
    namespace py = pybind11;
    using pymlp::ExpandedRows;
    using pymlp::Expansion;
    py::class_<Expansion>(m, "Expansion", "What becomes of a row of raw columns, given by their sources.")
        .def(py::init(&pymlp::expansion_of), py::arg("sources"))
        .def_property_readonly("n_features", &Expansion::n_features)
        .def("expand", &pymlp::expand, py::arg("raw"), py::arg("dtype"),
             "Features (n, n_features) of raw rows: float64 (n, n_sources), NaN where a number is missing.");
    py::class_<ExpandedRows>(m, "ExpandedRows",
                             "An X of a table's raw rows, whose entries are made where they are read.")
        .def(py::init<const py::object&, py::object, const py::object&>(), py::arg("raw"),
             py::arg("expansion"), py::arg("dtype"))
        .def_property_readonly("shape", &ExpandedRows::shape)
        .def_property_readonly("dtype", &ExpandedRows::dtype)
        .def_property_readonly("raw", &ExpandedRows::raw)
        .def_property_readonly("expansion", &ExpandedRows::expansion);
}

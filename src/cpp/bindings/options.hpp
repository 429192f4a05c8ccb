// Structs that Python fills by keyword: a member is written once in the struct and once in a table of names.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <functional>
#include <map>
#include <string>

#include "bindings/names.hpp"

namespace pymlp {

namespace py = pybind11;

template <class Value>
Value value_of(py::handle value) {
    return py::cast<Value>(value);
}
template <>
inline Solver value_of(py::handle value) {
    return solver_named(py::cast<std::string>(value));
}

// Of one member.
template <class Struct>
class Setter {
  public:
    template <class Value>
    Setter(Value Struct::* member)
        : set_([member](Struct& options, py::handle value) { options.*member = value_of<Value>(value); }) {}
    void set(Struct& options, py::handle value) const { set_(options, value); }

  private:
    std::function<void(Struct&, py::handle)> set_;
};

template <class Struct>
using Setters = std::map<std::string, Setter<Struct>>;

// A name without a setter, or a value that does not suit it, is a TypeError.
template <class Struct>
void fill(Struct& options, const Setters<Struct>& setters, const py::dict& values) {
    for (const auto& [key, value] : values) {
        const auto name = py::cast<std::string>(key);
        const auto setter = setters.find(name);
        if (setter == setters.end()) {
            std::string names;
            for (const auto& entry : setters) names += (names.empty() ? "'" : ", '") + entry.first + "'";
            throw py::type_error("'" + name + "' is none of the options " + names + ".");
        }
        try {
            setter->second.set(options, value);
        } catch (const py::cast_error&) {
            throw py::type_error("Option '" + name + "' cannot be " + std::string(py::repr(value)) + ".");
        }
    }
}

// Likewise, and none may be missing.
template <class Struct>
void fill_all(Struct& options, const Setters<Struct>& setters, const py::dict& values) {
    fill(options, setters, values);
    for (const auto& entry : setters)
        if (!values.contains(entry.first)) throw py::type_error("Option '" + entry.first + "' is missing.");
}

}  // namespace pymlp

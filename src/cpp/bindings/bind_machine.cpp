// The machine's measured ceilings.
#include <pybind11/pybind11.h>

#include <stdexcept>

#include "bindings/gil.hpp"
#include "kernels/table.hpp"
#include "machine/ceiling.hpp"

namespace py = pybind11;

void bind_machine(py::module_& m) {
    const py::call_guard<pymlp::Unlocked> unlocked;
    m.def(
        "measure_fma",
        [](const std::string& dtype, int n_threads, double seconds) {
            if (dtype == "float32") return pymlp::measure_fma<float>(n_threads, seconds);
            if (dtype == "float64") return pymlp::measure_fma<double>(n_threads, seconds);
            if (dtype == "bfloat16") return pymlp::measure_fma<pymlp::Bf16Pair>(n_threads, seconds);
            throw std::invalid_argument("dtype must be 'float32', 'float64' or 'bfloat16', got '" + dtype +
                                        "'.");
        },
        py::arg("dtype"), py::arg("n_threads"), py::arg("seconds"), unlocked,
        "Floating-point operations a second of FMA chains in registers.");
    m.def("measure_memory", &pymlp::measure_memory, py::arg("n_threads"), py::arg("seconds"), unlocked,
          "Bytes a second read from memory.");
    m.def("measure_barrier", &pymlp::measure_barrier, py::arg("n_threads"), py::arg("rounds"), unlocked,
          "Seconds of one barrier of the training team.");
}

#include <pybind11/numpy.h>

namespace py = pybind11;

void bind_activations(py::module_& m);
void bind_bf16(py::module_& m);
void bind_config(py::module_& m);
void bind_expansion(py::module_& m);
void bind_interrupts(py::module_& m);
void bind_losses(py::module_& m);
void bind_machine(py::module_& m);
void bind_network(py::module_& m);
void bind_optimizers(py::module_& m);
void bind_products(py::module_& m);
void bind_trainer(py::module_& m);

PYBIND11_MODULE(_core, m) {
    m.doc() = "pymlp's C++ kernels.";
    // looked up here, because the first use gives the GIL away amid pybind11's frames (see bindings/gil.hpp)
    py::dtype::of<float>();
    bind_config(m);
    bind_expansion(m);
    bind_interrupts(m);
    bind_machine(m);
    bind_network(m);
    bind_trainer(m);
    auto kernels = m.def_submodule("kernels", "Single kernels of a named instruction set, for tests.");
    bind_products(kernels);
    bind_bf16(kernels);
    bind_activations(kernels);
    bind_optimizers(kernels);
    bind_losses(kernels);
}

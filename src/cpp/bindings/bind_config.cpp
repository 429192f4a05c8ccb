// Which build this is and what it runs on.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "kernels/dispatch.hpp"
#include "threads/team.hpp"

namespace py = pybind11;

void bind_config(py::module_& m) {
    m.attr("__version__") = PYMLP_VERSION;
    m.def("isa", &pymlp::isa_in_use, "Instruction set in use.");
    m.def("available_isas", &pymlp::available_isas, "Instruction sets that can be forced with PYMLP_ISA.");
    m.def(
        "emulates_bf16", [] { return pymlp::bf16_kernels().emulated; },
        "Is bfloat16 arithmetic done in float32, for want of instructions?");
    m.def("max_threads", [] { return pymlp::threads_for(0); }, "Threads used for n_threads=None.");
}

// How fits in other threads than the main one are ended.
#include "bindings/interrupts.hpp"

void bind_interrupts(pybind11::module_& m) {
    namespace py = pybind11;
    using pymlp::StopFlag;
    py::class_<StopFlag>(m, "StopFlag", "Ends the fits of the threads that watch it, as Ctrl-C would.")
        .def(py::init<>())
        .def("set", &StopFlag::set)
        .def("__enter__", &StopFlag::watch)
        .def("__exit__", [](const StopFlag&, const py::args&) { StopFlag::watch_none(); });
}

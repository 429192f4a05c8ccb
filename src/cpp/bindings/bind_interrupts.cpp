// How fits in other threads than the main one are ended.
#include <pthread.h>

#include "bindings/interrupts.hpp"

namespace pymlp {
namespace {

// Known beforehand: to ask `threading` is to run Python's code, amid whose lines the GIL changes hands.
std::atomic<unsigned long> main_thread;

// That of a forked child is the one that forked.
void in_child() { main_thread = PyThread_get_thread_ident(); }

}  // namespace

bool on_main_thread() { return PyThread_get_thread_ident() == main_thread; }

}  // namespace pymlp

void bind_interrupts(pybind11::module_& m) {
    namespace py = pybind11;
    using pymlp::StopFlag;
    const py::object main_thread = py::module_::import("threading").attr("main_thread")();
    pymlp::main_thread = py::cast<unsigned long>(main_thread.attr("ident"));
    pthread_atfork(nullptr, nullptr, pymlp::in_child);
    py::class_<StopFlag>(m, "StopFlag", "Ends the fits of the threads that watch it, as Ctrl-C would.")
        .def(py::init<>())
        .def("set", &StopFlag::set)
        .def("__enter__", &StopFlag::watch)
        .def("__exit__", [](const StopFlag&, const py::args&) { StopFlag::unwatch(); });
}

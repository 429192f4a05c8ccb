// Long calls that Ctrl-C can end.
#pragma once

#include <pybind11/pybind11.h>

#include <functional>

#include "training/trainer.hpp"

namespace pymlp {

namespace py = pybind11;

// Calls run(interrupted) without the GIL.
template <class F>
EpochResult interruptibly(F run) {
    // Signals reach the main thread only; another one that asked for the GIL while Python shuts down would be
    // ended inside C++ frames.
    const py::module_ threading = py::module_::import("threading");
    std::function<bool()> interrupted;
    if (threading.attr("current_thread")().is(threading.attr("main_thread")()))
        interrupted = [] {
            const py::gil_scoped_acquire locked;
            return PyErr_CheckSignals() != 0;
        };
    EpochResult result;
    {
        const py::gil_scoped_release unlocked;
        result = run(interrupted);
    }
    if (result.interrupted) throw py::error_already_set();
    return result;
}

}  // namespace pymlp

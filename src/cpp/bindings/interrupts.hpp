// Long calls that Ctrl-C, or another thread, can end.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <functional>

#include "training/trainer.hpp"

namespace pymlp {

namespace py = pybind11;

// Ends the calls of those threads that watch it, for good: between two mini-batches, or before they begin.
class StopFlag {
  public:
    void set() { set_ = true; }
    bool is_set() const { return set_; }
    void watch() const { watched() = this; }
    static void watch_none() { watched() = nullptr; }

    // This thread's.
    static const StopFlag*& watched() {
        static thread_local const StopFlag* flag = nullptr;
        return flag;
    }

  private:
    std::atomic<bool> set_{false};
};

// Calls run(interrupted) without the GIL; if it was interrupted, with a KeyboardInterrupt.
template <class F>
EpochResult interruptibly(F run) {
    // Signals reach the main thread only; another one that asked for the GIL while Python shuts down would be
    // ended inside C++ frames.
    const py::module_ threading = py::module_::import("threading");
    std::function<bool()> interrupted;
    const StopFlag* flag = StopFlag::watched();
    if (flag != nullptr)
        interrupted = [flag] { return flag->is_set(); };
    else if (threading.attr("current_thread")().is(threading.attr("main_thread")()))
        interrupted = [] {
            const py::gil_scoped_acquire locked;
            return PyErr_CheckSignals() != 0;
        };
    EpochResult result;
    if (flag != nullptr && flag->is_set()) {
        result.interrupted = true;  // a short call would end before it looked
    } else {
        const py::gil_scoped_release unlocked;
        result = run(interrupted);
    }
    if (result.interrupted) {
        if (PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_KeyboardInterrupt);
        throw py::error_already_set();
    }
    return result;
}

}  // namespace pymlp

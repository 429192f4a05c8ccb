// Long calls that Ctrl-C, or another thread, can end.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <vector>

#include "bindings/gil.hpp"
#include "threads/interrupts.hpp"

namespace pymlp {

namespace py = pybind11;

// Ends the calls of those threads that watch it, for good: between two mini-batches or blocks of rows, or
// before they begin.
class StopFlag {
  public:
    void set() { set_ = true; }
    bool is_set() const { return set_; }
    // Of several only the last that this thread has begun to watch counts.
    void watch() const { watched().push_back(this); }
    static void unwatch() { watched().pop_back(); }

    // This thread's.
    static const StopFlag* last_watched() { return watched().empty() ? nullptr : watched().back(); }

  private:
    static std::vector<const StopFlag*>& watched() {
        static thread_local std::vector<const StopFlag*> flags;
        return flags;
    }
    std::atomic<bool> set_{false};
};

bool on_main_thread();

// Calls run(interrupted) without the GIL and returns its result; throws what a signal's handler has raised,
// or a KeyboardInterrupt.
template <class F>
auto interruptibly(F run) {
    const bool hears_signals = on_main_thread();  // no other one has to ask for the GIL
    const StopFlag* flag = hears_signals ? nullptr : StopFlag::last_watched();
    bool stopped = flag != nullptr && flag->is_set();  // a short call would end before it looked
    Interrupted interrupted;
    if (flag != nullptr)
        interrupted = [flag, &stopped] { return stopped = flag->is_set(); };
    else if (hears_signals)
        interrupted = [&stopped] {
            const py::gil_scoped_acquire locked;
            return stopped = PyErr_CheckSignals() != 0;
        };
    const auto raise_if_stopped = [&stopped] {
        if (!stopped) return;
        if (PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_KeyboardInterrupt);
        throw py::error_already_set();
    };
    raise_if_stopped();
    const auto result = [&] {
        const Unlocked unlocked;
        return run(interrupted);
    }();
    raise_if_stopped();
    return result;
}

}  // namespace pymlp

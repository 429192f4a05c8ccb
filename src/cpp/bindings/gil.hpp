// Long calls leave the GIL to other threads.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace pymlp {

// Without the GIL while it lives, instead of pybind11's gil_scoped_release. Before 3.14 Python ends a daemon
// thread that asks for the GIL of an interpreter that shuts down with pthread_exit, which unwinds the
// thread's stack: no destructor lets that pass, and those of the frames below would release objects without
// the GIL. Here the thread waits until the process has ended, as 3.14 has it wait.
class Unlocked {
  public:
    Unlocked() : state_(PyEval_SaveThread()) {}
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;
    ~Unlocked() {
        try {
            PyEval_RestoreThread(state_);
        } catch (...) {
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        }
    }

  private:
    PyThreadState* state_;
};

}  // namespace pymlp

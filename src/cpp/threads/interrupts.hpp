// How a long call is ended from outside.
#pragma once

#include <chrono>
#include <functional>

namespace pymlp {

// Is the call to end? Asked by the thread that made it; empty if nobody could want that.
using Interrupted = std::function<bool()>;

// Asks every 20 ms or so: between two questions it looks at the clock, which costs next to nothing.
class Poll {
  public:
    explicit Poll(const Interrupted& interrupted) : interrupted_(interrupted) {}
    bool interrupted() {
        if (!interrupted_) return false;
        const auto now = Clock::now();
        if (now - last_ <= std::chrono::milliseconds(20)) return false;
        last_ = now;
        return interrupted_();
    }

  private:
    using Clock = std::chrono::steady_clock;
    const Interrupted& interrupted_;
    Clock::time_point last_ = Clock::now();
};

}  // namespace pymlp

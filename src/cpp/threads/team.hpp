// A team of threads that stays together for a whole piece of work, with barriers of its own.
#pragma once

#include <atomic>
#include <functional>

namespace pymlp {

// Threads that spin for a moment and then give their core away: a step holds several barriers of about half a
// microsecond, far less than waking a sleeping thread costs.
class Barrier {
  public:
    void reset(int count) { count_ = count; }
    void wait();

  private:
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<unsigned> generation_{0};
    int count_ = 1;
};

struct Member {
    int index, count;
    Barrier& barrier;
    void wait() { barrier.wait(); }
};

// Threads to use: `requested`, or OpenMP's own number for 0; 1 without OpenMP and in a forked child.
int threads_for(int requested);

// The same, but no more than `work` (floating-point operations between two barriers) keeps busy.
int team_size(int requested, double work);

// Runs body(member) on every member; `body` must not throw. The caller is member 0.
void run_team(int members, const std::function<void(Member&)>& body);

}  // namespace pymlp

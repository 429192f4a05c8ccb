// A team of threads that stays together for a whole piece of work, with barriers of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace pymlp {

// Threads that spin for a moment and then give their core away: a step holds several barriers of about half a
// microsecond, far less than waking a sleeping thread costs.
class Barrier {
  public:
    void reset(int count) { count_ = count; }
    void wait();
    // Waits so far in which a thread gave its core away.
    std::int64_t yields() const { return yields_; }

  private:
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<unsigned> generation_{0};
    alignas(64) std::atomic<std::int64_t> yields_{0};
    int count_ = 1;
};

struct Member {
    int index, count;
    Barrier& barrier;
    void wait() { barrier.wait(); }
};

// Threads to use: `requested`, or OpenMP's own number for 0; 1 without OpenMP.
int threads_for(int requested);

// The same, but no more than `work` (floating-point operations between two barriers) keeps busy.
int team_size(int requested, double work);

// Runs body(member) on every member; `body` must not throw. The caller is member 0. Returns the barrier's
// `yields`.
std::int64_t run_team(int members, const std::function<void(Member&)>& body);

// Chooses between a team and one thread, run by run. Beside other busy processes a member may lose its core,
// all others wait for it at the next barrier, and one thread alone is many times faster.
class TeamChoice {
  public:
    // The size of the next team, at most `members`.
    int size(int members) const { return alone_ > 0 ? 1 : members; }
    // What the last run took, and how many of its waits somebody ended by yielding.
    void ran(int members, double seconds, double steps, double yielding);

  private:
    double team_step_ = 0;  // seconds of a step of the last team
    double alone_ = 0;      // seconds of running alone before a team is tried again
    double patience_ = 1;   // those, as a multiple of what the next disturbed team will have taken
};

}  // namespace pymlp

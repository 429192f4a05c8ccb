#include "threads/team.hpp"

#include <algorithm>
#include <thread>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pymlp {
namespace {

#if defined(_OPENMP) && (defined(__unix__) || defined(__APPLE__))
// libgomp's threads do not exist in a forked child, and waiting for them would never end. Whoever started
// them, maybe another library that shares libgomp, those of the forking thread are dismissed before; no
// others are waited for in the child. Where that cannot be done the child computes on one thread, with the
// same bits.
std::atomic<bool> forked_with_team{false};
thread_local bool dismissed = false;

extern "C" int omp_pause_resource_all(omp_pause_resource_t) __attribute__((weak));  // since OpenMP 5.0
// LLVM's and Intel's runtimes alone have it. There a pause succeeds, too, but the child waits all the same.
extern "C" int kmp_get_blocktime() __attribute__((weak));

void before_fork() {
    dismissed = !kmp_get_blocktime && omp_pause_resource_all && omp_pause_resource_all(omp_pause_soft) == 0;
}
void in_child() {
    if (!dismissed) forked_with_team = true;
}
[[maybe_unused]] const int fork_handlers = pthread_atfork(before_fork, nullptr, in_child);
#else
constexpr bool forked_with_team = false;
#endif

// Velocities of inputs that are always zero decay into denormal numbers, which some processors handle a
// hundred times slower; here they count as zero.
class FlushDenormals {
  public:
#if defined(__x86_64__)
    FlushDenormals() : saved_(_mm_getcsr()) {
        _mm_setcsr(saved_ | 0x8040);
    }  // flush-to-zero, denormals-are-zero
    ~FlushDenormals() { _mm_setcsr(saved_); }

  private:
    unsigned saved_;
#else
    FlushDenormals() {}
#endif
};

void pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

void run_member(int index, int count, Barrier& barrier, const std::function<void(Member&)>& body) {
    const FlushDenormals guard;
    Member me{index, count, barrier};
    body(me);
}

}  // namespace

void Barrier::wait() {
    if (count_ == 1) return;
    constexpr int spins = 4096;  // tens of microseconds, then another process may need the core more
    const unsigned generation = generation_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == count_ - 1) {
        arrived_.store(0, std::memory_order_relaxed);
        generation_.store(generation + 1, std::memory_order_release);
        return;
    }
    int spin = 0;
    while (generation_.load(std::memory_order_acquire) == generation) {
        if (spin < spins) {
            ++spin;
            pause();
            if (spin == spins) yields_.fetch_add(1, std::memory_order_relaxed);
        } else {
            std::this_thread::yield();
        }
    }
}

int threads_for(int requested) {
    if (forked_with_team) return 1;
#ifdef _OPENMP
    // more than a few a core only wait for each other, and libgomp ends the process when it can start no more
    const int most = std::max(64, 4 * omp_get_num_procs());
    return requested > 0 ? std::min(requested, most) : omp_get_max_threads();
#elif defined(PYMLP_STD_THREADS)
    return requested > 0 ? requested : static_cast<int>(std::thread::hardware_concurrency());
#else
    (void)requested;
    return 1;
#endif
}

int team_size(int requested, double work) {
    if (requested > 0) return threads_for(requested);  // asked for, so given
    // a few microseconds: with less, one thread more gains little and may lose much on a busy machine
    constexpr double work_per_thread = 5e5;
    const int useful = static_cast<int>(std::min(work / work_per_thread, 1e6));
    return std::clamp(useful, 1, std::max(1, threads_for(requested)));
}

std::int64_t run_team([[maybe_unused]] int members, const std::function<void(Member&)>& body) {
    Barrier barrier;
#ifdef _OPENMP
    if (members > 1) {
#pragma omp parallel num_threads(members)
        {
#pragma omp single
            barrier.reset(omp_get_num_threads());  // OpenMP may give fewer than asked for
            run_member(omp_get_thread_num(), omp_get_num_threads(), barrier, body);
        }
        return barrier.yields();
    }
#elif defined(PYMLP_STD_THREADS)
    // For ThreadSanitizer: libgomp's own synchronisation is not instrumented, so that whatever a team reads
    // after its caller wrote it would be reported.
    barrier.reset(members);
    std::vector<std::thread> others;
    for (int m = 1; m < members; ++m) others.emplace_back([&, m] { run_member(m, members, barrier, body); });
    run_member(0, members, barrier, body);
    for (std::thread& other : others) other.join();
    return barrier.yields();
#endif
    run_member(0, 1, barrier, body);
    return 0;
}

void TeamChoice::ran(int members, double seconds, double steps, double yielding) {
    constexpr double tolerated = 0.1;  // an undisturbed team yields in hardly any step
    if (members > 1) {
        team_step_ = seconds / steps;
        const bool disturbed = yielding > tolerated * steps;
        alone_ = disturbed ? patience_ * seconds : 0;
        patience_ = disturbed ? std::min(2 * patience_, 16.0) : 1;  // a moment's disturbance is soon over
    } else if (alone_ > 0) {
        // unless the team was the faster one after all
        alone_ = seconds / steps > team_step_ ? 0 : alone_ - seconds;
    }
}

}  // namespace pymlp

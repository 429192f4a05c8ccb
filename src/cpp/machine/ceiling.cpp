#include "machine/ceiling.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "kernels/dispatch.hpp"
#include "network/buffer.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Calls work(member), which returns an amount, on every thread in rounds for `seconds`; the best round's
// rate.
template <class F>
double best_rate(int n_threads, double seconds, F work) {
    const int members = threads_for(n_threads);
    std::vector<double> amounts(static_cast<std::size_t>(members));
    double best = 0;
    bool done = false;
    run_team(members, [&](Member& me) {
        const Clock::time_point start = Clock::now();
        while (!done) {
            me.wait();
            const Clock::time_point round = Clock::now();
            amounts[static_cast<std::size_t>(me.index)] = work(me);
            me.wait();
            if (me.index == 0) {
                const double elapsed = since(round);
                double amount = 0;
                for (const double a : amounts) amount += a;
                best = std::max(best, amount / elapsed);
                done = since(start) > seconds;
            }
            me.wait();
        }
    });
    return best;
}

}  // namespace

template <class Operand>
double measure_fma(int n_threads, double seconds) {
    return best_rate(n_threads, seconds, [](Member& me) {
        auto sink = static_cast<Sum<Operand>>(me.index);
        return products<Operand>().fma_rounds(200000, &sink);
    });
}

double measure_memory(int n_threads, double seconds) {
    constexpr Index size = Index{256} << 20;  // bytes, beyond any last-level cache's share
    constexpr Index rows = 16, columns = size / static_cast<Index>(sizeof(float)) / rows;
    Buffer<float> data(rows * columns);
    return best_rate(n_threads, seconds, [&](Member& me) {
        double squares[1];
        const KernelTable<float>& k = kernels<float>();
        const Index width = 2 * k.lanes, tiles = rows * columns / (k.row_tile * width);
        const Index begin = tiles * me.index / me.count, end = tiles * (me.index + 1) / me.count;
        for (Index tile = begin; tile < end; ++tile)
            k.sum_squares(k.row_tile, 2, data.data() + tile * k.row_tile * width, squares);
        return static_cast<double>((end - begin) * k.row_tile * width) * sizeof(float);
    });
}

double measure_barrier(int n_threads, int rounds) {
    double seconds = 0;
    run_team(threads_for(n_threads), [&](Member& me) {
        me.wait();
        const Clock::time_point start = Clock::now();
        for (int i = 0; i < rounds; ++i) me.wait();
        if (me.index == 0) seconds = since(start) / rounds;
    });
    return seconds;
}

template double measure_fma<float>(int, double);
template double measure_fma<double>(int, double);
template double measure_fma<Bf16Pair>(int, double);

}  // namespace pymlp

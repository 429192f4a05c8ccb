// Kernels alone, on one thread, as a share of the FMA ceiling measured beside them.
//   cmake -S . -B build/native && cmake --build build/native && build/native/kernel_bench
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "kernels/dispatch.hpp"
#include "network/buffer.hpp"
#include "network/panels.hpp"

using namespace pymlp;

namespace {

constexpr Index batch = 50, n_in = 784, stride = 816;  // an odd number of cache lines, as in training

// The best of several repetitions, each long enough for the clock.
template <class F>
double seconds(F f) {
    using Clock = std::chrono::steady_clock;
    double best = 1e9;
    for (int repetition = 0; repetition < 7; ++repetition) {
        const Clock::time_point start = Clock::now();
        for (int i = 0; i < 100; ++i) f();
        best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count() / 100);
    }
    return best;
}

template <class T>
Buffer<T> small_numbers(Index size) {
    Buffer<T> buffer(size);
    for (Index i = 0; i < size; ++i) buffer.data()[i] = static_cast<T>(i % 97 - 48) / T(1000);
    return buffer;
}

template <class T>
void run(const std::string& isa, const char* type) {
    const KernelTable<T>& k = kernels<T>(isa);
    T sink = T(0.001);
    const double operations = k.fma_rounds(1000, &sink);
    const double ceiling = operations / seconds([&] { k.fma_rounds(1000, &sink); });
    std::printf("%s %s: ceiling %.1f GFLOP/s a thread\n", isa.c_str(), type, ceiling * 1e-9);

    for (const Index columns : {10, 50, 200, 500}) {
        const Panels panels{n_in, columns, k.lanes};
        const Index ldz = round_up(panels.padded_columns(), 16) + 16;
        const Buffer<T> x = small_numbers<T>(batch * stride);
        Buffer<T> w = small_numbers<T>(panels.size()), v(panels.size()), m(panels.size());
        Buffer<T> z = small_numbers<T>(batch * ldz), bias(panels.padded_columns());
        OptimizerStep<T> step;
        step.learning_rate = T(1e-6);
        step.momentum = step.beta_1 = step.beta_2 = T(0.9);
        step.epsilon = T(1e-8);
        step.inverse = T(0.02);
        step.sum_rate = T(2e-8);
        const auto forward = [&] {
            for (Index p = 0; p < panels.count(); ++p)
                k.gemm({batch, n_in, x.data(), stride, w.data() + panels.offset(p),
                        panels.vectors(p) * k.lanes, panels.vectors(p), bias.data(),
                        z.data() + panels.first_column(p), ldz});
        };
        const auto update = [&](Solver solver) {
            step.solver = solver;
            for (Index p = 0; p < panels.count(); ++p)
                k.update({0, n_in, batch, x.data(), stride, nullptr, z.data() + panels.first_column(p), ldz,
                          panels.vectors(p), w.data() + panels.offset(p), v.data() + panels.offset(p),
                          m.data() + panels.offset(p), nullptr, nullptr},
                         step);
        };
        const double flops = 2.0 * batch * n_in * static_cast<double>(columns);  // padding does not count
        const auto share = [&](double time) { return 100 * flops / time / ceiling; };
        std::printf("  784 x %-4ld forward %3.0f %%   weight gradient + sgd %3.0f %%   + adam %3.0f %%\n",
                    static_cast<long>(columns), share(seconds(forward)),
                    share(seconds([&] { update(Solver::sgd); })),
                    share(seconds([&] { update(Solver::adam); })));
    }
}

}  // namespace

int main() {
    for (const std::string& isa : available_isas()) {
        run<float>(isa, "float32");
        run<double>(isa, "float64");
    }
}

// Single kernels on one thread, with Google Benchmark: of every instruction set that this machine runs, in
// both types, at the shapes of the lecture's networks; then the team's barrier and the gather of a batch.
//   cmake -S . -B build/native && cmake --build build/native && build/native/kernel_bench
// `%ceiling` is a share of what the machine can do, measured beside it: the FMA ceiling for the products,
// memcpy on as many bytes for what moves or maps data, the memory's reading rate for the gather.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "machine/ceiling.hpp"
#include "network/network.hpp"
#include "training/batch.hpp"

using namespace pymlp;

namespace {

constexpr Index batch = 50;
constexpr Index shapes[][2] = {{784, 10}, {784, 50}, {784, 200}, {784, 1000}, {500, 500}, {500, 10}};

// Calls of f a second: the best of several repetitions.
template <class F>
double best_rate(int calls, F f) {
    using Clock = std::chrono::steady_clock;
    double best = 0;
    for (int repetition = 0; repetition < 9; ++repetition) {
        const Clock::time_point start = Clock::now();
        for (int i = 0; i < calls; ++i) f();
        best = std::max(best, calls / std::chrono::duration<double>(Clock::now() - start).count());
    }
    return best;
}

// Floating-point operations a second
template <class Operand>
double fma_ceiling(const ProductTable<Operand>& k) {
    auto sink = static_cast<Sum<Operand>>(0.001);
    const double operations = k.fma_rounds(10000, &sink);
    return operations * best_rate(30, [&] { k.fma_rounds(10000, &sink); });
}

// Bytes a second: half of `bytes` is read, half written.
double copy_ceiling(double bytes) {
    const auto size = static_cast<std::size_t>(bytes / 2);
    std::vector<char> from(size, 1), to(size);
    return bytes * best_rate(30, [&] {
               std::memcpy(to.data(), from.data(), size);
               benchmark::DoNotOptimize(to.data());
               benchmark::ClobberMemory();
           });
}

// Runs work(), which does `amount` of operations or bytes. Rates are by CPU time, as Google Benchmark's own:
// what other processes take does not count.
template <class F>
void measure(benchmark::State& state, const char* unit, double amount, double ceiling, F work) {
    const std::clock_t start = std::clock();
    for (auto _ : state) work();
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    const double rate = amount * static_cast<double>(state.iterations()) / seconds;
    state.counters[unit] = rate * 1e-9;
    state.counters["%ceiling"] = 100 * rate / ceiling;
}
constexpr const char* gflops = "GFLOP/s";
constexpr const char* gbytes = "GB/s";

template <class F>
void add(const std::string& name, F run) {
    benchmark::RegisterBenchmark(name.c_str(), run);
}

template <class Operand>
Buffer<Operand> small_numbers(Index size) {
    Buffer<Operand> buffer(size);
    if constexpr (!is_pair<Operand>)  // those may be 0: they take as long
        for (Index i = 0; i < size; ++i) buffer.data()[i] = static_cast<Operand>(i % 97 - 48) / Operand(1000);
    return buffer;
}

// A layer (n_in, n_out) and a batch of its inputs and outputs, which are the gradients' dz as well.
template <class Operand>
struct Arrays {
    using T = Sum<Operand>;

    const ProductTable<Operand>& products;
    const KernelTable<T>& k;
    Panels panels;
    Index ldx, ldz, ldg;
    // multiplied: the weights as operands; inputs: x as the gradient reads it
    Buffer<Operand> x, inputs, dz, multiplied, transposed;
    Buffer<T> z, bias, weights, first_moment, second_moment, gradient;
    Buffer<double> squares;

    Arrays(const ProductTable<Operand>& product_table, const KernelTable<T>& table, Index n_in, Index n_out)
        : products(product_table),
          k(table),
          panels{n_in, n_out, k.lanes},
          ldx(row_stride<T>(n_in)),
          ldz(row_stride<T>(n_out)),
          ldg(is_pair<Operand> ? row_stride<Operand>(operands<Operand>(batch)) : ldx),
          x(small_numbers<Operand>(batch * ldx)),
          inputs(small_numbers<Operand>(is_pair<Operand> ? n_in * ldg : batch * ldg)),
          dz(small_numbers<Operand>(batch * ldz)),
          multiplied(small_numbers<Operand>(panels.size())),
          transposed(2 * k.lanes * round_up(n_out, k.lanes)),
          z(batch * ldz),
          bias(panels.padded_columns()),
          weights(small_numbers<T>(panels.size())),
          first_moment(panels.size()),
          second_moment(panels.size()),
          gradient(panels.size()),
          squares(divide_up(n_in, k.row_tile)) {}

    void multiply() {
        GemmArgs<Operand> args{};
        args.rows = batch;
        args.depth = operands<Operand>(panels.rows);
        args.a = x.data();
        args.lda = ldx;
        args.ldc = ldz;
        for (Index p = 0; p < panels.count(); ++p) {
            args.b = multiplied.data() + panels.offset(p);
            args.vectors = panels.vectors(p);
            args.ldb = args.vectors * k.lanes;
            args.bias = bias.data() + panels.first_column(p);
            args.c = z.data() + panels.first_column(p);
            products.gemm(args);
        }
    }
    void update(Solver solver, bool penalised) {
        OptimizerStep<T> step;
        step.solver = solver;
        step.learning_rate = T(1e-6);
        step.momentum = step.beta_1 = T(0.9);
        step.rest_1 = T(0.1);
        step.beta_2 = T(0.999);
        step.rest_2 = T(0.001);
        step.epsilon = T(1e-8);
        step.alpha = T(1e-4);
        step.inverse = T(1) / T(batch);
        step.sum_rate = step.learning_rate * step.inverse;
        UpdateArgs<T> args{};
        args.last_row = panels.rows;
        args.squares = penalised ? squares.data() : nullptr;
        for (Index p = 0; p < panels.count(); ++p) {
            args.vectors = panels.vectors(p);
            args.weights = weights.data() + panels.offset(p);
            args.first_moment = first_moment.data() + panels.offset(p);
            args.second_moment = second_moment.data() + panels.offset(p);
            args.pairs = rounded(p);
            products.update(product(p), args, step);
        }
    }
    void derive() {
        for (Index p = 0; p < panels.count(); ++p) products.gradient(product(p));
    }
    GradientArgs<Operand> product(Index p) {
        GradientArgs<Operand> args{};
        args.last_row = panels.rows;
        args.batch = operands<Operand>(batch);
        args.x = inputs.data();
        args.ldx = ldg;
        args.dz = dz.data() + panels.first_column(p);
        args.lddz = ldz;
        args.vectors = panels.vectors(p);
        args.gradient = gradient.data() + panels.offset(p);
        return args;
    }
    Bf16Pair* rounded(Index p) {
        if constexpr (is_pair<Operand>)
            return multiplied.data() + panels.first_column(p) * operands<Operand>(panels.rows);
        else
            return nullptr;
    }
    void transpose() {
        const Panels back{panels.columns, panels.rows, k.lanes};
        for (Index p = 0; p < back.count(); ++p)
            products.transpose_panel(weights.data(), panels.rows, panels.columns, back.first_column(p),
                                     back.vectors(p), transposed.data());
    }
};

template <class Operand>
void add_products(const std::string& prefix, const ProductTable<Operand>& products,
                  const KernelTable<Sum<Operand>>& k) {
    using T = Sum<Operand>;
    const double ceiling = fma_ceiling(products);
    benchmark::AddCustomContext("ceiling of " + prefix, std::to_string(ceiling * 1e-9) + " GFLOP/s a thread");
    for (const auto& [n_in, n_out] : shapes) {
        const std::string shape = "/" + std::to_string(n_in) + "x" + std::to_string(n_out);
        const double flops = 2.0 * batch * static_cast<double>(n_in * n_out);  // padding does not count
        const auto add_product = [&, n_in = n_in, n_out = n_out](const std::string& name, auto product) {
            add(prefix + name + shape, [=, &products, &k](benchmark::State& state) {
                Arrays<Operand> arrays(products, k, n_in, n_out);
                measure(state, gflops, flops, ceiling, [&] { product(arrays); });
            });
        };
        add_product("gemm", [](Arrays<Operand>& a) { a.multiply(); });
        add_product("update/sgd", [](Arrays<Operand>& a) { a.update(Solver::sgd, false); });
        add_product("update/sgd+penalty", [](Arrays<Operand>& a) { a.update(Solver::sgd, true); });
        add_product("update/adam", [](Arrays<Operand>& a) { a.update(Solver::adam, false); });
        add_product("update/adam+penalty", [](Arrays<Operand>& a) { a.update(Solver::adam, true); });
        add_product("gradient", [](Arrays<Operand>& a) { a.derive(); });
        add(prefix + "transpose_panel" + shape,
            [=, &products, &k, n_in = n_in, n_out = n_out](benchmark::State& state) {
                const double bytes = 2.0 * sizeof(T) * static_cast<double>(n_in * n_out);
                Arrays<Operand> arrays(products, k, n_in, n_out);
                measure(state, gbytes, bytes, copy_ceiling(bytes), [&] { arrays.transpose(); });
            });
    }
}

template <class T>
void add_activations(const std::string& prefix, const KernelTable<T>& k) {
    constexpr std::pair<const char*, Activation> activations[] = {{"relu", Activation::relu},
                                                                  {"logistic", Activation::logistic},
                                                                  {"tanh", Activation::tanh},
                                                                  {"gelu", Activation::gelu},
                                                                  {"mish", Activation::mish}};
    constexpr Index columns = 256;
    for (const auto& [name, activation] : activations)
        add(prefix + "activate/" + name, [&k, activation = activation](benchmark::State& state) {
            const double bytes = 2.0 * sizeof(T) * batch * columns;
            Buffer<T> x(batch * columns);
            // in place, again and again: from here none of them ever reaches denormal numbers
            std::fill_n(x.data(), x.size(), T(50));
            measure(state, gbytes, bytes, copy_ceiling(bytes),
                    [&] { k.activate(activation, batch, columns, x.data(), columns); });
        });
}

template <class T>
void add_loss(const std::string& prefix, const KernelTable<T>& k) {
    add(prefix + "loss/softmax_cross_entropy", [&k](benchmark::State& state) {
        constexpr Index outputs = 10;
        const double bytes = 2.0 * sizeof(T) * batch * outputs;
        const Index ldz = row_stride<T>(outputs), groups[] = {0, outputs};
        Buffer<T> z = small_numbers<T>(batch * ldz);
        const Buffer<std::int32_t> labels(batch);
        Buffer<double> row_loss(batch), row_hit(batch);
        LossArgs<T> args{};
        args.rows = batch;
        args.outputs = outputs;
        args.z = z.data();
        args.ldz = ldz;
        args.labels = labels.data();
        args.row_loss = row_loss.data();
        args.row_hit = row_hit.data();
        args.groups = groups;
        args.n_groups = 1;
        measure(state, gbytes, bytes, copy_ceiling(bytes),
                [&] { k.loss(Loss::softmax_cross_entropy, args); });
    });
}

template <class T>
void add_kernels(const std::string& isa, const std::string& type) {
    const KernelTable<T>& k = kernels<T>(isa);
    const std::string prefix = isa + "/" + type + "/";
    add_products<T>(prefix, k, k);
    add_activations<T>(prefix, k);
    add_loss<T>(prefix, k);
}

// Mini-batches out of 60,000 samples in random order.
template <class T>
void add_gather(const std::string& type) {
    add("gather/" + type, [](benchmark::State& state) {
        constexpr Index samples = 60000, n_features = 784;
        const Buffer<T> x(samples * n_features);
        const Buffer<std::int32_t> labels(samples);
        std::vector<std::int64_t> order(samples);
        for (Index i = 0; i < samples; ++i) order[static_cast<std::size_t>(i)] = i * 7919 % samples;
        LossSpec loss;
        loss.kind = Loss::softmax_cross_entropy;
        loss.groups = {0, 10};
        const Network<T> network({n_features, 10}, {}, loss);
        Dataset<T> data;
        data.n = samples;
        data.x.n_features = n_features;
        data.x.values = x.data();
        data.labels = labels.data();
        data.order = order.data();
        Batch<T> mini_batch(network, data, batch, 0);
        Barrier barrier;
        Index begin = 0;
        measure(state, gbytes, 1.0 * sizeof(T) * batch * n_features, measure_memory(1, 0.2), [&] {
            mini_batch.gather(data, begin, batch, Member{0, 1, barrier});
            begin = (begin + batch) % samples;
        });
    });
}

void barrier(benchmark::State& state) {
    constexpr int rounds = 10000;
    for (auto _ : state) state.SetIterationTime(measure_barrier(static_cast<int>(state.range(0)), rounds));
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    for (const std::string& isa : available_isas()) {
        add_kernels<float>(isa, "float32");
        add_kernels<double>(isa, "float64");
        add_products<Bf16Pair>(isa + "/bfloat16/", bf16_kernels(isa), kernels<float>(isa));
    }
    add_gather<float>("float32");
    add_gather<double>("float64");
    // an iteration's time is the mean of many barriers
    benchmark::RegisterBenchmark("barrier", barrier)->Arg(threads_for(0))->UseManualTime()->Iterations(20);
    benchmark::RunSpecifiedBenchmarks();
}

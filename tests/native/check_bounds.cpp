// Products between guarded pages: whatever they read or write beyond a matrix ends the process. Sanitizers do
// not see the loads and stores of AMX's tiles, which are assembler.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <random>

#include "kernels/dispatch.hpp"
#include "network/panels.hpp"

using namespace pymlp;

namespace {

// `size` zeros; a page that nobody may touch lies behind them, or before them.
template <class T>
class Guarded {
  public:
    Guarded(Index size, bool behind) {
        const Index page = sysconf(_SC_PAGESIZE), bytes = size * static_cast<Index>(sizeof(T));
        const Index body = std::max(round_up(bytes, page), page);
        length_ = static_cast<std::size_t>(body + 2 * page);
        base_ = static_cast<char*>(
            mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        mprotect(base_, static_cast<std::size_t>(page), PROT_NONE);
        mprotect(base_ + page + body, static_cast<std::size_t>(page), PROT_NONE);
        data_ = reinterpret_cast<T*>(behind ? base_ + page + body - bytes : base_ + page);
    }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;
    ~Guarded() { munmap(base_, length_); }
    T* data() { return data_; }

  private:
    char* base_;
    std::size_t length_;
    T* data_;
};

class Shapes {
  public:
    Index between(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
    bool coin() { return between(0, 1) == 1; }

  private:
    std::mt19937 random_{1};
};

template <class Operand>
void check_products(const ProductTable<Operand>& k, Index lanes, Index row_tile, Shapes& any, bool behind) {
    using T = Sum<Operand>;
    const Index vectors = any.between(1, 2), width = vectors * lanes;
    {
        const Index rows = any.between(1, 70), depth = any.between(1, 60);
        const Index lda = depth + any.between(0, 5), ldc = width + any.between(0, 20);
        Guarded<Operand> a((rows - 1) * lda + depth, behind), b(depth * width, behind);
        Guarded<T> bias(width, behind), c((rows - 1) * ldc + width, behind);
        GemmArgs<Operand> product{};
        product.rows = rows;
        product.depth = depth;
        product.a = a.data();
        product.lda = lda;
        product.b = b.data();
        product.ldb = width;
        product.vectors = vectors;
        product.bias = any.coin() ? bias.data() : nullptr;
        product.c = c.data();
        product.ldc = ldc;
        k.gemm(product);
    }
    {
        const Index n_in = any.between(1, 60), batch = any.between(1, 50);
        const Index ldx = (is_pair<Operand> ? batch : n_in) + any.between(0, 5);
        const Index lddz = width + any.between(0, 20), tiles = divide_up(n_in, row_tile);
        Guarded<Operand> x(is_pair<Operand> ? (n_in - 1) * ldx + batch : (batch - 1) * ldx + n_in, behind);
        Guarded<Operand> dz((batch - 1) * lddz + width, behind);
        Guarded<T> gradient(n_in * width, behind), weights(n_in * width, behind), first(n_in * width, behind);
        Guarded<T> second(n_in * width, behind), average(n_in * width, behind);
        Guarded<double> squares(tiles, behind);
        Guarded<Bf16Pair> pairs((n_in + 1) / 2 * width, behind);
        const Index begin = any.between(0, static_cast<int>(tiles - 1)) * row_tile;
        const Index end = any.coin() ? n_in : std::min(n_in, begin + row_tile * any.between(1, 3));
        GradientArgs<Operand> product{};
        product.first_row = begin;
        product.last_row = end;
        product.batch = batch;
        product.x = x.data();
        product.ldx = ldx;
        product.dz = dz.data();
        product.lddz = lddz;
        product.vectors = vectors;
        product.gradient = gradient.data();
        product.accumulate = any.coin();
        product.squares = any.coin() ? squares.data() : nullptr;
        k.gradient(product);
        OptimizerStep<T> step;
        step.solver = static_cast<Solver>(any.between(0, 6));
        step.epsilon = T(1e-8);
        UpdateArgs<T> updated{};
        updated.first_row = begin;
        updated.last_row = end;
        updated.vectors = vectors;
        updated.weights = weights.data();
        updated.first_moment = first.data();
        updated.second_moment = second.data();
        updated.average = any.coin() ? average.data() : nullptr;
        updated.squares = any.coin() ? squares.data() : nullptr;
        updated.pairs = is_pair<Operand> ? pairs.data() : nullptr;
        k.update(product, updated, step);
    }
    const Panels panels{any.between(1, 70), any.between(1, 70), lanes};
    const Panels inputs{panels.columns, panels.rows, lanes};
    Guarded<T> weights(panels.size(), behind);
    for (Index p = 0; p < inputs.count(); ++p) {
        const Index rows = round_up(panels.columns, lanes) / (is_pair<Operand> ? 2 : 1);
        Guarded<Operand> transposed(rows * inputs.vectors(p) * lanes, behind);
        k.transpose_panel(weights.data(), panels.rows, panels.columns, inputs.first_column(p),
                          inputs.vectors(p), transposed.data());
    }
}

// Entries of raw rows, heights (of any width), and a step with the gradient by them.
template <class T>
void check_table(const KernelTable<T>& k, Shapes& any, bool behind) {
    const Index n_ramps = any.between(1, 40), n_values = any.between(1, 20), batch = any.between(1, 40);
    Guarded<double> edges(n_ramps + 1, behind), slopes(n_ramps, behind), values(n_values, behind);
    std::iota(edges.data(), edges.data() + n_ramps + 1, 0.0);
    std::fill_n(slopes.data(), n_ramps, 1.0);
    std::iota(values.data(), values.data() + n_values, 0.0);
    SourceArgs sources[2] = {{0, 0, 1, edges.data(), slopes.data(), n_ramps, nullptr, 0, true},
                             {0, 0, 0, nullptr, nullptr, 0, values.data(), n_values, false}};
    const Index n_in = sources[0].n_features() + sources[1].n_features();
    const Index n_entries = sources[0].n_entries() + sources[1].n_entries();
    Guarded<double> row(2, behind);
    Guarded<std::int32_t> at(batch * n_entries, behind);
    Guarded<T> entries(batch * n_entries, behind);
    Guarded<Index> starts(batch + 1, behind);
    for (Index b = 0; b < batch; ++b) {
        row.data()[0] = static_cast<double>(any.between(-9, static_cast<int>(n_ramps) + 9)) / 2;
        row.data()[1] = static_cast<double>(any.between(-1, static_cast<int>(n_values)));
        k.compress(sources, 2, row.data(), at.data() + b * n_entries, entries.data() + b * n_entries);
        starts.data()[b + 1] = (b + 1) * n_entries;
    }
    const Curve curve{1, 1 + n_ramps};
    const Curves curves{&curve, 1};
    const Index odd = any.between(1, 70);
    Guarded<T> rows(n_in * odd, behind), raised(n_in * odd, behind);
    k.heights(curves, n_in, odd, rows.data(), raised.data());

    const Index vectors = any.between(1, 2), width = vectors * k.lanes;
    const Compressed<T> table{starts.data(), at.data(), entries.data()};
    Guarded<T> dz(batch * width, behind), gradient(n_in * width, behind), weights(n_in * width, behind);
    Guarded<T> first(n_in * width, behind), second(n_in * width, behind), heights(n_in * width, behind);
    GradientArgs<T> product{};
    product.last_row = n_in;
    product.batch = batch;
    product.dz = dz.data();
    product.lddz = width;
    product.vectors = vectors;
    product.gradient = gradient.data();
    product.table = &table;
    product.curves = curves;
    OptimizerStep<T> step;
    step.solver = Solver::adamw;
    step.epsilon = T(1e-8);
    UpdateArgs<T> updated{};
    updated.last_row = n_in;
    updated.vectors = vectors;
    updated.weights = weights.data();
    updated.first_moment = first.data();
    updated.second_moment = second.data();
    updated.curves = curves;
    updated.heights = heights.data();
    k.update(product, updated, step);
}

void check_pairs(const Bf16Table& k, Index lanes, Shapes& any, bool behind) {
    const Index rows = any.between(1, 70), columns = any.between(1, 70), padded = round_up(columns, lanes);
    const Index ldx = padded + any.between(0, 9);
    Guarded<float> x((rows - 1) * ldx + padded, behind), exact((rows - 1) * ldx + columns, behind);
    const Index row_pairs = (rows + 1) / 2, column_pairs = (columns + 1) / 2, more = any.between(0, 9);
    Guarded<Bf16Pair> by_rows((rows - 1) * (column_pairs + more) + column_pairs, behind);
    k.pair_columns(rows, columns, exact.data(), ldx, by_rows.data(), column_pairs + more);
    Guarded<Bf16Pair> by_columns((row_pairs - 1) * (padded + more) + padded, behind);
    k.pair_rows(rows, padded, x.data(), ldx, by_columns.data(), padded + more);
    Guarded<Bf16Pair> transposed((columns - 1) * (row_pairs + more) + row_pairs, behind);
    k.transpose_pairs(rows, columns, x.data(), ldx, transposed.data(), row_pairs + more);
}

}  // namespace

int main() {
    for (const std::string& isa : available_isas()) {
        const Bf16Table& pairs = bf16_kernels(isa);
        const KernelTable<float>& single = kernels<float>(isa);
        const KernelTable<double>& wide = kernels<double>(isa);
        Shapes any;
        for (int round = 0; round < 500; ++round) {
            const bool behind = round % 2 == 0;
            check_products<Bf16Pair>(pairs, single.lanes, single.row_tile, any, behind);
            check_products<float>(single, single.lanes, single.row_tile, any, behind);
            check_products<double>(wide, wide.lanes, wide.row_tile, any, behind);
            check_table<float>(single, any, behind);
            check_table<double>(wide, any, behind);
            check_pairs(pairs, single.lanes, any, behind);
        }
        std::printf("%s: within bounds\n", isa.c_str());
    }
}

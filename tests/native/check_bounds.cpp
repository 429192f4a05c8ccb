// Products between guarded pages: whatever they read or write beyond a matrix ends the process. Sanitizers do
// not see the loads and stores of AMX's tiles, which are assembler.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
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
            check_pairs(pairs, single.lanes, any, behind);
        }
        std::printf("%s: within bounds\n", isa.c_str());
    }
}

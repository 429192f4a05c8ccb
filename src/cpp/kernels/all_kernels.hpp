// Included once by each isa_*.cpp. Everything here and below lies in an
// anonymous namespace and uses no function template of the standard library: the linker merges equal
// symbols, and one compiled for AVX-512 must not be what a machine without it runs.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels/table.hpp"

namespace {
using pymlp::Activation;
using pymlp::BackwardArgs;
using pymlp::Bf16Pair;
using pymlp::Compressed;
using pymlp::Curve;
using pymlp::Curves;
using pymlp::DropoutArgs;
using pymlp::GemmArgs;
using pymlp::GradientArgs;
using pymlp::HiddenArgs;
using pymlp::Index;
using pymlp::is_pair;
using pymlp::Loss;
using pymlp::LossArgs;
using pymlp::OptimizerStep;
using pymlp::Output;
using pymlp::OutputArgs;
using pymlp::Solver;
using pymlp::SourceArgs;
using pymlp::SparseGemmArgs;
using pymlp::Sum;
using pymlp::UpdateArgs;
}  // namespace

// clang-format off: each header uses those before it
#include "simd/vector.hpp"
#include "simd/bf16.hpp"
#include "simd/math.hpp"
#include "simd/normal.hpp"
#include "kernels/finite.hpp"
#include "kernels/gemm.hpp"
#include "kernels/sparse.hpp"
#include "kernels/bf16.hpp"
#include "kernels/optimizer.hpp"
#include "kernels/heights.hpp"
#include "kernels/update.hpp"
#include "kernels/activation.hpp"
#include "kernels/dropout.hpp"
#include "kernels/softmax.hpp"
#include "kernels/softmax_losses.hpp"
#include "kernels/elementwise_losses.hpp"
#include "kernels/loss.hpp"
#include "kernels/output.hpp"
#include "kernels/transpose.hpp"
#include "kernels/widen.hpp"
#include "kernels/expand.hpp"
// clang-format on

namespace {

// Enough independent chains to fill two pipes of four cycles' latency, all in registers.
template <class Operand>
double fma_rounds(Index rounds, Sum<Operand>* sink) {
    using T = Sum<Operand>;
    constexpr int chains = max_tile_rows == 14 ? 24 : 12;
    const Vec<T> x = broadcast<T>(*sink), y = broadcast<T>(T(0.5));
    Vec<T> acc[chains];
    for (int c = 0; c < chains; ++c)
        acc[c] = broadcast<T>(static_cast<T>(c));  // equal chains would be merged
    for (Index i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
        for (int c = 0; c < chains; ++c) {
            if constexpr (is_pair<Operand>)
                acc[c] = multiply_add<Operand>(pair_of(y, y), bit_cast<Vec<Operand>>(x), acc[c]);
            else
                acc[c] = acc[c] * y + x;
        }
    }
    Vec<T> sum = {};
    for (int c = 0; c < chains; ++c) sum += acc[c];
    *sink = sum_lanes<T>(sum);
    return (is_pair<Operand> ? 4.0 : 2.0) * chains * lanes<T> * static_cast<double>(rounds);
}

template <class Operand>
constexpr void add_products(pymlp::ProductTable<Operand>& table) {
    table.gemm = gemm<Operand>;
    table.update = update<Operand>;
    table.gradient = gradient<Operand>;
    table.transpose_panel = transpose_panel<Operand>;
    table.fma_rounds = fma_rounds<Operand>;
}

constexpr void add_pairings(pymlp::Bf16Table& table) {
    table.pair_columns = pair_columns;
    table.pair_rows = pair_rows;
    table.transpose_pairs = transpose_pairs;
}

constexpr pymlp::Bf16Table bf16_table() {
    pymlp::Bf16Table table{};
    add_products<Bf16Pair>(table);
    table.emulated = emulates_bf16;
    add_pairings(table);
    return table;
}

template <class T>
constexpr pymlp::KernelTable<T> kernel_table() {
    pymlp::KernelTable<T> table{};
    add_products<T>(table);
    table.lanes = lanes<T>;
    table.row_tile = max_tile_rows;
    table.sparse_gemm = sparse_gemm<T>;
    table.update_bias = update_bias<T>;
    table.gradient_bias = gradient_bias<T>;
    table.apply = apply<T>;
    table.apply_bias = apply_bias<T>;
    table.activate = activate<T>;
    table.activate_with_slope = activate_with_slope<T>;
    table.multiply_derivative = multiply_derivative<T>;
    table.multiply_slope = multiply_slope<T>;
    table.drop = drop<T>;
    table.loss = loss<T>;
    table.predict = predict<T>;
    table.sum_squares = sum_squares<T>;
    table.all_finite = all_finite<T>;
    table.widen_from = widen_from<T>;
    table.expand = expand<T>;
    table.compress = compress<T>;
    table.heights = heights<T>;
    return table;
}

}  // namespace

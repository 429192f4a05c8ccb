// Prediction of a few rows without packing the weights.
#include <algorithm>
#include <cstring>
#include <utility>

#include "network/network.hpp"
#include "network/operands.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

// Of weights, for each member of a team: half of a core's second-level cache. Where one core's cache does not
// hold the weights, two read their halves many times faster from their own, from one call to the next.
constexpr std::size_t bytes_a_member = 1 << 20;

// A layer whose row-major weights W: (n_in, n_out) are read where they lie. Where n_out is no multiple of a
// vector, the last vector of a row reads on into the next row, and what becomes of it past column n_out is
// never looked at. The last rows have no such row behind them and are copied.
template <class T>
struct LayerInPlace {
    Panels panels;
    const T* coefs;
    Index whole;     // rows before the copied ones, an even number: two rows share a pair of bfloat16
    Buffer<T> rest;  // (n_in - whole, n_out padded)
    Buffer<T> bias;  // (n_out padded)

    explicit LayerInPlace(const LayerView<T>& layer)
        : panels{layer.n_in, layer.n_out, kernels<T>().lanes}, coefs(layer.coefs) {
        const Index n_out = layer.n_out, padded = panels.padded_columns();
        whole = std::max<Index>(0, layer.n_in - divide_up(padded - n_out, n_out)) / 2 * 2;
        rest = Buffer<T>((layer.n_in - whole) * padded);
        bias = Buffer<T>(padded);
        const auto bytes = static_cast<std::size_t>(n_out) * sizeof(T);
        for (Index i = whole; i < layer.n_in; ++i)
            std::memcpy(rest.data() + (i - whole) * padded, coefs + i * n_out, bytes);
        std::memcpy(bias.data(), layer.intercepts, bytes);
    }
};

// Columns of a layer that one member computes.
struct Columns {
    Index first, vectors;
};
template <class T>
Columns columns_of(const LayerInPlace<T>& layer, const Member& me) {
    const Panels& panels = layer.panels;
    const Index begin = panels.count() * me.index / me.count,
                end = panels.count() * (me.index + 1) / me.count;
    const Index last = std::min(panels.first_column(end), panels.padded_columns());
    return {panels.first_column(begin), (last - panels.first_column(begin)) / panels.lanes};
}

// out = x W + b, x: (n, n_in)
template <class T>
void forward(const LayerInPlace<T>& layer, Columns columns, Index n, const T* x, Index ldx, T* out,
             Index ldo) {
    const KernelTable<T>& k = kernels<T>();
    const Index n_in = layer.panels.rows, n_out = layer.panels.columns, whole = layer.whole;
    const T* bias = layer.bias.data() + columns.first;
    out += columns.first;
    k.gemm({n, whole, x, ldx, layer.coefs + columns.first, n_out, columns.vectors, bias, out, ldo});
    for (Index r = 0; r < n; ++r) {
        T* row = out + r * ldo;  // goes on from the sums that it has
        k.gemm({1, n_in - whole, x + r * ldx + whole, ldx, layer.rest.data() + columns.first,
                layer.panels.padded_columns(), columns.vectors, row, row, ldo});
    }
}

// The same in bfloat16, whose weights are rounded a panel at a time. x: (n, n_in) pairs
void forward(const LayerInPlace<float>& layer, Columns columns, Index n, const Bf16Pair* x, Index ldx,
             Bf16Pair* panel, float* out, Index ldo) {
    const Panels& panels = layer.panels;
    const Index n_in = panels.rows, n_out = panels.columns, whole = layer.whole;
    const Bf16Table& k = bf16_kernels();
    for (Index v = 0; v < columns.vectors; v += 2) {
        const Index column = columns.first + v * panels.lanes,
                    vectors = std::min<Index>(2, columns.vectors - v);
        const Index width = vectors * panels.lanes;
        k.pair_rows(whole, width, layer.coefs + column, n_out, panel, width);
        k.pair_rows(n_in - whole, width, layer.rest.data() + column, panels.padded_columns(),
                    panel + whole / 2 * width, width);
        k.gemm({n, operands<Bf16Pair>(n_in), x, ldx, panel, width, vectors, layer.bias.data() + column,
                out + column, ldo});
    }
}

// The same with sparse x, whose entries are few.
template <class T>
void forward(const LayerInPlace<T>& layer, Columns columns, Index n, const Compressed<T>& x, T* out,
             Index ldo) {
    const KernelTable<T>& k = kernels<T>();
    const Index n_out = layer.panels.columns, whole = layer.whole, padded = layer.panels.padded_columns();
    for (Index r = 0; r < n; ++r) {
        T* row = out + r * ldo;
        Index entries[] = {x.starts[r], x.starts[r + 1]};
        Index e = entries[1];
        while (e > entries[0] && x.at[e - 1] >= whole) --e;
        std::swap(e, entries[1]);
        for (Index v = 0; v < columns.vectors; v += 2) {
            const Index column = columns.first + v * k.lanes;
            k.sparse_gemm({1,
                           {entries, x.at, x.values},
                           layer.coefs + column,
                           n_out,
                           std::min<Index>(2, columns.vectors - v),
                           layer.bias.data() + column,
                           row + column,
                           ldo});
        }
        for (Index i = entries[1]; i < e; ++i)  // goes on from the sums that it has
            k.gemm({1, 1, x.values + i, 1, layer.rest.data() + (x.at[i] - whole) * padded + columns.first,
                    padded, columns.vectors, row + columns.first, row + columns.first, ldo});
    }
}

// What a member needs for bfloat16: a layer's inputs, and a panel of its weights.
struct Pairs {
    Buffer<Bf16Pair> x, panel;
};

}  // namespace

template <class Operand>
void predict_few(const std::vector<LayerView<Sum<Operand>>>& views,
                 const std::vector<Activation>& activations, const LossSpec& loss, Index n,
                 const Rows<Sum<Operand>>& x, Sum<Operand>* predictions, int n_threads) {
    using T = Sum<Operand>;
    const KernelTable<T>& k = kernels<T>();
    std::vector<LayerInPlace<T>> layers(views.begin(), views.end());
    Index widest = 0, deepest = 0;
    std::size_t bytes = 0;
    for (const LayerInPlace<T>& layer : layers) {
        widest = std::max(widest, layer.panels.padded_columns());
        if (&layer != &layers.front() || !x.sparse())  // sparse rows are not paired
            deepest = std::max(deepest, operands<Operand>(layer.panels.rows));
        bytes += static_cast<std::size_t>(layer.panels.size()) * sizeof(T);
    }
    const auto shares = static_cast<int>(std::min<std::size_t>(bytes / bytes_a_member, 1024));
    // only if asked for: on a busy machine, waking a thread may take longer than the row by far
    const int members = n_threads > 0 ? std::clamp(shares, 1, threads_for(n_threads)) : 1;
    const Index ldx = row_stride<Operand>(deepest);
    std::vector<Pairs> pairs(is_pair<Operand> ? static_cast<std::size_t>(members) : 0);
    for (Pairs& own : pairs)
        own = {Buffer<Bf16Pair>(n * ldx), Buffer<Bf16Pair>(deepest * layers.front().panels.width())};
    Buffer<T> activated(2 * n * widest);
    SparseBlock<T> gathered;
    Buffer<T> widened(x.sparse() || x.plain() ? 0 : n * x.n_features);
    Input<T> input{x.values, x.n_features};
    if (x.sparse()) {
        gathered = SparseBlock<T>(n, x.start(n) - x.start(0));
        Index end = 0;
        for (Index r = 0; r < n; ++r) end = gathered.copy_row(x, r, r, end);
        input = {nullptr, 0, gathered.rows()};
    } else if (!x.plain()) {
        input = {widened.data(), x.n_features};
    }
    run_team(members, [&](Member& me) {  // of one, too, for its rounding mode: the same bits as `predict`
        if (widened.size() > 0) {
            if (me.index == 0) Dataset<T>{n, x}.gather(0, n, widened.data(), x.n_features);
            me.wait();
        }
        Input<T> in = input;
        T* out = activated.data();
        for (std::size_t l = 0; l < layers.size(); ++l) {
            const Columns columns = columns_of(layers[l], me);
            out = activated.data() + static_cast<Index>(l % 2) * n * widest;
            if (columns.vectors == 0) {  // narrower than the team
            } else if (in.sparse()) {
                forward(layers[l], columns, n, in.rows, out, widest);
            } else if constexpr (is_pair<Operand>) {
                Pairs& own = pairs[static_cast<std::size_t>(me.index)];
                bf16_kernels().pair_columns(n, layers[l].panels.rows, in.dense, in.ld, own.x.data(), ldx);
                forward(layers[l], columns, n, own.x.data(), ldx, own.panel.data(), out, widest);
            } else {
                forward(layers[l], columns, n, in.dense, in.ld, out, widest);
            }
            if (l < activations.size())
                k.activate(activations[l], n, columns.vectors * k.lanes, out + columns.first, widest);
            me.wait();
            in = {out, widest};
        }
        if (me.index != 0) return;
        const Index outputs = layers.back().panels.columns;
        k.predict(output_of(loss.kind), n, outputs, out, widest, loss.groups.data(),
                  static_cast<Index>(loss.groups.size()) - 1);
        for (Index r = 0; r < n; ++r)
            std::memcpy(predictions + r * outputs, out + r * widest,
                        static_cast<std::size_t>(outputs) * sizeof(T));
    });
}

template void predict_few<float>(const std::vector<LayerView<float>>&, const std::vector<Activation>&,
                                 const LossSpec&, Index, const Rows<float>&, float*, int);
template void predict_few<double>(const std::vector<LayerView<double>>&, const std::vector<Activation>&,
                                  const LossSpec&, Index, const Rows<double>&, double*, int);
template void predict_few<Bf16Pair>(const std::vector<LayerView<float>>&, const std::vector<Activation>&,
                                    const LossSpec&, Index, const Rows<float>&, float*, int);

}  // namespace pymlp

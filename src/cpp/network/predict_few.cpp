// Prediction of a few rows without packing the weights.
#include <algorithm>
#include <cstring>
#include <utility>

#include "network/heights.hpp"
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

// Rows that lie `ld` apart.
template <class T>
struct Block {
    T* data;
    Index ld;
};

// out = x W + b, x: (n, n_in)
template <class T>
void forward(const LayerInPlace<T>& layer, Columns columns, Index n, Block<const T> x, Block<T> out) {
    GemmArgs<T> product{};
    product.rows = n;
    product.depth = layer.whole;
    product.a = x.data;
    product.lda = x.ld;
    product.b = layer.coefs + columns.first;
    product.ldb = layer.panels.columns;
    product.vectors = columns.vectors;
    product.bias = layer.bias.data() + columns.first;
    product.c = out.data + columns.first;
    product.ldc = out.ld;
    kernels<T>().gemm(product);
    product.rows = 1;
    product.depth = layer.panels.rows - layer.whole;
    product.a += layer.whole;
    product.b = layer.rest.data() + columns.first;
    product.ldb = layer.panels.padded_columns();
    for (Index r = 0; r < n; ++r) {
        product.bias = product.c;  // goes on from the sums that it has
        kernels<T>().gemm(product);
        product.a += x.ld;
        product.c += out.ld;
    }
}

// The same in bfloat16, whose weights are rounded a panel at a time. x: (n, n_in) pairs
void forward(const LayerInPlace<float>& layer, Columns columns, Index n, Block<const Bf16Pair> x,
             Bf16Pair* panel, Block<float> out) {
    const Panels& panels = layer.panels;
    const Index n_in = panels.rows, whole = layer.whole;
    const Bf16Table& k = bf16_kernels();
    GemmArgs<Bf16Pair> product{};
    product.rows = n;
    product.depth = operands<Bf16Pair>(n_in);
    product.a = x.data;
    product.lda = x.ld;
    product.b = panel;
    product.ldc = out.ld;
    for (Index v = 0; v < columns.vectors; v += 2) {
        const Index column = columns.first + v * panels.lanes;
        product.vectors = std::min<Index>(2, columns.vectors - v);
        const Index width = product.ldb = product.vectors * panels.lanes;
        k.pair_rows(whole, width, layer.coefs + column, panels.columns, panel, width);
        k.pair_rows(n_in - whole, width, layer.rest.data() + column, panels.padded_columns(),
                    panel + whole / 2 * width, width);
        product.bias = layer.bias.data() + column;
        product.c = out.data + column;
        k.gemm(product);
    }
}

// The same with sparse x, whose entries are few.
template <class T>
void forward(const LayerInPlace<T>& layer, Columns columns, Index n, const Compressed<T>& x, Block<T> out) {
    const KernelTable<T>& k = kernels<T>();
    const Index padded = layer.panels.padded_columns();
    for (Index r = 0; r < n; ++r) {
        T* row = out.data + r * out.ld;
        Index entries[] = {x.starts[r], x.starts[r + 1]};
        Index e = entries[1];
        while (e > entries[0] && x.at[e - 1] >= layer.whole) --e;
        std::swap(e, entries[1]);
        SparseGemmArgs<T> product{};
        product.rows = 1;
        product.a = {entries, x.at, x.values};
        product.ldb = layer.panels.columns;
        product.ldc = out.ld;
        for (Index v = 0; v < columns.vectors; v += 2) {
            const Index column = columns.first + v * k.lanes;
            product.b = layer.coefs + column;
            product.vectors = std::min<Index>(2, columns.vectors - v);
            product.bias = layer.bias.data() + column;
            product.c = row + column;
            k.sparse_gemm(product);
        }
        GemmArgs<T> entry{};  // goes on from the sums that the row has
        entry.rows = entry.depth = entry.lda = 1;
        entry.ldb = padded;
        entry.vectors = columns.vectors;
        entry.bias = entry.c = row + columns.first;
        entry.ldc = out.ld;
        for (Index i = entries[1]; i < e; ++i) {
            entry.a = x.values + i;
            entry.b = layer.rest.data() + (x.at[i] - layer.whole) * padded + columns.first;
            k.gemm(entry);
        }
    }
}

// What a member needs for bfloat16: a layer's inputs, and a panel of its weights.
struct Pairs {
    Buffer<Bf16Pair> x, panel;
};

}  // namespace

template <class Operand>
void predict_few(const NetworkView<Sum<Operand>>& network, const Dataset<Sum<Operand>>& data,
                 Sum<Operand>* predictions, int n_threads) {
    using T = Sum<Operand>;
    const KernelTable<T>& k = kernels<T>();
    const Index n = data.n;
    const Rows<T>& x = data.x;
    std::vector<LayerView<T>> views = network.layers;
    Heights<T> heights;
    views[0].coefs = heights.load(views[0].coefs, views[0].n_in, views[0].n_out, x.expansion);
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
        gathered = SparseBlock<T>(n, most_entries(data, n));
        input = {nullptr, 0, gathered.rows()};
    } else if (!x.plain()) {
        input = {widened.data(), x.n_features};
    }
    run_team(members, [&](Member& me) {  // of one, too, for its rounding mode: the same bits as `predict`
        if (!x.plain()) {
            Index end = 0;
            for (Index r = 0; x.sparse() && me.index == 0 && r < n; ++r)
                end = gathered.copy_row(x, r, r, end);
            if (!x.sparse() && me.index == 0) data.gather(0, n, widened.data(), x.n_features);
            me.wait();
        }
        Input<T> in = input;
        T* out = activated.data();
        for (std::size_t l = 0; l < layers.size(); ++l) {
            const Columns columns = columns_of(layers[l], me);
            out = activated.data() + static_cast<Index>(l % 2) * n * widest;
            const Block<T> z{out, widest};
            if (columns.vectors == 0) {  // narrower than the team
            } else if (in.sparse()) {
                forward(layers[l], columns, n, in.rows, z);
            } else if constexpr (is_pair<Operand>) {
                Pairs& own = pairs[static_cast<std::size_t>(me.index)];
                bf16_kernels().pair_columns(n, layers[l].panels.rows, in.dense, in.ld, own.x.data(), ldx);
                forward(layers[l], columns, n, {own.x.data(), ldx}, own.panel.data(), z);
            } else {
                forward(layers[l], columns, n, {in.dense, in.ld}, z);
            }
            if (l < network.activations.size())
                k.activate(network.activations[l], n, columns.vectors * k.lanes, out + columns.first, widest);
            me.wait();
            in = {out, widest};
        }
        if (me.index != 0) return;
        const Index outputs = network.n_outputs();
        predict_outputs(network.loss, n, outputs, out, widest);
        for (Index r = 0; r < n; ++r)
            std::memcpy(predictions + r * outputs, out + r * widest,
                        static_cast<std::size_t>(outputs) * sizeof(T));
    });
}

template void predict_few<float>(const NetworkView<float>&, const Dataset<float>&, float*, int);
template void predict_few<double>(const NetworkView<double>&, const Dataset<double>&, double*, int);
template void predict_few<Bf16Pair>(const NetworkView<float>&, const Dataset<float>&, float*, int);

}  // namespace pymlp

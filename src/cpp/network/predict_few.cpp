// Prediction of a few rows without packing the weights.
#include <cstring>

#include "network/network.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

// out = x W + b out of the row-major W: (n_in, n_out). Where n_out is no multiple of a vector, the last
// vector of a row reads on into the next row, and what becomes of it past column n_out is never looked at.
// The last rows have no such row behind them: `last_rows` takes a copy of them, (a few rows, n_out padded).
template <class T>
void forward(const LayerView<T>& layer, Index n, const Input<T>& x, const T* bias, T* last_rows, T* out,
             Index ldo) {
    const KernelTable<T>& k = kernels<T>();
    const Index n_out = layer.n_out, padded = round_up(n_out, k.lanes), vectors = padded / k.lanes;
    const Index whole = std::max<Index>(0, layer.n_in - divide_up(padded - n_out, n_out));
    for (Index i = whole; i < layer.n_in; ++i)
        std::memcpy(last_rows + (i - whole) * padded, layer.coefs + i * n_out,
                    static_cast<std::size_t>(n_out) * sizeof(T));
    if (!x.sparse()) k.gemm({n, whole, x.dense, x.ld, layer.coefs, n_out, vectors, bias, out, ldo});
    for (Index r = 0; r < n; ++r) {
        T* row = out + r * ldo;  // goes on from the sums that it has
        if (!x.sparse()) {
            k.gemm({1, layer.n_in - whole, x.dense + r * x.ld + whole, x.ld, last_rows, padded, vectors, row,
                    row, ldo});
            continue;
        }
        Index entries[] = {x.rows.starts[r], x.rows.starts[r + 1]};
        Index e = entries[1];
        while (e > entries[0] && x.rows.at[e - 1] >= whole) --e;
        std::swap(e, entries[1]);
        for (Index v = 0; v < vectors; v += 2)
            k.sparse_gemm({1,
                           {entries, x.rows.at, x.rows.values},
                           layer.coefs + v * k.lanes,
                           n_out,
                           std::min<Index>(2, vectors - v),
                           bias + v * k.lanes,
                           row + v * k.lanes,
                           ldo});
        for (Index i = entries[1]; i < e; ++i)
            k.gemm({1, 1, x.rows.values + i, 1, last_rows + (x.rows.at[i] - whole) * padded, padded, vectors,
                    row, row, ldo});
    }
}

}  // namespace

template <class T>
void predict_few(const std::vector<LayerView<T>>& layers, const std::vector<Activation>& activations,
                 const LossSpec& loss, Index n, const Rows<T>& x, T* predictions) {
    const KernelTable<T>& k = kernels<T>();
    Index widest = 0;  // in whole vectors, as all rows here
    for (const LayerView<T>& layer : layers) widest = std::max(widest, round_up(layer.n_out, k.lanes));
    Buffer<T> bias(widest), last_rows(std::max(widest, k.lanes * k.lanes)), activated(2 * n * widest);
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
    T* out = activated.data();
    T* next = out + n * widest;
    run_team(1, [&](Member&) {  // for its rounding mode: the same bits as `predict`
        if (widened.size() > 0) Dataset<T>{n, x}.gather(0, n, widened.data(), x.n_features);
        for (std::size_t l = 0; l < layers.size(); ++l) {
            std::memcpy(bias.data(), layers[l].intercepts,
                        static_cast<std::size_t>(layers[l].n_out) * sizeof(T));
            forward(layers[l], n, input, bias.data(), last_rows.data(), out, widest);
            if (l < activations.size())
                k.activate(activations[l], n, round_up(layers[l].n_out, k.lanes), out, widest);
            if (l + 1 == layers.size()) break;
            input = {out, widest};
            std::swap(out, next);
        }
        const Index outputs = layers.back().n_out;
        k.predict(output_of(loss.kind), n, outputs, out, widest, loss.groups.data(),
                  static_cast<Index>(loss.groups.size()) - 1);
        for (Index r = 0; r < n; ++r)
            std::memcpy(predictions + r * outputs, out + r * widest,
                        static_cast<std::size_t>(outputs) * sizeof(T));
    });
}

template void predict_few(const std::vector<LayerView<float>>&, const std::vector<Activation>&,
                          const LossSpec&, Index, const Rows<float>&, float*);
template void predict_few(const std::vector<LayerView<double>>&, const std::vector<Activation>&,
                          const LossSpec&, Index, const Rows<double>&, double*);

}  // namespace pymlp

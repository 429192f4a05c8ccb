// Prediction of a few rows without packing the weights.
#include <cstring>

#include "network/network.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

// out = x W + b, panel by panel out of the row-major matrix. Only the columns that do not fill a panel are
// copied, into `ragged`: (n_in, panel width).
template <class T>
void forward(const LayerView<T>& layer, Index n, const Input<T>& x, T* out, Index ldo, T* ragged,
             T* ragged_bias) {
    const KernelTable<T>& k = kernels<T>();
    const Panels panels{layer.n_in, layer.n_out, k.lanes};
    for (Index p = 0; p < panels.count(); ++p) {
        const Index column = panels.first_column(p), vectors = panels.vectors(p), width = vectors * k.lanes;
        const T* b = layer.coefs + column;
        const T* bias = layer.intercepts + column;
        Index ldb = layer.n_out;
        if (column + width > layer.n_out) {
            const auto bytes = static_cast<std::size_t>(layer.n_out - column) * sizeof(T);
            for (Index i = 0; i < layer.n_in; ++i) std::memcpy(ragged + i * width, b + i * ldb, bytes);
            std::memcpy(ragged_bias, bias, bytes);
            b = ragged;
            bias = ragged_bias;
            ldb = width;
        }
        if (x.sparse())
            k.sparse_gemm({n, x.rows, b, ldb, vectors, bias, out + column, ldo});
        else
            k.gemm({n, layer.n_in, x.dense, x.ld, b, ldb, vectors, bias, out + column, ldo});
    }
}

}  // namespace

template <class T>
void predict_few(const std::vector<LayerView<T>>& layers, const std::vector<Activation>& activations,
                 const LossSpec& loss, Index n, const Rows<T>& x, T* predictions) {
    const KernelTable<T>& k = kernels<T>();
    const Index panel = 2 * k.lanes;
    Index tallest = 0, widest = 0;
    for (const LayerView<T>& layer : layers) {
        tallest = std::max(tallest, layer.n_in);
        widest = std::max(widest, round_up(layer.n_out, panel));
    }
    Buffer<T> ragged(tallest * panel), ragged_bias(panel), activated(2 * n * widest);
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
            forward(layers[l], n, input, out, widest, ragged.data(), ragged_bias.data());
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

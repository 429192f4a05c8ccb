// Prediction of a few rows without packing the weights.
#include <cstring>

#include "network/network.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

// out = x W + b, panel by panel out of the row-major matrix. Only the columns that do not fill a panel are
// copied, into `ragged`: (n_in, panel width).
template <class T>
void forward(const LayerView<T>& layer, Index n, const T* x, Index ldx, T* out, Index ldo, T* ragged,
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
        k.gemm({n, layer.n_in, x, ldx, b, ldb, vectors, bias, out + column, ldo});
    }
}

}  // namespace

template <class T>
void predict_few(const std::vector<LayerView<T>>& layers, Activation activation, Loss loss, Index n,
                 const T* x, T* predictions) {
    const KernelTable<T>& k = kernels<T>();
    const Index panel = 2 * k.lanes;
    Index tallest = 0, widest = 0;
    for (const LayerView<T>& layer : layers) {
        tallest = std::max(tallest, layer.n_in);
        widest = std::max(widest, round_up(layer.n_out, panel));
    }
    Buffer<T> ragged(tallest * panel), ragged_bias(panel), activations(2 * n * widest);
    T* out = activations.data();
    T* next = out + n * widest;
    Index ldx = layers.front().n_in;
    run_team(1, [&](Member&) {  // for its rounding mode: the same bits as `predict`
        for (const LayerView<T>& layer : layers) {
            forward(layer, n, x, ldx, out, widest, ragged.data(), ragged_bias.data());
            if (&layer == &layers.back()) break;
            k.activate(activation, n, round_up(layer.n_out, k.lanes), out, widest);
            x = out;
            ldx = widest;
            std::swap(out, next);
        }
        const Index outputs = layers.back().n_out;
        const Index groups[] = {0, outputs};
        k.predict(output_of(loss), n, outputs, out, widest, groups, 1);
        for (Index r = 0; r < n; ++r)
            std::memcpy(predictions + r * outputs, out + r * widest,
                        static_cast<std::size_t>(outputs) * sizeof(T));
    });
}

template void predict_few(const std::vector<LayerView<float>>&, Activation, Loss, Index, const float*,
                          float*);
template void predict_few(const std::vector<LayerView<double>>&, Activation, Loss, Index, const double*,
                          double*);

}  // namespace pymlp

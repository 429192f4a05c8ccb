#include "training/pass.hpp"

namespace pymlp {
namespace {

// Of a dropout mask: unlike for every step and layer of a seed (SplitMix64, Steele, Lea & Flood 2014).
std::uint64_t mask_key(std::uint64_t seed, std::int64_t step, std::size_t layer) {
    const auto mix = [](std::uint64_t x) {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    };
    return mix(mix(mix(seed) + static_cast<std::uint64_t>(step)) + layer);
}

}  // namespace

template <class T>
Pass<T>::Pass(const Network<T>& network, std::vector<double> dropout, std::uint64_t seed)
    : kernels_(kernels<T>()), network_(network), dropout_(std::move(dropout)), seed_(seed) {}

template <class T>
void Pass<T>::prepare(Index batch_size, int members) {
    const std::size_t depth = network_.layers.size();
    transposed_.resize(static_cast<std::size_t>(members));
    for (Buffer<T>& panel : transposed_)
        if (panel.size() == 0)
            panel = Buffer<T>(2 * kernels_.lanes * round_up(network_.widest(), kernels_.lanes));
    if (batch_size <= row_loss_.size()) return;
    activations_.clear();
    slopes_.clear();
    dz_.clear();
    for (std::size_t l = 0; l < depth; ++l) activations_.emplace_back(batch_size * stride(l));
    for (std::size_t l = 0; l + 1 < depth; ++l) {
        dz_.emplace_back(batch_size * stride(l));
        slopes_.emplace_back(keeps_slope(l) ? batch_size * stride(l) : 0);
    }
    row_loss_ = Buffer<double>(batch_size);
    row_hit_ = Buffer<double>(batch_size);
}

// One thread, rows in order.
template <class T>
Sums Pass<T>::sums(const Batch<T>& batch) const {
    Sums sums;
    for (Index r = 0; r < batch.rows(); ++r) {
        const auto weight = static_cast<double>(batch.weight(r));
        sums.loss += weight * row_loss_.data()[r];
        sums.hits += weight * row_hit_.data()[r];
    }
    sums.weight = batch.total_weight();
    return sums;
}

// Each member computes the panels that it owns, for all rows of the batch.
template <class T>
void Pass<T>::forward_hidden(std::size_t l, const Batch<T>& batch, std::int64_t step, const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Activation activation = network_.activations[l];
    const Index chunk = 8 * kernels_.row_tile;  // rows that stay in the cache while the panels pass by
    const Index ldo = stride(l);
    const Input<T> in = input(l, batch);
    T* out = activations_[l].data();
    const std::uint64_t key = mask_key(seed_, step, l);
    const auto forward = [&](Index panel, Index first, Index last) {
        const Index column = layer.panels.first_column(panel), rows = last - first;
        const Index columns = layer.panels.vectors(panel) * kernels_.lanes;
        forward_panel(layer, panel, first, last, in, out, ldo);
        T* a = out + first * ldo + column;
        if (!keeps_slope(l)) return kernels_.activate(activation, rows, columns, a, ldo);
        T* slope = slopes_[l].data() + first * ldo + column;
        kernels_.activate_with_slope(activation, rows, columns, a, ldo, slope, ldo);
        if (dropout(l) > 0)
            kernels_.drop({rows, columns, first, column, a, ldo, slope, ldo, key, dropout(l)});
    };
    for (Index begin = 0; begin < batch.rows(); begin += chunk) {
        const Index end = std::min(batch.rows(), begin + chunk);
        for_each_share(layer.panels, batch.rows(), kernels_.row_tile, me.index, me.count,
                       [&](Index panel, Index first, Index last) {
                           first = std::max(first, begin);
                           last = std::min(last, end);
                           if (first < last) forward(panel, first, last);
                       });
    }
}

// Forward through the last layer, the loss, and back to the last hidden layer: each member takes some rows,
// and rows need nothing of each other, hence no barrier in between.
template <class T>
void Pass<T>::output_layer(const Batch<T>& batch, const Member& me) {
    const std::size_t l = network_.layers.size() - 1;
    const Layer<T>& layer = network_.layers[l];
    const Index first = batch.rows() * me.index / me.count, last = batch.rows() * (me.index + 1) / me.count;
    if (first == last) return;
    const Index ldz = stride(l);
    T* z = activations_[l].data();
    for (Index p = 0; p < layer.panels.count(); ++p)
        forward_panel(layer, p, first, last, input(l, batch), z, ldz);
    network_.derive_loss(last - first, z + first * ldz, ldz, batch.labels(first), batch.targets(first),
                         batch.target_stride(), batch.sample_weight(first), row_loss_.data() + first,
                         row_hit_.data() + first);
    if (l == 0) return;
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    for (Index p = 0; p < inputs.count(); ++p) backward_block(l, p, first, last, me);
}

// dz[l - 1] = (dz[l] W_l^T) * f'(z[l - 1]), by panels of W_l^T's columns
template <class T>
void Pass<T>::backward(std::size_t l, Index rows, const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    for_each_share(inputs, rows, kernels_.row_tile, me.index, me.count,
                   [&](Index panel, Index first, Index last) { backward_block(l, panel, first, last, me); });
}

template <class T>
void Pass<T>::backward_block(std::size_t l, Index panel, Index first, Index last, const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    const Index column = inputs.first_column(panel), vectors = inputs.vectors(panel);
    const Index rows = last - first, columns = vectors * kernels_.lanes;
    T* transposed = transposed_[static_cast<std::size_t>(me.index)].data();
    kernels_.transpose_panel(layer.weights.data(), layer.n_in(), layer.n_out(), column, vectors, transposed);
    const Index ldo = stride(l - 1), at = first * ldo + column;
    T* out = dz_[l - 1].data() + at;
    kernels_.gemm({rows, layer.n_out(), dz(l) + first * stride(l), stride(l), transposed, columns, vectors,
                   nullptr, out, ldo});
    if (keeps_slope(l - 1))
        kernels_.multiply_slope(rows, columns, slopes_[l - 1].data() + at, ldo, out, ldo);
    else
        kernels_.multiply_derivative(network_.activations[l - 1], rows, columns,
                                     activations_[l - 1].data() + at, ldo, out, ldo);
}

template class Pass<float>;
template class Pass<double>;

}  // namespace pymlp

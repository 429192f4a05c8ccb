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

template <class Operand>
Pass<Operand>::Pass(const Network<T>& network, std::vector<double> dropout, std::uint64_t seed)
    : kernels_(kernels<T>()),
      products_(products<Operand>()),
      network_(network),
      dropout_(std::move(dropout)),
      seed_(seed),
      weights_(network.layers.size()) {}

template <class Operand>
void Pass<Operand>::prepare(Index batch_size, int members, const Rows<T>& x) {
    const std::size_t depth = network_.layers.size();
    for (std::size_t l = x.sparse() ? 1 : 0; l < depth; ++l) weights_[l].load(network_.layers[l]);
    heights_.load(network_.layers[0], x.expansion);
    transposed_.resize(static_cast<std::size_t>(members));
    for (Buffer<Operand>& panel : transposed_)
        if (panel.size() == 0)
            panel = Buffer<Operand>(2 * kernels_.lanes * round_up(network_.widest(), kernels_.lanes));
    if (batch_size <= row_loss_.size()) return;
    outputs_.clear();
    slopes_.clear();
    dz_.clear();
    for (std::size_t l = 0; l < depth; ++l) {
        const Index columns = network_.layers[l].panels.padded_columns();
        // the last layer's become derivatives
        outputs_.emplace_back(batch_size, columns, l + 1 < depth ? Factor::input : Factor::derivative);
        if (l + 1 == depth) break;
        dz_.emplace_back(batch_size, columns, Factor::derivative);
        slopes_.emplace_back(keeps_slope(l) ? batch_size * dz_[l].stride() : 0);
    }
    row_loss_ = Buffer<double>(batch_size);
    row_hit_ = Buffer<double>(batch_size);
}

// One thread, rows in order.
template <class Operand>
Sums Pass<Operand>::sums(const Batch<Operand>& batch) const {
    Sums sums;
    for (Index r = 0; r < batch.rows(); ++r) {
        const auto weight = static_cast<double>(batch.weight(r));
        sums.loss += weight * row_loss_.data()[r];
        sums.hits += weight * row_hit_.data()[r];
    }
    sums.weight = batch.total_weight();
    return sums;
}

template <class Operand>
void Pass<Operand>::forward_panel(std::size_t l, Index panel, Index first, Index last,
                                  const Batch<Operand>& batch) {
    const Layer<T>& layer = network_.layers[l];
    OperandMatrix<Operand>& out = outputs_[l];
    T* z = out.values() + first * out.stride() + layer.panels.first_column(panel);
    if (l == 0 && batch.sparse()) {  // its entries are not paired: they are multiplied as they are
        auto product = panel_product<SparseGemmArgs<T>>(layer, panel, last - first, z, out.stride());
        product.a = batch.entries();
        product.a.starts += first;
        product.b = heights_.panel(layer, panel);
        return kernels_.sparse_gemm(product);
    }
    const OperandMatrix<Operand>& in = input(l, batch);
    auto product = panel_product<GemmArgs<Operand>>(layer, panel, last - first, z, out.stride());
    product.depth = operands<Operand>(layer.n_in());
    product.a = in.by_rows(first);
    product.lda = in.row_operands();
    product.b = weights_[l].panel(layer, panel);
    products_.gemm(product);
}

// Each member computes the panels that it owns, for all rows of the batch.
template <class Operand>
void Pass<Operand>::forward_hidden(std::size_t l, const Batch<Operand>& batch, std::int64_t step,
                                   const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Activation activation = network_.activations[l];
    const Index chunk = 8 * kernels_.row_tile;  // rows that stay in the cache while the panels pass by
    OperandMatrix<Operand>& out = outputs_[l];
    const Index ldo = out.stride();
    const std::uint64_t key = mask_key(seed_, step, l);
    const auto forward = [&](Index panel, Index first, Index last) {
        forward_panel(l, panel, first, last, batch);
        DropoutArgs<T> block{};
        block.rows = last - first;
        block.columns = layer.panels.vectors(panel) * kernels_.lanes;
        block.first_row = first;
        block.first_column = layer.panels.first_column(panel);
        block.x = out.values() + first * ldo + block.first_column;
        block.ldx = ldo;
        if (keeps_slope(l)) {
            block.slope = slopes_[l].data() + first * ldo + block.first_column;
            block.lds = ldo;
            block.key = key;
            block.rate = dropout(l);
            kernels_.activate_with_slope(activation, block);
            if (block.rate > 0) kernels_.drop(block);
        } else {
            kernels_.activate(activation, block.rows, block.columns, block.x, ldo);
        }
        out.publish(first, last, block.first_column, block.columns);
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
template <class Operand>
void Pass<Operand>::output_layer(const Batch<Operand>& batch, const Member& me) {
    const std::size_t l = network_.layers.size() - 1;
    const Layer<T>& layer = network_.layers[l];
    const Index first = first_row_of(batch.rows(), me.index, me.count);
    const Index last = first_row_of(batch.rows(), me.index + 1, me.count);
    if (first == last) return;
    OperandMatrix<Operand>& out = outputs_[l];
    for (Index p = 0; p < layer.panels.count(); ++p) forward_panel(l, p, first, last, batch);
    LossArgs<T> rows{};
    rows.rows = last - first;
    rows.z = out.values() + first * out.stride();
    rows.ldz = out.stride();
    rows.labels = batch.labels(first);
    rows.targets = batch.targets(first);
    rows.ldt = batch.target_stride();
    rows.sample_weight = batch.sample_weight(first);
    rows.row_loss = row_loss_.data() + first;
    rows.row_hit = row_hit_.data() + first;
    network_.derive_loss(rows);
    out.publish(first, last, 0, layer.panels.padded_columns());
    if (l == 0) return;
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    for (Index p = 0; p < inputs.count(); ++p) backward_block(l, p, first, last, me);
}

// dz[l - 1] = (dz[l] W_l^T) * f'(z[l - 1]), by panels of W_l^T's columns
template <class Operand>
void Pass<Operand>::backward(std::size_t l, Index rows, const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    for_each_share(inputs, rows, kernels_.row_tile, me.index, me.count,
                   [&](Index panel, Index first, Index last) { backward_block(l, panel, first, last, me); });
}

template <class Operand>
void Pass<Operand>::backward_block(std::size_t l, Index panel, Index first, Index last, const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    const Index column = inputs.first_column(panel), vectors = inputs.vectors(panel);
    Operand* transposed = transposed_[static_cast<std::size_t>(me.index)].data();
    products_.transpose_panel(layer.weights.data(), layer.n_in(), layer.n_out(), column, vectors, transposed);
    const OperandMatrix<Operand>& in = dz(l);
    OperandMatrix<Operand>& out = dz_[l - 1];
    const Index at = first * out.stride() + column;
    GemmArgs<Operand> product{};
    product.rows = last - first;
    product.depth = operands<Operand>(layer.n_out());
    product.a = in.by_rows(first);
    product.lda = in.row_operands();
    product.b = transposed;
    product.ldb = vectors * kernels_.lanes;
    product.vectors = vectors;
    product.c = out.values() + at;
    product.ldc = out.stride();
    products_.gemm(product);
    BackwardArgs<T> block{};
    block.rows = product.rows;
    block.columns = product.ldb;
    block.d = product.c;
    block.ldd = block.ldf = out.stride();
    if (keeps_slope(l - 1)) {
        block.from = slopes_[l - 1].data() + at;
        kernels_.multiply_slope(block);
    } else {
        block.from = outputs_[l - 1].values() + at;
        kernels_.multiply_derivative(network_.activations[l - 1], block);
    }
    out.publish(first, last, column, block.columns);
}

template class Pass<float>;
template class Pass<double>;
template class Pass<Bf16Pair>;

}  // namespace pymlp

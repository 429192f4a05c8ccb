// Passes over many rows: blocks of rows go through all layers, so that their activations stay in the cache.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "network/heights.hpp"
#include "network/operands.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

// A multiple of every row tile (6, 14); 84 x 1000 floats fit into the L2 cache.
constexpr Index block_rows = 84;

template <class T>
int team_of(const Network<T>& network, Index n, int n_threads) {
    double work = 0;
    for (const Layer<T>& layer : network.layers) work += 2.0 * static_cast<double>(n * layer.panels.size());
    return static_cast<int>(std::min<Index>(team_size(n_threads, work), divide_up(n, block_rows)));
}

// A network's forward pass, and what one member of a team needs for it.
template <class Operand>
class Forward {
  public:
    using T = Sum<Operand>;

    Forward(const Network<T>& network, const std::vector<OperandPanels<Operand>>& weights,
            const Heights<T>& heights, Index rows, bool sparse)
        : network_(network), weights_(weights), heights_(heights), stride_(row_stride<T>(network.widest())) {
        for (Buffer<T>& z : z_) z = Buffer<T>(rows * stride_);
        Index most = 0;
        for (std::size_t l = sparse ? 1 : 0; l < network.layers.size(); ++l)  // sparse rows are not paired
            most = std::max(most, operands<Operand>(network.layers[l].n_in()));
        if (is_pair<Operand>) pairs_ = Buffer<Operand>(rows * row_stride<Operand>(most));
    }

    // Outputs before the output activation for a block of rows: (rows, n_outputs), in rows of `stride`
    T* run(Index rows, Input<T> x) {
        T* out = z_[0].data();
        for (std::size_t l = 0; l < network_.layers.size(); ++l) {
            out = z_[l % 2].data();
            layer(l, rows, x, out);
            if (l < network_.activations.size())
                kernels<T>().activate(network_.activations[l], rows,
                                      network_.layers[l].panels.padded_columns(), out, stride_);
            x = {out, stride_};
        }
        return out;
    }
    Index stride() const { return stride_; }

  private:
    void layer(std::size_t l, Index rows, const Input<T>& x, T* out) {
        const Layer<T>& layer = network_.layers[l];
        const Panels& panels = layer.panels;
        const Operand* a = nullptr;
        Index lda = x.ld;
        if constexpr (is_pair<Operand>) {
            a = pairs_.data();
            lda = row_stride<Operand>(operands<Operand>(panels.rows));
            if (!x.sparse())
                bf16_kernels().pair_columns(rows, panels.rows, x.dense, x.ld, pairs_.data(), lda);
        } else {
            a = x.dense;
        }
        for (Index p = 0; p < panels.count(); ++p) {
            T* z = out + panels.first_column(p);
            if (x.sparse()) {
                auto product = panel_product<SparseGemmArgs<T>>(layer, p, rows, z, stride_);
                product.a = x.rows;
                product.b = heights_.panel(layer, p);
                kernels<T>().sparse_gemm(product);
            } else {
                auto product = panel_product<GemmArgs<Operand>>(layer, p, rows, z, stride_);
                product.depth = operands<Operand>(panels.rows);
                product.a = a;
                product.lda = lda;
                product.b = weights_[l].panel(layer, p);
                products<Operand>().gemm(product);
            }
        }
    }

    const Network<T>& network_;
    const std::vector<OperandPanels<Operand>>& weights_;
    const Heights<T>& heights_;
    Index stride_;
    Buffer<T> z_[2];
    Buffer<Operand> pairs_;  // what a layer reads, where that is not its input itself
};

// Calls f(member, first, rows, z, ldz) with the raw outputs of every block of samples. With `only_finite` it
// stops at a block of x, which is plain then and has no order, that is not finite, and returns false.
template <class Operand, class F>
bool for_each_block(const Network<Sum<Operand>>& network, const Dataset<Sum<Operand>>& data, int n_threads,
                    const Interrupted& interrupted, bool only_finite, F f) {
    using T = Sum<Operand>;
    const Rows<T>& x = data.x;
    const Index n = data.n, rows = std::min(n, block_rows), blocks = divide_up(n, block_rows);
    const Index x_stride = row_stride<T>(x.n_features), entries = most_entries(data, rows);
    const bool in_place = x.plain() && !data.order;
    std::vector<OperandPanels<Operand>> weights(network.layers.size());
    for (std::size_t l = x.sparse() ? 1 : 0; l < weights.size(); ++l) weights[l].load(network.layers[l]);
    Heights<T> heights;
    heights.load(network.layers[0], x.expansion);
    // for each member
    std::vector<Forward<Operand>> forward;
    std::vector<Buffer<T>> dense;
    std::vector<SparseBlock<T>> compressed;
    const int members = team_of(network, n, n_threads);
    for (int m = 0; m < members; ++m) {
        forward.emplace_back(network, weights, heights, rows, x.sparse());
        dense.emplace_back(in_place || x.sparse() ? 0 : rows * x_stride);
        compressed.emplace_back(x.sparse() ? SparseBlock<T>(rows, entries) : SparseBlock<T>());
    }
    std::atomic<bool> finite{true}, stop{false};
    run_team(members, [&](Member& me) {
        Poll poll(interrupted);
        const auto m = static_cast<std::size_t>(me.index);
        for (Index b = blocks * me.index / me.count; b < blocks * (me.index + 1) / me.count; ++b) {
            const Index first = b * block_rows, count = std::min(block_rows, n - first);
            Input<T> input{in_place ? x.values + first * x.n_features : nullptr, x.n_features};
            // here, where the block comes into the cache anyway
            if (only_finite && !kernels<T>().all_finite(count * x.n_features, input.dense)) finite = false;
            if (me.index == 0 && poll.interrupted()) stop = true;
            if (!finite || stop) return;
            if (x.sparse()) {
                Index end = 0;
                for (Index r = 0; r < count; ++r)
                    end = compressed[m].copy_row(x, data.row(first + r), r, end);
                input = {nullptr, 0, compressed[m].rows()};
            } else if (!in_place) {
                data.gather(first, count, dense[m].data(), x_stride);
                input = {dense[m].data(), x_stride};
            }
            f(me.index, first, count, forward[m].run(count, input), forward[m].stride());
        }
    });
    return finite;
}

}  // namespace

template <class Operand>
bool predict(const Network<Sum<Operand>>& network, const Dataset<Sum<Operand>>& data,
             Sum<Operand>* predictions, int n_threads, const Interrupted& interrupted, bool only_finite) {
    using T = Sum<Operand>;
    const Index outputs = network.n_outputs();
    return for_each_block<Operand>(network, data, n_threads, interrupted, only_finite,
                                   [&](int, Index first, Index rows, T* z, Index ldz) {
                                       predict_outputs(network.loss, rows, outputs, z, ldz);
                                       for (Index r = 0; r < rows; ++r)
                                           std::memcpy(predictions + (first + r) * outputs, z + r * ldz,
                                                       static_cast<std::size_t>(outputs) * sizeof(T));
                                   });
}

template <class Operand>
Evaluation evaluate(const Network<Sum<Operand>>& network, const Dataset<Sum<Operand>>& data, int n_threads,
                    const Interrupted& interrupted) {
    using T = Sum<Operand>;
    const Index n = data.n, outputs = network.n_outputs(), groups = network.n_groups();
    const Index ldt = network.layers.back().panels.padded_columns();
    const Index kept = team_of(network, n, n_threads) * block_rows;
    Buffer<double> row_loss(n), row_hit(n);
    Buffer<std::int32_t> labels(data.labels ? kept * groups : 0);
    Buffer<T> targets(data.targets ? kept * ldt : 0);  // the loss kernel reads whole vectors of them
    for_each_block<Operand>(
        network, data, n_threads, interrupted, false,
        [&](int member, Index first, Index rows, T* z, Index ldz) {
            std::int32_t* block_labels = data.labels ? labels.data() + member * block_rows * groups : nullptr;
            T* block_targets = data.targets ? targets.data() + member * block_rows * ldt : nullptr;
            for (Index r = 0; r < rows; ++r) {
                const Index i = data.row(first + r);
                if (data.labels)
                    std::memcpy(block_labels + r * groups, data.labels + i * groups,
                                static_cast<std::size_t>(groups) * sizeof(std::int32_t));
                else
                    std::memcpy(block_targets + r * ldt, data.targets + i * outputs,
                                static_cast<std::size_t>(outputs) * sizeof(T));
            }
            LossArgs<T> block{};
            block.rows = rows;
            block.z = z;
            block.ldz = ldz;
            block.labels = block_labels;
            block.targets = block_targets;
            block.ldt = ldt;
            block.row_loss = row_loss.data() + first;
            block.row_hit = row_hit.data() + first;
            network.derive_loss(block);
        });
    double loss = 0, hits = 0, weight = 0;
    for (Index r = 0; r < n; ++r) {
        const double w = data.sample_weight ? static_cast<double>(data.sample_weight[data.row(r)]) : 1.0;
        loss += w * row_loss.data()[r];
        hits += w * row_hit.data()[r];
        weight += w;
    }
    return {loss / weight, hits / weight};
}

template bool predict<float>(const Network<float>&, const Dataset<float>&, float*, int, const Interrupted&,
                             bool);
template bool predict<double>(const Network<double>&, const Dataset<double>&, double*, int,
                              const Interrupted&, bool);
template bool predict<Bf16Pair>(const Network<float>&, const Dataset<float>&, float*, int, const Interrupted&,
                                bool);
template Evaluation evaluate<float>(const Network<float>&, const Dataset<float>&, int, const Interrupted&);
template Evaluation evaluate<double>(const Network<double>&, const Dataset<double>&, int, const Interrupted&);
template Evaluation evaluate<Bf16Pair>(const Network<float>&, const Dataset<float>&, int, const Interrupted&);

}  // namespace pymlp

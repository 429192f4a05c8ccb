// Passes over many rows: blocks of rows go through all layers, so that their activations stay in the cache.
#include <cstring>

#include "network/network.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

constexpr Index block_rows =
    84;  // a multiple of every row tile (6, 14); 84 x 1000 floats fit into the L2 cache

template <class T>
int team_of(const Network<T>& network, Index n, int n_threads) {
    double work = 0;
    for (const Layer<T>& layer : network.layers) work += 2.0 * static_cast<double>(n * layer.panels.size());
    return static_cast<int>(std::min<Index>(team_size(n_threads, work), divide_up(n, block_rows)));
}

// Calls f(member, first, rows, z, ldz) with the raw outputs of every block of samples.
template <class T, class F>
void for_each_block(const Network<T>& network, const Dataset<T>& data, int n_threads, F f) {
    const Rows<T>& x = data.x;
    const Index stride = row_stride<T>(network.widest()), x_stride = row_stride<T>(x.n_features);
    const Index n = data.n, rows = std::min(n, block_rows), blocks = divide_up(n, block_rows);
    const int members = team_of(network, n, n_threads);
    const bool in_place = x.plain() && !data.order;
    Buffer<T> scratch(2 * members * rows * stride),
        dense(in_place || x.sparse() ? 0 : members * rows * x_stride);
    const Index entries = most_entries(data, rows);
    std::vector<SparseBlock<T>> compressed;
    for (int m = 0; x.sparse() && m < members; ++m) compressed.emplace_back(rows, entries);
    run_team(members, [&](Member& me) {
        T* a = scratch.data() + 2 * me.index * rows * stride;
        for (Index b = blocks * me.index / me.count; b < blocks * (me.index + 1) / me.count; ++b) {
            const Index first = b * block_rows, count = std::min(block_rows, n - first);
            Input<T> input{x.values + first * x.n_features, x.n_features};
            if (x.sparse()) {
                SparseBlock<T>& block = compressed[static_cast<std::size_t>(me.index)];
                Index end = 0;
                for (Index r = 0; r < count; ++r) end = block.copy_row(x, data.row(first + r), r, end);
                input = {nullptr, 0, block.rows()};
            } else if (!in_place) {
                T* block = dense.data() + me.index * rows * x_stride;
                data.gather(first, count, block, x_stride);
                input = {block, x_stride};
            }
            f(me.index, first, count, forward_rows(network, count, input, a, a + rows * stride), stride);
        }
    });
}

}  // namespace

template <class T>
void predict(const Network<T>& network, Index n, const Rows<T>& x, const std::int64_t* order, T* predictions,
             int n_threads) {
    Dataset<T> data;
    data.n = n;
    data.x = x;
    data.order = order;
    const Index outputs = network.n_outputs();
    for_each_block(network, data, n_threads, [&](int, Index first, Index rows, T* z, Index ldz) {
        network.predict_outputs(rows, z, ldz);
        for (Index r = 0; r < rows; ++r)
            std::memcpy(predictions + (first + r) * outputs, z + r * ldz,
                        static_cast<std::size_t>(outputs) * sizeof(T));
    });
}

template <class T>
Evaluation evaluate(const Network<T>& network, const Dataset<T>& data, int n_threads) {
    const Index n = data.n, outputs = network.n_outputs(), groups = network.n_groups();
    const Index ldt = network.layers.back().panels.padded_columns();
    const Index kept = team_of(network, n, n_threads) * block_rows;
    Buffer<double> row_loss(n), row_hit(n);
    Buffer<std::int32_t> labels(data.labels ? kept * groups : 0);
    Buffer<T> targets(data.targets ? kept * ldt : 0);  // the loss kernel reads whole vectors of them
    for_each_block(network, data, n_threads, [&](int member, Index first, Index rows, T* z, Index ldz) {
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
        network.derive_loss(rows, z, ldz, block_labels, block_targets, ldt, nullptr, row_loss.data() + first,
                            row_hit.data() + first);
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

template void predict(const Network<float>&, Index, const Rows<float>&, const std::int64_t*, float*, int);
template void predict(const Network<double>&, Index, const Rows<double>&, const std::int64_t*, double*, int);
template Evaluation evaluate(const Network<float>&, const Dataset<float>&, int);
template Evaluation evaluate(const Network<double>&, const Dataset<double>&, int);

}  // namespace pymlp

// Passes over many rows: blocks of rows go through all layers, so that their activations stay in the cache.
#include <atomic>
#include <cstring>

#include "network/network.hpp"
#include "threads/team.hpp"

namespace pymlp {
namespace {

constexpr Index block_rows =
    84;  // a multiple of every row tile (6, 14); 84 x 1000 floats fit into the L2 cache

// Calls f(first, rows, z, ldz) with the raw outputs of every block of rows. With `only_finite` it stops at a
// block of a dense x that is not finite and returns false.
template <class T, class F>
bool for_each_block(const Network<T>& network, Index n, const Rows<T>& x, int n_threads, bool only_finite,
                    F f) {
    const Index stride = row_stride<T>(network.widest());
    const Index rows = std::min(n, block_rows);
    const Index blocks = divide_up(n, block_rows);
    double work = 0;
    for (const Layer<T>& layer : network.layers) work += 2.0 * static_cast<double>(n * layer.panels.size());
    const int members = static_cast<int>(std::min<Index>(team_size(n_threads, work), blocks));
    Buffer<T> scratch(2 * members * rows * stride);
    Dataset<T> samples;
    samples.n = n;
    samples.x = x;
    const Index entries = most_entries(samples, rows);
    std::vector<SparseBlock<T>> gathered;
    for (int m = 0; x.sparse() && m < members; ++m) gathered.emplace_back(rows, entries);
    std::atomic<bool> finite{true};
    run_team(members, [&](Member& me) {
        T* a = scratch.data() + 2 * me.index * rows * stride;
        for (Index b = blocks * me.index / me.count; b < blocks * (me.index + 1) / me.count; ++b) {
            const Index first = b * block_rows, count = std::min(block_rows, n - first);
            Input<T> input{x.values + first * x.n_features, x.n_features};
            // here, where the block comes into the cache anyway
            if (only_finite && !kernels<T>().all_finite(count * x.n_features, input.dense)) finite = false;
            if (!finite) return;
            if (x.sparse()) {
                SparseBlock<T>& block = gathered[static_cast<std::size_t>(me.index)];
                Index end = 0;
                for (Index r = 0; r < count; ++r) end = block.copy_row(x, first + r, r, end);
                input = {nullptr, 0, block.rows()};
            }
            f(first, count, forward_rows(network, count, input, a, a + rows * stride), stride);
        }
    });
    return finite;
}

}  // namespace

template <class T>
bool predict(const Network<T>& network, Index n, const Rows<T>& x, T* predictions, int n_threads,
             bool only_finite) {
    const Index outputs = network.n_outputs();
    return for_each_block(network, n, x, n_threads, only_finite,
                          [&](Index first, Index rows, T* z, Index ldz) {
                              network.predict_outputs(rows, z, ldz);
                              for (Index r = 0; r < rows; ++r)
                                  std::memcpy(predictions + (first + r) * outputs, z + r * ldz,
                                              static_cast<std::size_t>(outputs) * sizeof(T));
                          });
}

template <class T>
Evaluation evaluate(const Network<T>& network, const Dataset<T>& data, int n_threads) {
    const Index n = data.n, outputs = network.n_outputs();
    const Index ldt = network.layers.back().panels.padded_columns();
    Buffer<double> row_loss(n), row_hit(n);
    // the loss kernel reads whole vectors of targets
    Buffer<T> targets(data.targets ? n * ldt : 0);
    for (Index r = 0; data.targets && r < n; ++r)
        std::memcpy(targets.data() + r * ldt, data.targets + r * outputs,
                    static_cast<std::size_t>(outputs) * sizeof(T));
    for_each_block(network, n, data.x, n_threads, false, [&](Index first, Index rows, T* z, Index ldz) {
        network.derive_loss(rows, z, ldz, data.labels ? data.labels + first * network.n_groups() : nullptr,
                            data.targets ? targets.data() + first * ldt : nullptr, ldt, nullptr,
                            row_loss.data() + first, row_hit.data() + first);
    });
    double loss = 0, hits = 0, weight = 0;
    for (Index r = 0; r < n; ++r) {
        const double w = data.sample_weight ? static_cast<double>(data.sample_weight[r]) : 1.0;
        loss += w * row_loss.data()[r];
        hits += w * row_hit.data()[r];
        weight += w;
    }
    return {loss / weight, hits / weight};
}

template bool predict(const Network<float>&, Index, const Rows<float>&, float*, int, bool);
template bool predict(const Network<double>&, Index, const Rows<double>&, double*, int, bool);
template Evaluation evaluate(const Network<float>&, const Dataset<float>&, int);
template Evaluation evaluate(const Network<double>&, const Dataset<double>&, int);

}  // namespace pymlp

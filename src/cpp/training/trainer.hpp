// Mini-batch training: the fused step, and the epoch that one team of threads runs from end to end.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "network/network.hpp"
#include "threads/team.hpp"

namespace pymlp {

struct TrainerOptions {
    Solver solver = Solver::sgd;
    bool nesterov = true;
    double momentum = 0.9;
    double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
    double alpha = 0;
    Index batch_size = 1;
    int n_threads = 0;  // 0: OpenMP's number
};

struct EpochResult {
    double loss = 0;      // mean over the samples of their mini-batch's loss, with the penalty
    double accuracy = 0;  // of classifiers, as the samples passed
    double weight = 0;    // sum of the samples' weights
    bool interrupted = false;
};

template <class T>
class Trainer {
  public:
    Trainer(const std::vector<Index>& units, Activation activation, Loss loss, const TrainerOptions& options);

    Network<T>& network() { return network_; }
    const Network<T>& network() const { return network_; }
    std::vector<Layer<T>>& first_moments() { return first_moments_; }
    std::vector<Layer<T>>& second_moments() { return second_moments_; }  // empty for sgd
    std::int64_t steps() const { return steps_; }
    void set_steps(std::int64_t steps) { steps_ = steps; }

    // One pass over the data. Ends early when a loss is not finite, or when `interrupted`, asked now and then
    // by the calling thread, says so.
    EpochResult run_epoch(const Dataset<T>& data, double learning_rate,
                          const std::function<bool()>& interrupted);

  private:
    // A mini-batch, gathered. x: (batch, n_features), targets: (batch, padded n_outputs)
    struct Batch {
        Buffer<T> x, targets, sample_weight;
        Buffer<std::int32_t> labels;
        Index rows = 0;
    };

    void gather(const Dataset<T>& data, Index step, Batch& batch, const Member& me);
    void begin_step(const Dataset<T>& data, const Batch& batch, double learning_rate);
    void forward_hidden(std::size_t layer, const Batch& batch, const Member& me);
    void output_layer(const Dataset<T>& data, const Batch& batch, const Member& me);
    void backward(std::size_t layer, Index rows, const Member& me);
    void backward_block(std::size_t layer, Index panel, Index first, Index last, const Member& me);
    void update(std::size_t layer, const Batch& batch, const Member& me);
    void end_step(const Dataset<T>& data, const Batch& batch, EpochResult& result);

    // row length of a layer's output and delta
    Index stride(std::size_t layer) const {
        return row_stride<T>(network_.layers[layer].panels.padded_columns());
    }
    Index input_stride(std::size_t layer) const { return layer == 0 ? x_stride_ : stride(layer - 1); }
    const T* input(std::size_t layer, const Batch& batch) const {
        return layer == 0 ? batch.x.data() : activations_[layer - 1].data();
    }
    // d loss / d z of a layer; the output layer's replaces its z
    const T* delta(std::size_t layer) const {
        return layer + 1 == network_.layers.size() ? activations_[layer].data() : deltas_[layer].data();
    }
    Index batch_size_of(Index n) const { return std::min(options_.batch_size, n); }
    Index row_tiles(std::size_t layer) const;
    double* squares_of(std::size_t layer, Index panel);
    void prepare(Index batch_size);

    const KernelTable<T>& kernels_;
    Network<T> network_;
    TrainerOptions options_;
    std::vector<Layer<T>> first_moments_, second_moments_;
    std::int64_t steps_ = 0;

    // Scratch of one epoch, for `capacity_` rows.
    Index capacity_ = 0;
    Index x_stride_ = 0;                  // row length of x
    Batch batches_[2];                    // one in use, one being gathered
    std::vector<Buffer<T>> activations_;  // outputs of each layer: (batch, n_out); the last becomes its delta
    std::vector<Buffer<T>> deltas_;       // d loss / d z of each hidden layer: (batch, n_out)
    std::vector<Buffer<T>> transposed_;   // a panel of transposed weights for each member
    std::vector<Buffer<double>> squares_;  // squared sums of each layer's weights, by panel and row tile
    Buffer<double> row_loss_, row_hit_;    // (batch)
    OptimizerStep<T> step_;
    double batch_weight_ = 0, penalty_ = 0;
    bool stop_ = false;
};

}  // namespace pymlp

// Mini-batch training: the fused step, and the epoch that one team of threads runs from end to end.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "network/network.hpp"
#include "threads/interrupts.hpp"
#include "threads/team.hpp"
#include "training/monitor.hpp"
#include "training/optimizer_step.hpp"
#include "training/pass.hpp"

namespace pymlp {

struct EpochResult {
    double loss = 0;      // with the penalty: mean over the samples of their mini-batch's, or of all
    double accuracy = 0;  // of classifiers, as the samples passed
};

// What a trainer holds in the shape of the network's layers.
enum class Part { parameters, average, first_moments, second_moments };

// `Operand` is what products read: float, double or Bf16Pair (of float numbers).
template <class Operand>
class Trainer {
  public:
    using T = Sum<Operand>;

    Trainer(const std::vector<Index>& units, std::vector<Activation> activations, LossSpec loss,
            TrainerOptions options);
    Trainer(const Trainer&) = delete;  // its parts refer to each other
    Trainer& operator=(const Trainer&) = delete;

    Network<T>& network() { return network_; }
    // The network that predicts: the moving average if one is kept.
    Network<T>& predictor() { return averaged_ ? *averaged_ : network_; }
    std::vector<Layer<T>>* layers(Part part);  // null if it has none
    // Of the last call of `full_gradient`.
    std::vector<Layer<T>>& gradients() { return gradients_; }
    bool has_moments() const;  // false when some have been taken away
    std::int64_t steps() const { return steps_; }
    void set_steps(std::int64_t steps) { steps_ = steps; }
    // Steps that the moving average has followed, maybe of several optimizers.
    std::int64_t averaged_steps() const { return averaged_steps_; }
    void set_averaged_steps(std::int64_t steps) { averaged_steps_ = steps; }

    // One pass over the data. Ends early when a loss is not finite or the call is interrupted.
    EpochResult run_epoch(const Dataset<T>& data, double learning_rate, const Interrupted& interrupted);

    // Of the last epoch; empty unless it was monitored.
    Monitored monitored() const { return monitor_ ? monitor_->epoch() : Monitored(); }

    // Mean loss of all samples, with the penalty, and its gradient; nothing is updated.
    EpochResult full_gradient(const Dataset<T>& data, const Interrupted& interrupted);

  private:
    template <class F>
    void for_each_product(std::size_t layer, const Batch<Operand>& batch, const Member& me, F f);
    void update(std::size_t layer, const Batch<Operand>& batch, const Member& me);
    // Of a gradient by one or several mini-batches: is this the first, and the last of them?
    struct Turn {
        bool first = true, last = true;
    };
    void gradient(std::size_t layer, const Batch<Operand>& batch, Turn turn, const Member& me);
    void apply(std::size_t layer, const OptimizerStep<T>& step, const Member& me);
    void observe(const Batch<Operand>& batch, const Member& me);
    template <class F>
    void for_each_share_of(std::size_t layer, const Member& me, F f);
    UpdateArgs<T> update_args(std::size_t layer, Index panel, Index first, Index last, bool bias);

    int prepare(const Dataset<T>& data, Index batch_size);
    void prepare_gradients();
    double penalty() const;
    // Are the gradient's norms asked for?
    bool needs_norms() const { return options_.clip_norm > 0 || monitor_; }
    T clip_factor() const;
    double gradient_norm(std::size_t layer) const;

    // Does the layer read the rows of a table?
    bool reads_table(std::size_t layer) const { return layer == 0 && pass_.heights().of_table(); }
    Index row_tiles(std::size_t layer) const;
    // Weight rows' and, behind them, the bias's numbers of a panel, in `squares_` or `gradient_squares_`.
    Index tile_at(std::size_t layer, Index panel) const { return panel * (row_tiles(layer) + 1); }

    const KernelTable<T>& kernels_;
    const ProductTable<Operand>& products_;
    Network<T> network_;
    std::optional<Network<T>> averaged_;
    TrainerOptions options_;
    std::optional<Monitor> monitor_;
    std::vector<Layer<T>> first_moments_, second_moments_, gradients_;
    std::int64_t steps_ = 0, averaged_steps_ = 0;

    Batch<Operand> batches_[2];  // one in use, one being gathered
    Pass<Operand> pass_;
    // Sums of squares of each layer's weights, and of its gradient, by panel and row tile.
    std::vector<Buffer<double>> squares_, gradient_squares_;
    std::vector<Buffer<T>> panel_gradients_;  // of each member, for a table: a panel
    OptimizerStep<T> step_;
    TeamChoice team_;
    bool stop_ = false;
};

}  // namespace pymlp

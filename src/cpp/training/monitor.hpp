// What training saw of the network's inside in an epoch: its gradients and its hidden layers' outputs.
#pragma once

#include <vector>

#include "kernels/table.hpp"
#include "threads/team.hpp"

namespace pymlp {

// One number a layer, or a hidden layer.
struct Monitored {
    std::vector<double> gradient_norm;    // mean over the mini-batches
    std::vector<double> activation_norm;  // root mean square of the outputs, over samples and units
    std::vector<double> dead_share;       // share of the units that put out 0 for every sample
};

class Monitor {
  public:
    // units: (n_features, hidden..., n_outputs)
    explicit Monitor(const std::vector<Index>& units);

    void begin_epoch();
    // Each member sums up a share of the units, over the rows in order: the same bits for any team.
    // outputs: (rows, n_out) of a hidden layer
    template <class T>
    void add_outputs(std::size_t hidden, Index rows, const T* outputs, Index stride, const Member& me);
    // One member tells of the rest.
    void add_gradient(std::size_t layer, double norm) { gradient_norms_[layer] += norm; }
    void end_batch(Index rows);

    Monitored epoch() const;

  private:
    Index batches_ = 0, samples_ = 0;
    std::vector<double> gradient_norms_;        // of each layer, summed over the mini-batches
    std::vector<std::vector<double>> squares_;  // of each hidden unit's outputs, summed over the samples
};

}  // namespace pymlp

// How a fit trains, and what that makes of one step.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/table.hpp"

namespace pymlp {

struct TrainerOptions {
    Solver solver = Solver::sgd;
    double momentum = 0.9;
    bool nesterov = true;
    double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
    double alpha = 0;             // L2 penalty
    double weight_decay = 0;      // adamw, lion: decoupled from the gradient
    double clip_norm = 0;         // largest norm of the data's gradient; 0: any
    double ema_decay = 0;         // of the weights' moving average; 0: none is kept
    std::vector<double> dropout;  // share of each hidden layer's units that are dropped
    std::uint64_t seed = 0;       // of dropout
    bool monitor = false;         // follow gradients and hidden outputs
    Index batch_size = 1;
    int n_threads = 0;  // 0: OpenMP's number
};

// The numbers of step t = 1, 2, ... on a mini-batch of this weight. `averaged`: the number of this step among
// those that the moving average has followed.
template <class T>
OptimizerStep<T> optimizer_step(const TrainerOptions& options, std::int64_t t, std::int64_t averaged,
                                double learning_rate, double batch_weight);

}  // namespace pymlp

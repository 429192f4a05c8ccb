#include "training/optimizer_step.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pymlp {

template <class T>
OptimizerStep<T> optimizer_step(const TrainerOptions& options, std::int64_t t, std::int64_t averaged,
                                double learning_rate, double batch_weight) {
    OptimizerStep<T> step;
    step.solver = options.solver;
    step.nesterov = options.nesterov;
    step.momentum = static_cast<T>(options.momentum);
    step.beta_1 = static_cast<T>(options.beta_1);
    step.beta_2 = static_cast<T>(options.beta_2);
    step.rest_1 = static_cast<T>(1 - options.beta_1);
    step.rest_2 = static_cast<T>(1 - options.beta_2);
    // an epsilon that rounds to 0 would make 0 / 0 of the parameters that never had a gradient
    step.epsilon = std::max(static_cast<T>(options.epsilon), std::numeric_limits<T>::min());
    step.alpha = static_cast<T>(options.alpha);
    // A mini-batch whose samples all weigh nothing has no gradient.
    step.inverse = batch_weight > 0 ? static_cast<T>(1.0 / batch_weight) : T(0);
    step.decay = static_cast<T>(learning_rate * options.weight_decay);

    const auto steps = static_cast<double>(t);
    const auto bias = [steps](double beta) { return 1 - std::pow(beta, steps); };
    switch (options.solver) {
        case Solver::adam:
        case Solver::adamw:
            learning_rate *= std::sqrt(bias(options.beta_2)) / bias(options.beta_1);
            break;
        case Solver::nadam:  // Dozat (2016), algorithm 2, with Adam's place of epsilon
            learning_rate *= std::sqrt(bias(options.beta_2));
            step.gradient_rate = static_cast<T>(learning_rate * (1 - options.beta_1) / bias(options.beta_1));
            learning_rate *= options.beta_1 / (1 - std::pow(options.beta_1, steps + 1));
            break;
        default:
            break;
    }
    step.learning_rate = static_cast<T>(learning_rate);
    step.sum_rate = batch_weight > 0 ? static_cast<T>(learning_rate / batch_weight) : T(0);
    // A short fit would hardly leave its start: the decay grows with the steps, as in TensorFlow's
    // ExponentialMovingAverage(num_updates).
    const auto followed = static_cast<double>(averaged);
    step.average_rest = static_cast<T>(1 - std::min(options.ema_decay, (1 + followed) / (10 + followed)));
    return step;
}

template OptimizerStep<float> optimizer_step(const TrainerOptions&, std::int64_t, std::int64_t, double,
                                             double);
template OptimizerStep<double> optimizer_step(const TrainerOptions&, std::int64_t, std::int64_t, double,
                                              double);

}  // namespace pymlp

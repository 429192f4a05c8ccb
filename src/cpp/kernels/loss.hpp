// Loss of each row and its gradient with respect to the scores, in one pass.
#pragma once

namespace {

template <class T>
void loss(Loss kind, const LossArgs<T>& l) {
    switch (kind) {
        case Loss::softmax_cross_entropy:
            return l.smoothing > T(0) ? softmax_cross_entropy<T, true>(l)
                                      : softmax_cross_entropy<T, false>(l);
        case Loss::softmax_focal:
            return softmax_focal<T>(l);
        case Loss::softmax_hinge:
            return softmax_hinge<T>(l);
        case Loss::logistic_cross_entropy:
            return logistic_cross_entropy<T>(l);
        case Loss::logistic_focal:
            return logistic_focal<T>(l);
        case Loss::logistic_hinge:
            return logistic_hinge<T>(l);
        case Loss::squared_error:
            return squared_error<T>(l);
        case Loss::absolute_error:
            return absolute_error<T>(l);
        case Loss::huber:
            return huber<T>(l);
        case Loss::pinball:
            return pinball<T>(l);
        case Loss::log_cosh:
            return log_cosh<T>(l);
        case Loss::poisson:
            return poisson<T>(l);
        case Loss::gamma:
            return gamma<T>(l);
    }
}

}  // namespace

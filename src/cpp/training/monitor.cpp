#include "training/monitor.hpp"

#include <algorithm>
#include <cmath>

namespace pymlp {

Monitor::Monitor(const std::vector<Index>& units) : gradient_norms_(units.size() - 1) {
    for (std::size_t l = 1; l + 1 < units.size(); ++l)
        squares_.emplace_back(static_cast<std::size_t>(units[l]));
}

void Monitor::begin_epoch() {
    batches_ = samples_ = 0;
    std::fill(gradient_norms_.begin(), gradient_norms_.end(), 0.0);
    for (std::vector<double>& squares : squares_) std::fill(squares.begin(), squares.end(), 0.0);
}

template <class T>
void Monitor::add_outputs(std::size_t hidden, Index rows, const T* outputs, Index stride, const Member& me) {
    const auto units = static_cast<Index>(squares_[hidden].size());
    const Index first = units * me.index / me.count, last = units * (me.index + 1) / me.count;
    double* squares = squares_[hidden].data();
    for (Index r = 0; r < rows; ++r)
        for (Index j = first; j < last; ++j) {
            const auto output = static_cast<double>(outputs[r * stride + j]);
            squares[j] += output * output;
        }
}

void Monitor::end_batch(Index rows) {
    ++batches_;
    samples_ += rows;
}

Monitored Monitor::epoch() const {
    Monitored epoch;
    for (const double norms : gradient_norms_)
        epoch.gradient_norm.push_back(norms / static_cast<double>(batches_));
    for (const std::vector<double>& squares : squares_) {
        double total = 0;
        for (const double unit : squares) total += unit;
        const auto units = static_cast<double>(squares.size());
        epoch.activation_norm.push_back(std::sqrt(total / (units * static_cast<double>(samples_))));
        // a sum of squares is 0 only if every output is, or in double below 1e-154
        const auto dead = static_cast<double>(std::count(squares.begin(), squares.end(), 0.0));
        epoch.dead_share.push_back(dead / units);
    }
    return epoch;
}

template void Monitor::add_outputs(std::size_t, Index, const float*, Index, const Member&);
template void Monitor::add_outputs(std::size_t, Index, const double*, Index, const Member&);

}  // namespace pymlp

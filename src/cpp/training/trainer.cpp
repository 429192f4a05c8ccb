#include "training/trainer.hpp"

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace pymlp {

template <class T>
Trainer<T>::Trainer(const std::vector<Index>& units, Activation activation, Loss loss,
                    const TrainerOptions& options)
    : kernels_(kernels<T>()), network_(units, activation, loss), options_(options) {
    const auto shaped_alike = [&](std::vector<Layer<T>>& moments) {
        for (const Layer<T>& layer : network_.layers)
            moments.emplace_back(layer.n_in(), layer.n_out(), kernels_.lanes);
    };
    shaped_alike(first_moments_);
    if (options.solver == Solver::adam) shaped_alike(second_moments_);
    x_stride_ = row_stride<T>(network_.n_features());
}

template <class T>
Index Trainer<T>::row_tiles(std::size_t layer) const {
    return (network_.layers[layer].n_in() + kernels_.row_tile - 1) / kernels_.row_tile;
}

template <class T>
double* Trainer<T>::squares_of(std::size_t layer, Index panel) {
    return squares_[layer].data() + panel * row_tiles(layer);
}

// Allocates what an epoch needs; nothing is allocated inside the team.
template <class T>
void Trainer<T>::prepare(Index batch_size) {
    const std::size_t depth = network_.layers.size();
    if (batch_size > capacity_) {
        const bool labelled = network_.loss == Loss::softmax_cross_entropy;
        for (Batch& batch : batches_) {
            batch.x = Buffer<T>(batch_size * x_stride_);
            batch.targets = Buffer<T>(labelled ? 0 : batch_size * stride(depth - 1));
            batch.sample_weight = Buffer<T>(batch_size);
            batch.labels = Buffer<std::int32_t>(labelled ? batch_size : 0);
        }
        activations_.clear();
        deltas_.clear();
        for (std::size_t l = 0; l < depth; ++l) activations_.emplace_back(batch_size * stride(l));
        for (std::size_t l = 0; l + 1 < depth; ++l) deltas_.emplace_back(batch_size * stride(l));
        row_loss_ = Buffer<double>(batch_size);
        row_hit_ = Buffer<double>(batch_size);
        capacity_ = batch_size;
    }
    squares_.clear();
    for (std::size_t l = 0; options_.alpha > 0 && l < depth; ++l) {
        const Layer<T>& layer = network_.layers[l];
        squares_.emplace_back(layer.panels.count() * row_tiles(l));
        for (Index p = 0; p < layer.panels.count(); ++p)
            kernels_.sum_squares(layer.n_in(), layer.panels.vectors(p),
                                 layer.weights.data() + layer.panels.offset(p), squares_of(l, p));
    }
}

template <class T>
EpochResult Trainer<T>::run_epoch(const Dataset<T>& data, double learning_rate,
                                  const std::function<bool()>& interrupted) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds poll_interval{20};

    const std::size_t depth = network_.layers.size();
    const Index batch_size = batch_size_of(data.n);
    const Index n_steps = (data.n + batch_size - 1) / batch_size;
    prepare(batch_size);

    double work = 0;  // floating-point operations of a step between two of its barriers
    for (const Layer<T>& layer : network_.layers)
        work += 6.0 * static_cast<double>(batch_size * layer.panels.size());
    const int members = team_size(options_.n_threads, work / static_cast<double>(2 * depth));
    transposed_.clear();
    for (int m = 0; m < members; ++m)
        transposed_.emplace_back(2 * kernels_.lanes * round_up(network_.widest(), kernels_.lanes));

    EpochResult result;
    stop_ = false;
    run_team(members, [&](Member& me) {
        Clock::time_point last_poll = Clock::now();
        gather(data, 0, batches_[0], me);
        me.wait();
        for (Index step = 0; step < n_steps; ++step) {
            const Batch& batch = batches_[step % 2];
            if (me.index == 0) begin_step(data, batch, learning_rate);
            for (std::size_t l = 0; l + 1 < depth; ++l) {
                forward_hidden(l, batch, me);
                me.wait();
            }
            output_layer(data, batch, me);
            me.wait();
            if (me.index == 0) end_step(data, batch, result);
            // A layer is updated one phase after the gradient has gone back through it, beside the next
            // layer's backward pass.
            for (std::size_t l = depth - 1; l-- > 1;) {
                backward(l, batch.rows, me);
                update(l + 1, batch, me);
                me.wait();
            }
            if (depth > 1) update(1, batch, me);
            update(0, batch, me);
            if (step + 1 < n_steps) gather(data, step + 1, batches_[(step + 1) % 2], me);
            if (me.index == 0 && Clock::now() - last_poll > poll_interval) {
                last_poll = Clock::now();
                if (interrupted && interrupted()) stop_ = result.interrupted = true;
            }
            me.wait();
            if (stop_) break;
        }
    });
    result.loss /= static_cast<double>(data.n);
    result.accuracy = result.weight > 0 ? result.accuracy / result.weight : 0.0;
    return result;
}

// Each member copies its share of the rows of a mini-batch.
template <class T>
void Trainer<T>::gather(const Dataset<T>& data, Index step, Batch& batch, const Member& me) {
    const Index batch_size = batch_size_of(data.n);
    const Index begin = step * batch_size;
    const Index rows = std::min(batch_size, data.n - begin);
    const Index features = network_.n_features(), outputs = network_.n_outputs();
    const Index target_stride = stride(network_.layers.size() - 1);
    if (me.index == 0) batch.rows = rows;
    for (Index r = rows * me.index / me.count; r < rows * (me.index + 1) / me.count; ++r) {
        const Index i = data.order ? static_cast<Index>(data.order[begin + r]) : begin + r;
        std::memcpy(batch.x.data() + r * x_stride_, data.x + i * features,
                    static_cast<std::size_t>(features) * sizeof(T));
        if (data.labels)
            batch.labels.data()[r] = data.labels[i];
        else
            std::memcpy(batch.targets.data() + r * target_stride, data.targets + i * outputs,
                        static_cast<std::size_t>(outputs) * sizeof(T));
        if (data.sample_weight) batch.sample_weight.data()[r] = data.sample_weight[i];
    }
}

// What all members need to know of the step before its first update. Sums run in a fixed order.
template <class T>
void Trainer<T>::begin_step(const Dataset<T>& data, const Batch& batch, double learning_rate) {
    batch_weight_ = data.sample_weight ? 0.0 : static_cast<double>(batch.rows);
    for (Index r = 0; data.sample_weight && r < batch.rows; ++r)
        batch_weight_ += static_cast<double>(batch.sample_weight.data()[r]);

    penalty_ = 0;
    for (Buffer<double>& squares : squares_) {
        double sums[8] = {};  // eight chains, so that the additions overlap
        for (Index i = 0; i < squares.size(); ++i) sums[i % 8] += squares.data()[i];
        for (const double sum : sums) penalty_ += sum;
    }
    penalty_ *= 0.5 * options_.alpha;

    ++steps_;
    step_.solver = options_.solver;
    step_.nesterov = options_.nesterov;
    step_.momentum = static_cast<T>(options_.momentum);
    step_.beta_1 = static_cast<T>(options_.beta_1);
    step_.beta_2 = static_cast<T>(options_.beta_2);
    step_.rest_1 = static_cast<T>(1 - options_.beta_1);
    step_.rest_2 = static_cast<T>(1 - options_.beta_2);
    // an epsilon that rounds to 0 would make 0 / 0 of the parameters that never had a gradient
    step_.epsilon = std::max(static_cast<T>(options_.epsilon), std::numeric_limits<T>::min());
    step_.alpha = static_cast<T>(options_.alpha);
    // A mini-batch whose samples all weigh nothing has no gradient.
    step_.inverse = batch_weight_ > 0 ? static_cast<T>(1.0 / batch_weight_) : T(0);
    if (options_.solver == Solver::adam) {
        const auto t = static_cast<double>(steps_);
        learning_rate *= std::sqrt(1 - std::pow(options_.beta_2, t)) / (1 - std::pow(options_.beta_1, t));
    }
    step_.learning_rate = static_cast<T>(learning_rate);
    step_.sum_rate = batch_weight_ > 0 ? static_cast<T>(learning_rate / batch_weight_) : T(0);
}

// Each member computes the panels that it owns, for all rows of the batch.
template <class T>
void Trainer<T>::forward_hidden(std::size_t l, const Batch& batch, const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Index chunk = 8 * kernels_.row_tile;  // rows that stay in the cache while the panels pass by
    const Index ldo = stride(l);
    T* out = activations_[l].data();
    for (Index begin = 0; begin < batch.rows; begin += chunk) {
        const Index end = std::min(batch.rows, begin + chunk);
        for_each_share(layer.panels, batch.rows, kernels_.row_tile, me.index, me.count,
                       [&](Index panel, Index first, Index last) {
                           first = std::max(first, begin);
                           last = std::min(last, end);
                           if (first >= last) return;
                           forward_panel(layer, panel, first, last, input(l, batch), input_stride(l), out,
                                         ldo);
                           kernels_.activate(network_.activation, last - first,
                                             layer.panels.vectors(panel) * kernels_.lanes,
                                             out + first * ldo + layer.panels.first_column(panel), ldo);
                       });
    }
}

// Forward through the last layer, the loss, and back to the last hidden layer: each member takes some rows,
// and rows need nothing of each other, hence no barrier in between.
template <class T>
void Trainer<T>::output_layer(const Dataset<T>& data, const Batch& batch, const Member& me) {
    const std::size_t l = network_.layers.size() - 1;
    const Layer<T>& layer = network_.layers[l];
    const Index first = batch.rows * me.index / me.count, last = batch.rows * (me.index + 1) / me.count;
    if (first == last) return;
    const Index ldz = stride(l);
    T* z = activations_[l].data();
    for (Index p = 0; p < layer.panels.count(); ++p)
        forward_panel(layer, p, first, last, input(l, batch), input_stride(l), z, ldz);
    kernels_.loss(network_.loss,
                  {last - first, layer.n_out(), z + first * ldz, ldz, batch.labels.data() + first,
                   batch.targets.data() + first * ldz, ldz,
                   data.sample_weight ? batch.sample_weight.data() + first : nullptr,
                   row_loss_.data() + first, row_hit_.data() + first, nullptr, 1, T(0), T(2), T(1), nullptr});
    if (l == 0) return;
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    for (Index p = 0; p < inputs.count(); ++p) backward_block(l, p, first, last, me);
}

// deltas[l - 1] = (deltas[l] W_l^T) * f'(activations[l - 1]), by panels of W_l^T's columns
template <class T>
void Trainer<T>::backward(std::size_t l, Index rows, const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    for_each_share(inputs, rows, kernels_.row_tile, me.index, me.count,
                   [&](Index panel, Index first, Index last) { backward_block(l, panel, first, last, me); });
}

template <class T>
void Trainer<T>::backward_block(std::size_t l, Index panel, Index first, Index last, const Member& me) {
    const Layer<T>& layer = network_.layers[l];
    const Panels inputs{layer.n_out(), layer.n_in(), kernels_.lanes};
    const Index column = inputs.first_column(panel), vectors = inputs.vectors(panel);
    T* transposed = transposed_[static_cast<std::size_t>(me.index)].data();
    kernels_.transpose_panel(layer.weights.data(), layer.n_in(), layer.n_out(), column, vectors, transposed);
    const Index ldo = stride(l - 1);
    T* out = deltas_[l - 1].data() + first * ldo + column;
    kernels_.gemm({last - first, layer.n_out(), delta(l) + first * stride(l), stride(l), transposed,
                   vectors * kernels_.lanes, vectors, nullptr, out, ldo});
    kernels_.multiply_derivative(network_.activation, last - first, vectors * kernels_.lanes,
                                 activations_[l - 1].data() + first * ldo + column, ldo, out, ldo);
}

// Weight gradient and optimizer on the panels that this member owns.
template <class T>
void Trainer<T>::update(std::size_t l, const Batch& batch, const Member& me) {
    Layer<T>& layer = network_.layers[l];
    const auto moment = [&](std::vector<Layer<T>>& moments, Index offset) {
        return moments.empty() ? nullptr : moments[l].weights.data() + offset;
    };
    const auto bias_moment = [&](std::vector<Layer<T>>& moments, Index column) {
        return moments.empty() ? nullptr : moments[l].bias.data() + column;
    };
    for_each_share(layer.panels, layer.n_in(), kernels_.row_tile, me.index, me.count,
                   [&](Index panel, Index first, Index last) {
                       const Index column = layer.panels.first_column(panel),
                                   offset = layer.panels.offset(panel);
                       UpdateArgs<T> args{first,
                                          last,
                                          batch.rows,
                                          input(l, batch),
                                          input_stride(l),
                                          nullptr,
                                          delta(l) + column,
                                          stride(l),
                                          layer.panels.vectors(panel),
                                          layer.weights.data() + offset,
                                          moment(first_moments_, offset),
                                          moment(second_moments_, offset),
                                          nullptr,
                                          squares_.empty() ? nullptr : squares_of(l, panel)};
                       kernels_.update(args, step_);
                       if (first > 0) return;
                       args.weights = layer.bias.data() + column;
                       args.first_moment = bias_moment(first_moments_, column);
                       args.second_moment = bias_moment(second_moments_, column);
                       kernels_.update_bias(args, step_);
                   });
}

// Adds the step's loss to the epoch's; one thread, rows in order.
template <class T>
void Trainer<T>::end_step(const Dataset<T>& data, const Batch& batch, EpochResult& result) {
    double loss = 0, hits = 0;
    for (Index r = 0; r < batch.rows; ++r) {
        const double weight = data.sample_weight ? static_cast<double>(batch.sample_weight.data()[r]) : 1.0;
        loss += weight * row_loss_.data()[r];
        hits += weight * row_hit_.data()[r];
    }
    if (batch_weight_ > 0) loss = (loss + penalty_) / batch_weight_;
    result.loss += loss * static_cast<double>(batch.rows);
    result.accuracy += hits;
    result.weight += batch_weight_;
    if (!std::isfinite(loss)) stop_ = true;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace pymlp

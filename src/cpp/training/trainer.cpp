#include "training/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "training/window.hpp"

namespace pymlp {
namespace {

using Clock = std::chrono::steady_clock;

// Eight chains, so that the additions overlap; the order is fixed.
double sum(const std::vector<Buffer<double>>& buffers) {
    double total = 0;
    for (const Buffer<double>& buffer : buffers) {
        double chains[8] = {};
        for (Index i = 0; i < buffer.size(); ++i) chains[i % 8] += buffer.data()[i];
        for (const double chain : chains) total += chain;
    }
    return total;
}

bool has_second_moments(Solver solver) {
    return solver == Solver::adam || solver == Solver::adamw || solver == Solver::nadam;
}

}  // namespace

template <class Operand>
Trainer<Operand>::Trainer(const std::vector<Index>& units, std::vector<Activation> activations, LossSpec loss,
                          TrainerOptions options)
    : kernels_(kernels<T>()),
      products_(products<Operand>()),
      network_(units, std::move(activations), std::move(loss)),
      options_(std::move(options)),
      pass_(network_, options_.dropout, options_.seed) {
    const auto shaped_alike = [&](std::vector<Layer<T>>& layers) {
        for (const Layer<T>& layer : network_.layers)
            layers.emplace_back(layer.n_in(), layer.n_out(), kernels_.lanes);
    };
    shaped_alike(first_moments_);
    if (has_second_moments(options_.solver)) shaped_alike(second_moments_);
    if (options_.monitor) monitor_.emplace(units);
    if (options_.ema_decay > 0) averaged_.emplace(units, network_.activations, network_.loss);
}

template <class Operand>
bool Trainer<Operand>::has_moments() const {
    return !first_moments_.empty() && second_moments_.empty() == !has_second_moments(options_.solver);
}

template <class Operand>
auto Trainer<Operand>::layers(Part part) -> std::vector<Layer<T>>* {
    const auto unless_empty = [](std::vector<Layer<T>>& layers) {
        return layers.empty() ? nullptr : &layers;
    };
    switch (part) {
        case Part::parameters:
            return &network_.layers;
        case Part::average:
            return averaged_ ? &averaged_->layers : nullptr;
        case Part::first_moments:
            return unless_empty(first_moments_);
        case Part::second_moments:
            return unless_empty(second_moments_);
    }
    return nullptr;
}

template <class Operand>
Index Trainer<Operand>::row_tiles(std::size_t layer) const {
    return divide_up(network_.layers[layer].n_in(), kernels_.row_tile);
}

// Allocates what an epoch needs, because nothing is allocated inside the team; returns the team's size: as
// many as the work of a step between two of its barriers keeps busy.
template <class Operand>
int Trainer<Operand>::prepare(const Dataset<T>& data, Index batch_size) {
    const std::size_t depth = network_.layers.size();
    const Index entries = most_entries(data, batch_size);
    for (Batch<Operand>& batch : batches_)
        if (!batch.has_room(data, batch_size, entries))
            batch = Batch<Operand>(network_, data, batch_size, entries);
    squares_.clear();
    for (std::size_t l = 0; options_.alpha > 0 && l < depth; ++l) {
        const Layer<T>& layer = network_.layers[l];
        squares_.emplace_back(tile_at(l, layer.panels.count()));
        for (Index p = 0; p < layer.panels.count(); ++p)
            kernels_.sum_squares(layer.n_in(), layer.panels.vectors(p),
                                 layer.weights.data() + layer.panels.offset(p),
                                 squares_[l].data() + tile_at(l, p));
    }
    if (needs_norms()) prepare_gradients();

    double work = 0;  // floating-point operations
    for (const Layer<T>& layer : network_.layers)
        work += 6.0 * static_cast<double>(batch_size * layer.panels.size());
    const int members = team_.size(team_size(options_.n_threads, work / static_cast<double>(2 * depth)));
    pass_.prepare(batch_size, members, data.x);
    panel_gradients_.resize(reads_table(0) ? static_cast<std::size_t>(members) : 0);
    for (Buffer<T>& panel : panel_gradients_) {
        const Panels& panels = network_.layers[0].panels;
        if (panel.size() == 0) panel = Buffer<T>(panels.rows * panels.width());
    }
    return members;
}

template <class Operand>
void Trainer<Operand>::prepare_gradients() {
    gradient_squares_.clear();
    for (std::size_t l = 0; l < network_.layers.size(); ++l) {
        const Panels& panels = network_.layers[l].panels;
        gradient_squares_.emplace_back(tile_at(l, panels.count()));
        if (gradients_.size() == l) gradients_.emplace_back(panels.rows, panels.columns, panels.lanes);
    }
}

template <class Operand>
EpochResult Trainer<Operand>::run_epoch(const Dataset<T>& data, double learning_rate,
                                        const Interrupted& interrupted) {
    const Index batch_size = std::min(options_.batch_size, data.n);
    const Index n_steps = divide_up(data.n, batch_size);
    const bool gradient_first = needs_norms();
    const std::int64_t first_step = steps_;
    const int members = prepare(data, batch_size);
    Window<T> window(data, batch_size);
    if (monitor_) monitor_->begin_epoch();
    EpochResult result;
    double weight = 0;
    stop_ = false;
    const Clock::time_point start = Clock::now();
    const std::int64_t yields = run_team(members, [&](Member& me) {
        Poll poll(interrupted);
        const auto gather = [&](Index step) {
            const Index begin = step * batch_size;
            if (window.ends_at(begin)) window.fill(begin, me);
            batches_[step % 2].gather(window.data(), begin, std::min(batch_size, data.n - begin), me);
        };
        gather(0);
        me.wait();
        for (Index step = 0; step < n_steps; ++step) {
            Batch<Operand>& batch = batches_[step % 2];
            // before the step's first update, which lies behind a barrier
            const double penalised = me.index == 0 ? penalty() : 0;
            if (me.index == 0)
                step_ = optimizer_step<T>(options_, ++steps_, ++averaged_steps_, learning_rate,
                                          batch.total_weight());
            pass_.run(batch, first_step + step, me, [&](std::size_t l) {
                gradient_first ? gradient(l, batch, Turn(), me) : update(l, batch, me);
            });
            if (gradient_first) {
                me.wait();
                OptimizerStep<T> clipped = step_;
                if (options_.clip_norm > 0) clipped.clip = clip_factor();
                for (std::size_t l = 0; l < network_.layers.size(); ++l) apply(l, clipped, me);
                if (monitor_) observe(batch, me);
            }
            if (step + 1 < n_steps) gather(step + 1);
            if (me.index == 0) {
                const Sums s = pass_.sums(batch);
                const double loss = s.weight > 0 ? (s.loss + penalised) / s.weight : s.loss;
                result.loss += loss * static_cast<double>(batch.rows());
                result.accuracy += s.hits;
                weight += s.weight;
                if (!std::isfinite(loss)) stop_ = true;
                if (poll.interrupted()) stop_ = true;
            }
            me.wait();
            if (stop_) break;
        }
    });
    if (options_.n_threads == 0)  // otherwise their number is given
        team_.ran(members, std::chrono::duration<double>(Clock::now() - start).count(),
                  static_cast<double>(n_steps), static_cast<double>(yields));
    result.loss /= static_cast<double>(data.n);
    result.accuracy = weight > 0 ? result.accuracy / weight : 0.0;
    return result;
}

template <class Operand>
EpochResult Trainer<Operand>::full_gradient(const Dataset<T>& data, const Interrupted& interrupted) {
    const Index block = std::min<Index>(16 * kernels_.row_tile, data.n);  // stays in the cache
    const int members = prepare(data, block);
    prepare_gradients();
    EpochResult result;
    double weight = 0;
    stop_ = false;
    run_team(members, [&](Member& me) {
        Poll poll(interrupted);
        for (Index begin = 0; begin < data.n && !stop_; begin += block) {
            Batch<Operand>& batch = batches_[0];
            batch.gather(data, begin, std::min(block, data.n - begin), me);
            me.wait();
            const Turn turn{begin == 0, begin + block >= data.n};
            pass_.run(batch, 0, me, [&](std::size_t l) { gradient(l, batch, turn, me); });
            if (me.index == 0) {
                const Sums s = pass_.sums(batch);
                result.loss += s.loss;
                weight += s.weight;
                if (poll.interrupted()) stop_ = true;
            }
            me.wait();
        }
    });
    if (weight > 0) result.loss = (result.loss + penalty()) / weight;
    const T inverse = weight > 0 ? static_cast<T>(1.0 / weight) : T(0),
            alpha = static_cast<T>(options_.alpha);
    for (std::size_t l = 0; l < gradients_.size(); ++l) {
        T* g = gradients_[l].weights.data();
        const T* w = network_.layers[l].weights.data();
        for (Index i = 0; i < gradients_[l].weights.size(); ++i) g[i] = (g[i] + alpha * w[i]) * inverse;
        for (Index j = 0; j < gradients_[l].bias.size(); ++j) gradients_[l].bias.data()[j] *= inverse;
    }
    return result;
}

template <class Operand>
double Trainer<Operand>::penalty() const {
    return 0.5 * options_.alpha * sum(squares_);
}

// Every member computes the same. A norm that is not finite is that of a gradient that is not: it is left
// alone, and the fit ends with a word.
template <class Operand>
Sum<Operand> Trainer<Operand>::clip_factor() const {
    const double norm = std::sqrt(sum(gradient_squares_)) * static_cast<double>(step_.inverse);
    return norm > options_.clip_norm && std::isfinite(norm) ? static_cast<T>(options_.clip_norm / norm)
                                                            : T(1);
}

// Of the mean loss, by a layer's weights: without their penalty, and before it is clipped.
template <class Operand>
double Trainer<Operand>::gradient_norm(std::size_t l) const {
    double total = 0;
    for (Index p = 0; p < network_.layers[l].panels.count(); ++p) {
        const double* squares = gradient_squares_[l].data() + tile_at(l, p);
        for (Index tile = 0; tile < row_tiles(l); ++tile) total += squares[tile];
    }
    return std::sqrt(total) * static_cast<double>(step_.inverse);
}

// Between the barrier behind the gradients and the one that the next forward pass comes behind.
template <class Operand>
void Trainer<Operand>::observe(const Batch<Operand>& batch, const Member& me) {
    const std::size_t depth = network_.layers.size();
    for (std::size_t l = 0; l + 1 < depth; ++l) {
        const OperandMatrix<Operand>& outputs = pass_.output(l);
        monitor_->add_outputs(l, batch.rows(), outputs.values(), outputs.stride(), me);
    }
    if (me.index > 0) return;
    for (std::size_t l = 0; l < depth; ++l) monitor_->add_gradient(l, gradient_norm(l));
    monitor_->end_batch(batch.rows());
}

// Calls f(panel, first_row, last_row) for the weights that this member owns.
template <class Operand>
template <class F>
void Trainer<Operand>::for_each_share_of(std::size_t l, const Member& me, F f) {
    const Panels& panels = network_.layers[l].panels;
    // its gradient is made of whole panels
    const Index align = reads_table(l) ? panels.rows : kernels_.row_tile;
    for_each_share(panels, panels.rows, align, me.index, me.count, f);
}

// What the optimizer changes: rows first..last of a panel, or its bias.
template <class Operand>
UpdateArgs<Sum<Operand>> Trainer<Operand>::update_args(std::size_t l, Index panel, Index first, Index last,
                                                       bool bias) {
    const Panels& panels = network_.layers[l].panels;
    const auto at = [&](std::vector<Layer<T>>& layers) -> T* {
        if (layers.empty()) return nullptr;
        return bias ? layers[l].bias.data() + panels.first_column(panel)
                    : layers[l].weights.data() + panels.offset(panel);
    };
    UpdateArgs<T> args{};
    args.first_row = first;
    args.last_row = last;
    args.vectors = panels.vectors(panel);
    args.weights = at(network_.layers);
    args.first_moment = at(first_moments_);
    args.second_moment = at(second_moments_);
    if (averaged_) args.average = at(averaged_->layers);
    if (!bias) args.pairs = pass_.pairs(l, panel);
    if (!bias && reads_table(l)) {
        args.curves = pass_.heights().curves();
        args.heights = pass_.heights().updated(panels, panel);
    }
    if (!squares_.empty() && !bias) args.squares = squares_[l].data() + tile_at(l, panel);
    return args;
}

// Calls f(kernels, product, panel, bias) for each of the weight gradient's panels that this member owns,
// where `kernels` computes `product`, and the bias's product is given if the member owns the panel's first
// rows.
template <class Operand>
template <class F>
void Trainer<Operand>::for_each_product(std::size_t l, const Batch<Operand>& batch, const Member& me, F f) {
    const bool sparse = l == 0 && batch.sparse();
    const Compressed<T> entries = reads_table(l) ? batch.entries() : batch.columns();
    const OperandMatrix<Operand>& dz = pass_.dz(l);
    for_each_share_of(l, me, [&](Index panel, Index first, Index last) {
        const Index column = network_.layers[l].panels.first_column(panel);
        const auto of_panel = [&](auto args) {
            args.first_row = first;
            args.last_row = last;
            args.vectors = network_.layers[l].panels.vectors(panel);
            return args;
        };
        // of numbers as they are: of biases, and of a sparse x, whose entries are not paired
        auto plain = of_panel(GradientArgs<T>{});
        plain.batch = batch.rows();
        plain.dz = dz.values() + column;
        plain.lddz = dz.stride();
        if (sparse) {
            auto by_entries = plain;
            (reads_table(l) ? by_entries.table : by_entries.columns) = &entries;
            by_entries.curves = pass_.heights().curves();
            return f(kernels_, by_entries, panel, plain);
        }
        const OperandMatrix<Operand>& x = pass_.input(l, batch);
        auto paired = of_panel(GradientArgs<Operand>{});
        paired.batch = operands<Operand>(batch.rows());
        paired.x = x.by_columns();
        paired.ldx = x.column_operands();
        paired.dz = dz.by_columns() + column;
        paired.lddz = dz.column_operands();
        f(products_, paired, panel, plain);
    });
}

// Weight gradient and optimizer on the panels that this member owns.
template <class Operand>
void Trainer<Operand>::update(std::size_t l, const Batch<Operand>& batch, const Member& me) {
    for_each_product(l, batch, me, [&](const auto& products, auto product, Index panel, const auto& bias) {
        const Index first = product.first_row, last = product.last_row;
        if (product.table) product.gradient = panel_gradients_[static_cast<std::size_t>(me.index)].data();
        products.update(product, update_args(l, panel, first, last, false), step_);
        if (first == 0) kernels_.update_bias(bias, update_args(l, panel, first, last, true), step_);
    });
}

// The data's gradient, whole: what clip_norm and a monitor measure, and lbfgs asks for.
template <class Operand>
void Trainer<Operand>::gradient(std::size_t l, const Batch<Operand>& batch, Turn turn, const Member& me) {
    Layer<T>& gradients = gradients_[l];
    for_each_product(l, batch, me, [&](const auto& products, auto product, Index panel, auto bias) {
        // lbfgs needs no norm
        double* squares = needs_norms() ? gradient_squares_[l].data() + tile_at(l, panel) : nullptr;
        product.gradient = gradients.weights.data() + gradients.panels.offset(panel);
        product.accumulate = !turn.first;
        if (!turn.last) product.curves = {};
        product.squares = squares;
        products.gradient(product);
        if (product.first_row > 0) return;
        bias.gradient = gradients.bias.data() + gradients.panels.first_column(panel);
        bias.accumulate = !turn.first;
        bias.squares = squares ? squares + row_tiles(l) : nullptr;
        kernels_.gradient_bias(bias);
    });
}

// The optimizer with the gradient that `gradient` left.
template <class Operand>
void Trainer<Operand>::apply(std::size_t l, const OptimizerStep<T>& step, const Member& me) {
    const Layer<T>& gradients = gradients_[l];
    for_each_share_of(l, me, [&](Index panel, Index first, Index last) {
        kernels_.apply(update_args(l, panel, first, last, false), step,
                       gradients.weights.data() + gradients.panels.offset(panel));
        if (first == 0)
            kernels_.apply_bias(update_args(l, panel, first, last, true), step,
                                gradients.bias.data() + gradients.panels.first_column(panel));
    });
}

template class Trainer<float>;
template class Trainer<double>;
template class Trainer<Bf16Pair>;

}  // namespace pymlp

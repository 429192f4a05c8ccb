// Training, evaluation and prediction by teams of any size, without Python: the same bits as by one thread.
// Built with PYMLP_SANITIZE=thread this is what ThreadSanitizer watches; elsewhere it compares alone.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "training/trainer.hpp"

using namespace pymlp;

namespace {

int failures = 0;

void expect(bool right, const std::string& what) {
    if (right) return;
    ++failures;
    std::printf("FAILED: %s\n", what.c_str());
}

constexpr Index n_samples = 150, n_features = 37, batch_size = 32;
const std::vector<Index> units{n_features, 45, 33, 5};
const std::vector<Activation> activations{Activation::gelu, Activation::relu};
constexpr int team_sizes[] = {2, 3, 4};

enum class Storage { plain, strided, sparse, expanded };

// One X in three forms, and another one in the fourth, with labels and targets, borrowed by a Dataset.
template <class T>
class Data {
  public:
    Data() : values_(n_samples * n_features), columns_(values_.size()), targets_(n_samples * units.back()) {
        std::mt19937 generator(0);
        std::normal_distribution<T> normal;
        for (std::size_t e = 0; e < values_.size(); ++e) {
            values_[e] = normal(generator);
            const std::size_t row = e / n_features, column = e % n_features;
            columns_[column * n_samples + row] = values_[e];
            indices_.push_back(static_cast<std::int32_t>(column));
        }
        for (Index row = 0; row <= n_samples; ++row)
            starts_.push_back(static_cast<std::int32_t>(row * n_features));
        for (T& target : targets_) target = normal(generator);
        for (Index r = 0; r < n_samples * expansion_.n_sources(); ++r)
            raw_.push_back(r % 7 == 0 ? std::nan("") : std::round(10 * normal(generator)) / 5);
        for (Index row = 0; row < n_samples; ++row) {
            labels_.push_back(static_cast<std::int32_t>(row % units.back()));
            weight_.push_back(T(0.5) + static_cast<T>(row % 3));
            order_.push_back((7 * row) % n_samples);
        }
    }
    Dataset<T> dataset(Storage storage, bool classes) const {
        Dataset<T> data;
        data.n = n_samples;
        data.x.n_features = n_features;
        if (storage == Storage::strided) {  // in Fortran order
            data.x.numbers = reinterpret_cast<const char*>(columns_.data());
            data.x.item_size = data.x.row_stride = static_cast<Index>(sizeof(T));
            data.x.column_stride = data.x.row_stride * n_samples;
            data.x.widen = kernels<T>().widen_from('f', data.x.item_size);
        } else if (storage == Storage::expanded) {
            data.x.numbers = reinterpret_cast<const char*>(raw_.data());
            data.x.row_stride = static_cast<Index>(sizeof(double)) * expansion_.n_sources();
            data.x.expansion = &expansion_;
        } else {
            data.x.values = values_.data();
        }
        if (storage == Storage::sparse) {
            data.x.starts = starts_.data();
            data.x.columns = indices_.data();
        }
        if (classes)
            data.labels = labels_.data();
        else
            data.targets = targets_.data();
        data.sample_weight = weight_.data();
        data.order = order_.data();
        return data;
    }

  private:
    // of n_features features together
    static std::vector<Source> sources() {
        const Source number{0.1, 0.2, 1.5, {-2, -1, 0, 0.5, 2}, {0.2, 1}, true};
        const Source levels{0, 0, 0, {}, {-1, 0, 1, 2}, false};
        Source many{0, 0, 1, {}, {}, true};
        for (int edge = -8; edge <= 6; ++edge) many.edges.push_back(edge / 4.0);
        return {number, levels, many, levels, levels, Source{0, 0, 1, {}, {}, false}};
    }
    std::vector<T> values_, columns_;
    Expansion expansion_{sources()};
    std::vector<double> raw_;  // (n_samples, n_sources)
    std::vector<std::int32_t> starts_, indices_, labels_;
    std::vector<T> targets_, weight_;
    std::vector<std::int64_t> order_;
};

// All that a training makes, to be compared bit for bit.
template <class T>
using Outcome = std::vector<T>;

template <class T>
void load_weights(Network<T>& network) {
    std::mt19937 generator(1);
    std::normal_distribution<T> normal(T(0), T(0.2));
    for (Layer<T>& layer : network.layers) {
        std::vector<T> coefs(static_cast<std::size_t>(layer.n_in() * layer.n_out()));
        std::vector<T> intercepts(static_cast<std::size_t>(layer.n_out()));
        for (T& weight : coefs) weight = normal(generator);
        layer.load(coefs.data(), intercepts.data());
    }
}

template <class T>
void append_weights(const std::vector<Layer<T>>& layers, Outcome<T>& outcome) {
    for (const Layer<T>& layer : layers) {
        std::vector<T> coefs(static_cast<std::size_t>(layer.n_in() * layer.n_out()));
        std::vector<T> intercepts(static_cast<std::size_t>(layer.n_out()));
        layer.store(coefs.data(), intercepts.data());
        outcome.insert(outcome.end(), coefs.begin(), coefs.end());
        outcome.insert(outcome.end(), intercepts.begin(), intercepts.end());
    }
}

template <class Operand>
void append_predictions(const Network<Sum<Operand>>& network, const Dataset<Sum<Operand>>& data,
                        int n_threads, Outcome<Sum<Operand>>& outcome) {
    std::vector<Sum<Operand>> outputs(static_cast<std::size_t>(n_samples * units.back()));
    predict<Operand>(network, data, outputs.data(), n_threads);
    outcome.insert(outcome.end(), outputs.begin(), outputs.end());
    const Evaluation evaluation = evaluate<Operand>(network, data, n_threads);
    outcome.push_back(static_cast<Sum<Operand>>(evaluation.loss));
    outcome.push_back(static_cast<Sum<Operand>>(evaluation.accuracy));
}

LossSpec loss_of(bool classes) {
    LossSpec loss;
    loss.kind = classes ? Loss::softmax_cross_entropy : Loss::squared_error;
    loss.groups = {0, units.back()};
    return loss;
}

template <class Operand>
Outcome<Sum<Operand>> train(const TrainerOptions& options, const Dataset<Sum<Operand>>& data,
                            bool full_batch) {
    Trainer<Operand> trainer(units, activations, loss_of(data.labels), options);
    load_weights(trainer.network());
    if (options.ema_decay > 0) load_weights(trainer.predictor());
    Outcome<Sum<Operand>> outcome;
    for (int epoch = 0; epoch < 2; ++epoch) {
        const auto never = [] { return false; };
        const EpochResult result =
            full_batch ? trainer.full_gradient(data, never) : trainer.run_epoch(data, 0.01, never);
        outcome.push_back(static_cast<Sum<Operand>>(result.loss));
    }
    append_weights(full_batch ? trainer.gradients() : trainer.network().layers, outcome);
    append_weights(*trainer.layers(Part::first_moments), outcome);
    append_predictions<Operand>(trainer.predictor(), data, options.n_threads, outcome);
    return outcome;
}

template <class T>
bool same_bits(const Outcome<T>& a, const Outcome<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class Operand>
void compare(const std::string& what, TrainerOptions options, Storage storage, bool classes,
             bool full_batch = false) {
    const Data<Sum<Operand>> data;
    options.batch_size = batch_size;
    options.dropout.resize(activations.size());
    options.n_threads = 1;
    const Dataset<Sum<Operand>> samples = data.dataset(storage, classes);
    const Outcome<Sum<Operand>> alone = train<Operand>(options, samples, full_batch);
    for (const int size : team_sizes) {
        options.n_threads = size;
        expect(same_bits(alone, train<Operand>(options, samples, full_batch)),
               what + " by " + std::to_string(size) + " threads");
    }
}

template <class Operand>
void check(const std::string& operand) {
    for (const Solver solver : {Solver::sgd, Solver::adam, Solver::adamw, Solver::nadam, Solver::rmsprop,
                                Solver::adagrad, Solver::lion}) {
        TrainerOptions options;
        options.solver = solver;
        options.alpha = options.weight_decay = 0.01;
        compare<Operand>(operand + "solver " + std::to_string(static_cast<int>(solver)), options,
                         Storage::plain, true);
    }
    TrainerOptions all;  // what else a step may do
    all.alpha = 0.01;
    all.clip_norm = 0.5;
    all.ema_decay = 0.9;
    all.dropout = {0.2, 0.5};
    all.monitor = true;
    for (const Storage storage : {Storage::plain, Storage::strided, Storage::sparse, Storage::expanded}) {
        const std::string name = operand + "storage " + std::to_string(static_cast<int>(storage));
        compare<Operand>(name, TrainerOptions(), storage, false);
        compare<Operand>(name + ", all options", all, storage, true);
        if (!is_pair<Operand>) compare<Operand>(name + ", gradient", TrainerOptions(), storage, true, true);
    }
}

// Several callers at once, each with a team, of one network.
template <class Operand>
void predict_at_once(const std::string& operand) {
    using T = Sum<Operand>;
    const Data<T> data;
    const Dataset<T> samples = data.dataset(Storage::plain, true);
    Network<T> network(units, activations, loss_of(true));
    load_weights(network);
    std::vector<Outcome<T>> outcomes(8);
    std::vector<std::thread> callers;
    for (Outcome<T>& outcome : outcomes)
        callers.emplace_back([&] {
            for (int n_threads = 1; n_threads <= 2; ++n_threads)
                append_predictions<Operand>(network, samples, n_threads, outcome);
        });
    for (std::thread& caller : callers) caller.join();
    for (const Outcome<T>& outcome : outcomes)
        expect(same_bits(outcomes[0], outcome), operand + "predicted by several at once");
}

// Several trainings at once, each of its own network.
template <class Operand>
void train_at_once(const std::string& operand) {
    using T = Sum<Operand>;
    const Data<T> data;
    const Dataset<T> samples = data.dataset(Storage::strided, true);
    TrainerOptions options;
    options.batch_size = batch_size;
    options.dropout = {0.2, 0.5};
    options.n_threads = 2;
    std::vector<Outcome<T>> outcomes(3);
    std::vector<std::thread> callers;
    for (Outcome<T>& outcome : outcomes)
        callers.emplace_back([&] { outcome = train<Operand>(options, samples, false); });
    for (std::thread& caller : callers) caller.join();
    for (const Outcome<T>& outcome : outcomes)
        expect(same_bits(outcomes[0], outcome), operand + "trained by several at once");
}

template <class Operand>
void check_all(const std::string& operand) {
    check<Operand>(operand);
    predict_at_once<Operand>(operand);
    train_at_once<Operand>(operand);
}

}  // namespace

int main() {
    check_all<float>("float32 ");
    check_all<double>("float64 ");
    check_all<Bf16Pair>("bfloat16 ");
    std::printf("%s: %d failed\n", isa_in_use().c_str(), failures);
    return failures > 0;
}

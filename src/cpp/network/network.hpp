// A network's parameters in panels, and its passes over a block of rows.
#pragma once

#include <vector>

#include "kernels/dispatch.hpp"
#include "network/buffer.hpp"
#include "network/panels.hpp"
#include "network/samples.hpp"
#include "threads/interrupts.hpp"

namespace pymlp {

// One layer's parameters, or anything of their shape (the optimizer's moments).
template <class T>
struct Layer {
    Panels panels;      // (n_in, n_out)
    Buffer<T> weights;  // panels
    Buffer<T> bias;     // (padded n_out)

    Layer(Index n_in, Index n_out, Index lanes);
    Index n_in() const { return panels.rows; }
    Index n_out() const { return panels.columns; }
    // row-major coefs: (n_in, n_out), intercepts: (n_out)
    void load(const T* coefs, const T* intercepts);
    void store(T* coefs, T* intercepts) const;
};

// A loss and its settings.
struct LossSpec {
    Loss kind = Loss::squared_error;
    std::vector<Index> groups;      // softmax losses: where each group of classes begins, and n_outputs
    double smoothing = 0;           // softmax_cross_entropy
    double focusing = 2;            // focal losses
    double delta = 1;               // huber
    std::vector<double> quantiles;  // pinball: one an output

    Index n_groups() const { return static_cast<Index>(groups.size()) - 1; }
};

// What makes predictions of a network trained on this loss.
Output output_of(Loss loss);

// Makes them, in place. z: (rows, outputs)
template <class T>
void predict_outputs(const LossSpec& loss, Index rows, Index outputs, T* z, Index ldz);

template <class T>
struct Network {
    std::vector<Layer<T>> layers;
    std::vector<Activation> activations;  // one a hidden layer; one more activates the last layer, too
    LossSpec loss;
    Buffer<T> quantiles;  // (padded n_outputs)

    // units: (n_features, hidden..., n_outputs)
    Network(const std::vector<Index>& units, std::vector<Activation> activations_, LossSpec loss_);
    Index n_features() const { return layers.front().n_in(); }
    Index n_outputs() const { return layers.back().n_out(); }
    Index n_groups() const { return loss.n_groups(); }
    Index widest() const;  // padded columns of the widest layer
    bool finite() const;   // no parameter is infinite or NaN

    // z: (rows, n_outputs) becomes d loss / d z. Given are the rows, what belongs to them and where the
    // results go; the network knows its outputs and the loss.
    void derive_loss(LossArgs<T> args) const;
};

// Row length of a matrix whose rows are read side by side: an odd number of cache lines, so that the rows of
// a tile do not fall into one set of the cache.
template <class T>
Index row_stride(Index columns);

// predictions: (n, n_outputs), row-major, of the data's samples. With `only_finite` x, which is plain then
// and has no order, is looked through on the way: false, and no predictions, if it holds an infinity or NaN.
// An interrupted call leaves some out.
template <class Operand>
bool predict(const Network<Sum<Operand>>& network, const Dataset<Sum<Operand>>& data,
             Sum<Operand>* predictions, int n_threads, const Interrupted& interrupted = {},
             bool only_finite = false);

// A layer as NumPy holds it, borrowed. coefs: (n_in, n_out) row-major, intercepts: (n_out)
template <class T>
struct LayerView {
    Index n_in, n_out;
    const T* coefs;
    const T* intercepts;
};

// A network of such layers.
template <class T>
struct NetworkView {
    std::vector<LayerView<T>> layers;
    std::vector<Activation> activations;  // as in Network
    LossSpec loss;

    Index n_features() const { return layers.front().n_in; }
    Index n_outputs() const { return layers.back().n_out; }
};

// The same bits for a few rows, without an order, straight from the row-major weights: packing them would
// cost more than it saves.
constexpr Index few_rows = 16;
template <class Operand>
void predict_few(const NetworkView<Sum<Operand>>& network, const Dataset<Sum<Operand>>& data,
                 Sum<Operand>* predictions, int n_threads);

struct Evaluation {
    double loss;      // weighted mean over the samples, without the penalty
    double accuracy;  // of classifiers, likewise
};
template <class Operand>
Evaluation evaluate(const Network<Sum<Operand>>& network, const Dataset<Sum<Operand>>& data, int n_threads,
                    const Interrupted& interrupted = {});

}  // namespace pymlp

// One mini-batch through the network and back: activations, loss, and its derivative by every layer's z.
#pragma once

#include <cstdint>
#include <vector>

#include "network/heights.hpp"
#include "network/network.hpp"
#include "threads/team.hpp"
#include "training/batch.hpp"

namespace pymlp {

// Over the samples of a mini-batch.
struct Sums {
    double loss = 0, hits = 0;  // weighted
    double weight = 0;
};

template <class Operand>
class Pass {
  public:
    using T = Sum<Operand>;

    // dropout: the share of each hidden layer's units that are dropped
    Pass(const Network<T>& network, std::vector<double> dropout, std::uint64_t seed);

    // Before an epoch, and whenever the weights were changed by others than the optimizer.
    void prepare(Index batch_size, int members, const Rows<T>& x);

    // Each member does its share of every phase. at_layer(l) is called as soon as layer l's input and dz
    // are known, beside the next layer's backward pass. `step` is the dropout masks'.
    template <class F>
    void run(Batch<Operand>& batch, std::int64_t step, Member& me, F at_layer) {
        const std::size_t depth = network_.layers.size();
        batch.list_columns(me);
        for (std::size_t l = 0; l + 1 < depth; ++l) {
            forward_hidden(l, batch, step, me);
            me.wait();
        }
        output_layer(batch, me);
        me.wait();
        for (std::size_t l = depth - 1; l-- > 1;) {
            backward(l, batch.rows(), me);
            at_layer(l + 1);
            me.wait();
        }
        if (depth > 1) at_layer(1);
        at_layer(0);
    }

    // What dense layer l reads: (batch, n_in)
    const OperandMatrix<Operand>& input(std::size_t l, const Batch<Operand>& batch) const {
        return l == 0 ? batch.x() : outputs_[l - 1];
    }
    // What layer l puts out: (batch, n_out); of the last layer d loss / d z
    const OperandMatrix<Operand>& output(std::size_t l) const { return outputs_[l]; }
    // d loss / d z of layer l: (batch, n_out); the output layer's replaces its z
    const OperandMatrix<Operand>& dz(std::size_t l) const {
        return l + 1 == network_.layers.size() ? outputs_[l] : dz_[l];
    }
    // Where an update writes the weights of a panel in pairs; null where products read the weights.
    Bf16Pair* pairs(std::size_t l, Index panel) {
        return weights_[l].pairs(network_.layers[l].panels, panel);
    }
    // Of the first layer, where X is a table.
    const Heights<T>& heights() const { return heights_; }
    Heights<T>& heights() { return heights_; }
    Sums sums(const Batch<Operand>& batch) const;

  private:
    // Rows first..last of one panel of a layer's z
    void forward_panel(std::size_t layer, Index panel, Index first, Index last, const Batch<Operand>& batch);
    void forward_hidden(std::size_t layer, const Batch<Operand>& batch, std::int64_t step, const Member& me);
    void output_layer(const Batch<Operand>& batch, const Member& me);
    void backward(std::size_t layer, Index rows, const Member& me);
    void backward_block(std::size_t layer, Index panel, Index first, Index last, const Member& me);

    double dropout(std::size_t hidden) const { return dropout_[hidden]; }
    // Is the hidden layer's derivative kept from the forward pass?
    bool keeps_slope(std::size_t hidden) const {
        return dropout(hidden) > 0 || !has_slope_of_output(network_.activations[hidden]);
    }

    const KernelTable<T>& kernels_;
    const ProductTable<Operand>& products_;
    const Network<T>& network_;
    std::vector<double> dropout_;
    std::uint64_t seed_;
    std::vector<OperandPanels<Operand>> weights_;
    Heights<T> heights_;
    std::vector<OperandMatrix<Operand>> outputs_;  // of each layer: (batch, n_out); the last becomes its dz
    std::vector<Buffer<T>> slopes_;                // f'(z) of each hidden layer that keeps it: (batch, n_out)
    std::vector<OperandMatrix<Operand>> dz_;       // d loss / d z of each hidden layer: (batch, n_out)
    std::vector<Buffer<Operand>> transposed_;      // a panel of transposed weights for each member
    Buffer<double> row_loss_, row_hit_;            // (batch)
};

}  // namespace pymlp

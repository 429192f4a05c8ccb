// Matrices in the form in which products read them. For float and double that is the matrix itself; pairs of
// bfloat16 are copies, rounded as soon as the numbers are known.
#pragma once

#include <utility>

#include "kernels/dispatch.hpp"
#include "network/network.hpp"

namespace pymlp {

// What a product over the batch, a weight gradient, multiplies: a layer's inputs with its derivatives.
enum class Factor { input, derivative };

// Activations or derivatives of a mini-batch: (rows, columns). Products over the columns (forward, backward)
// read them by rows, weight gradients by columns: (rows, columns), but pairs of inputs transposed.
template <class Operand>
class OperandMatrix {
  public:
    using T = Sum<Operand>;

    OperandMatrix() = default;
    OperandMatrix(Index rows, Index columns, Factor factor)
        : stride_(row_stride<T>(columns)),
          row_operands_(is_pair<Operand> ? row_stride<Operand>(operands<Operand>(columns)) : stride_),
          transposed_(is_pair<Operand> && factor == Factor::input),
          column_operands_(transposed_ ? row_stride<Operand>(operands<Operand>(rows)) : stride_),
          values_(rows * stride_),
          by_rows_(is_pair<Operand> ? rows * row_operands_ : 0),
          by_columns_(is_pair<Operand> ? (transposed_ ? columns : operands<Operand>(rows)) * column_operands_
                                       : 0) {}

    T* values() { return values_.data(); }
    const T* values() const { return values_.data(); }
    Index stride() const { return stride_; }

    const Operand* by_rows(Index row) const {
        if constexpr (is_pair<Operand>)
            return by_rows_.data() + row * row_operands_;
        else
            return values_.data() + row * stride_;
    }
    Index row_operands() const { return row_operands_; }
    const Operand* by_columns() const {
        if constexpr (is_pair<Operand>)
            return by_columns_.data();
        else
            return values_.data();
    }
    Index column_operands() const { return column_operands_; }

    // To be called once the values of a block are known. It begins at an even row and column; its width is a
    // whole number of vectors, or reaches the last column.
    void publish(Index first_row, Index last_row, Index column, Index columns) {
        if constexpr (is_pair<Operand>) {
            const Bf16Table& k = bf16_kernels();
            const Index rows = last_row - first_row;
            const T* block = values_.data() + first_row * stride_ + column;
            k.pair_columns(rows, columns, block, stride_,
                           by_rows_.data() + first_row * row_operands_ + column / 2, row_operands_);
            const auto [at, pair_rows] =
                transposed_ ? std::pair(column * column_operands_ + first_row / 2, k.transpose_pairs)
                            : std::pair(first_row / 2 * column_operands_ + column, k.pair_rows);
            pair_rows(rows, columns, block, stride_, by_columns_.data() + at, column_operands_);
        }
    }

  private:
    Index stride_ = 0, row_operands_ = 0;  // row lengths
    bool transposed_ = false;
    Index column_operands_ = 0;
    Buffer<T> values_;
    // pairs only: (rows, columns / 2) and (columns, rows / 2) or (rows / 2, columns)
    Buffer<Operand> by_rows_, by_columns_;
};

// A layer's weights: its panels, or their copy in pairs.
template <class Operand>
class OperandPanels {
  public:
    using T = Sum<Operand>;

    void load(const Layer<T>& layer) {
        if constexpr (is_pair<Operand>) {
            const Panels& panels = layer.panels;
            depth_ = operands<Operand>(panels.rows);
            if (pairs_.size() == 0) pairs_ = Buffer<Operand>(panels.padded_columns() * depth_);
            for (Index p = 0; p < panels.count(); ++p) {
                const Index width = panels.vectors(p) * panels.lanes;
                bf16_kernels().pair_rows(panels.rows, width, layer.weights.data() + panels.offset(p), width,
                                         pairs(panels, p), width);
            }
        }
    }
    // (n_in, panel width) in operands of the product over n_in
    const Operand* panel(const Layer<T>& layer, Index p) const {
        if constexpr (is_pair<Operand>)
            return pairs_.data() + layer.panels.first_column(p) * depth_;
        else
            return layer.weights.data() + layer.panels.offset(p);
    }
    // Where an update of the weights writes their copy; null where there is none.
    Bf16Pair* pairs(const Panels& panels, Index p) {
        if constexpr (is_pair<Operand>)
            return pairs_.size() ? pairs_.data() + panels.first_column(p) * depth_ : nullptr;
        else
            return nullptr;
    }

  private:
    Index depth_ = 0;        // operands in a column
    Buffer<Operand> pairs_;  // panels
};

// The product of so many rows with one panel of a layer and its bias, but for the factors: out = ... + bias.
template <class Args, class T>
Args panel_product(const Layer<T>& layer, Index panel, Index rows, T* out, Index ldo) {
    Args args{};
    args.rows = rows;
    args.vectors = layer.panels.vectors(panel);
    args.ldb = args.vectors * layer.panels.lanes;
    args.bias = layer.bias.data() + layer.panels.first_column(panel);
    args.c = out;
    args.ldc = ldo;
    return args;
}

}  // namespace pymlp

// A mini-batch, gathered out of the data set by all members of a team.
#pragma once

#include "network/operands.hpp"
#include "threads/team.hpp"

namespace pymlp {

template <class Operand>
class Batch {
  public:
    using T = Sum<Operand>;

    Batch() = default;
    // Room for `rows` samples, and for `entries` of them together if X is taken by those.
    Batch(const Network<T>& network, const Dataset<T>& data, Index rows, Index entries);

    bool has_room(const Dataset<T>& data, Index rows, Index entries) const {
        return data.x.form() == form_ && rows <= sample_weight_.size() && entries <= max_entries_;
    }
    Index rows() const { return rows_; }
    const OperandMatrix<Operand>& x() const { return x_; }  // if it is dense
    bool sparse() const { return form_ != Form::dense; }
    Compressed<T> entries() const { return block_.rows(); }
    Compressed<T> columns() const {
        return {column_starts_.data(), entry_rows_.data(), entry_values_.data()};
    }
    // those of rows `first` and further on
    const std::int32_t* labels(Index first) const { return labels_.data() + first * n_groups_; }
    const T* targets(Index first) const { return targets_.data() + first * target_stride_; }
    Index target_stride() const { return target_stride_; }
    const T* sample_weight(Index first) const { return weighted_ ? sample_weight_.data() + first : nullptr; }
    T weight(Index row) const { return weighted_ ? sample_weight_.data()[row] : T(1); }
    double total_weight() const;

    // Each member copies its share of the samples begin, begin + 1, ..., begin + rows - 1.
    void gather(const Dataset<T>& data, Index begin, Index rows, const Member& me);
    // Of compressed x: each member lists its share of the features by columns. A barrier comes before and
    // after.
    void list_columns(const Member& me);

  private:
    Form form_ = Form::dense;
    bool weighted_ = false;
    Index rows_ = 0, n_features_ = 0, n_outputs_ = 0, n_groups_ = 0;
    Index target_stride_ = 0, max_entries_ = 0;
    OperandMatrix<Operand> x_;  // dense: (rows, n_features)
    SparseBlock<T> block_;      // else: the same by its entries
    // The compressed block by columns: starts (n_features + 1), row and value of each entry, the next free
    // place of each.
    Buffer<Index> column_starts_, column_ends_;
    Buffer<std::int32_t> entry_rows_;
    Buffer<T> entry_values_;
    Buffer<std::int32_t> labels_;        // (rows, n_groups)
    Buffer<T> targets_, sample_weight_;  // (rows, padded n_outputs), (rows)
};

}  // namespace pymlp

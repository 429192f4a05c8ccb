#include "training/batch.hpp"

namespace pymlp {

template <class Operand>
Batch<Operand>::Batch(const Network<T>& network, const Dataset<T>& data, Index rows, Index entries)
    : form_(data.x.form()),
      n_features_(network.n_features()),
      n_outputs_(network.n_outputs()),
      n_groups_(network.n_groups()),
      target_stride_(network.layers.back().panels.padded_columns()),
      max_entries_(entries),
      x_(sparse() ? OperandMatrix<Operand>() : OperandMatrix<Operand>(rows, n_features_, Factor::input)),
      block_(sparse() ? SparseBlock<T>(rows, entries) : SparseBlock<T>()),
      column_starts_(form_ == Form::compressed ? n_features_ + 1 : 0),
      column_ends_(form_ == Form::compressed ? n_features_ : 0),
      entry_rows_(form_ == Form::compressed ? entries : 0),
      entry_values_(form_ == Form::compressed ? entries : 0),
      labels_(data.labels ? rows * n_groups_ : 0),
      targets_(data.labels ? 0 : rows * target_stride_),
      sample_weight_(rows) {}

template <class Operand>
double Batch<Operand>::total_weight() const {
    if (!weighted_) return static_cast<double>(rows_);
    double total = 0;
    for (Index r = 0; r < rows_; ++r) total += static_cast<double>(sample_weight_.data()[r]);
    return total;
}

template <class Operand>
void Batch<Operand>::gather(const Dataset<T>& data, Index begin, Index rows, const Member& me) {
    if (me.index == 0) {
        rows_ = rows;
        weighted_ = data.sample_weight;
    }
    const Index first = first_row_of(rows, me.index, me.count);
    const Index last = first_row_of(rows, me.index + 1, me.count);
    Index entry = 0;  // where the next row's entries go: behind those of all rows before it
    for (Index r = 0; sparse() && r < first; ++r) entry += data.x.entries(data.row(begin + r));
    if (!sparse()) {
        data.gather(begin + first, last - first, x_.values() + first * x_.stride(), x_.stride());
        x_.publish(first, last, 0, n_features_);
    }
    for (Index r = first; r < last; ++r) {
        const Index i = data.row(begin + r);
        if (form_ == Form::table && r + 1 < last) data.x.prefetch_raw(data.row(begin + r + 1));
        if (sparse()) entry = block_.copy_row(data.x, i, r, entry);
        if (data.labels)
            std::memcpy(labels_.data() + r * n_groups_, data.labels + i * n_groups_,
                        static_cast<std::size_t>(n_groups_) * sizeof(std::int32_t));
        else
            std::memcpy(targets_.data() + r * target_stride_, data.targets + i * n_outputs_,
                        static_cast<std::size_t>(n_outputs_) * sizeof(T));
        if (data.sample_weight) sample_weight_.data()[r] = data.sample_weight[i];
    }
}

// A counting sort. Every member reads all entries and places those of its own features, which needs no
// waiting.
template <class Operand>
void Batch<Operand>::list_columns(const Member& me) {
    if (form_ != Form::compressed) return;
    const Index first = n_features_ * me.index / me.count, last = n_features_ * (me.index + 1) / me.count;
    const Compressed<T> x = block_.rows();
    Index* ends = column_ends_.data();
    std::memset(ends + first, 0, static_cast<std::size_t>(last - first) * sizeof(Index));
    Index place = 0;  // entries of the features before
    for (Index e = 0; e < x.starts[rows_]; ++e) {
        if (x.at[e] < first)
            ++place;
        else if (x.at[e] < last)
            ++ends[x.at[e]];
    }
    for (Index i = first; i < last; ++i) {
        const Index count = ends[i];
        column_starts_.data()[i] = ends[i] = place;
        place += count;
    }
    if (last == n_features_) column_starts_.data()[n_features_] = place;
    for (Index r = 0; r < rows_; ++r)
        for (Index e = x.starts[r]; e < x.starts[r + 1]; ++e) {
            if (x.at[e] < first || x.at[e] >= last) continue;
            const Index to = ends[x.at[e]]++;
            entry_rows_.data()[to] = static_cast<std::int32_t>(r);
            entry_values_.data()[to] = x.values[e];
        }
}

template class Batch<float>;
template class Batch<double>;
template class Batch<Bf16Pair>;

}  // namespace pymlp

// Samples as the caller holds them, borrowed, and the form in which kernels take a block of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "kernels/table.hpp"
#include "network/buffer.hpp"
#include "network/expansion.hpp"

namespace pymlp {

// Dense: plain, one after another in the arithmetic's type; or of another type, order or alignment, to be
// widened where they are needed. Compressed: CSR with sorted columns. Table: raw columns, whose entries are
// made where they are needed. The last two are taken by their entries.
enum class Form { dense, compressed, table };

// X: rows of numbers.
template <class T>
struct Rows {
    Index n_features = 0;
    const T* values = nullptr;      // plain: (n, n_features) row-major; compressed: one an entry; else null
    const char* numbers = nullptr;  // dense: element (i, j) lies i row_stride + j column_stride bytes further
    Index row_stride = 0, column_stride = 0, item_size = 0;  // bytes
    Widen<T> widen = nullptr;
    const Expansion* expansion = nullptr;  // `numbers` are raw doubles, a row's side by side, whose entries
                                           // multiply heights; else null
    const void* starts = nullptr;          // compressed: (n + 1), of the type of `columns`; else null
    const void* columns = nullptr;         // compressed: the entries' columns, 32 or 64 bits wide
    bool wide = false;                     // 64 bits

    Form form() const { return starts ? Form::compressed : expansion ? Form::table : Form::dense; }
    bool sparse() const { return form() != Form::dense; }
    bool plain() const { return values && !starts; }
    bool by_columns() const { return std::abs(column_stride) > std::abs(row_stride); }
    Index item_bytes() const { return values ? static_cast<Index>(sizeof(T)) : item_size; }
    // Where element (row, column) of a dense X lies.
    const char* bytes(Index row, Index column) const {
        return values ? reinterpret_cast<const char*>(values + row * n_features + column)
                      : numbers + row * row_stride + column * column_stride;
    }
    const double* raw(Index row) const { return reinterpret_cast<const double*>(numbers + row * row_stride); }
    // Asks for what `copy` will read.
    void prefetch(Index row, Index first, Index last) const {
        prefetch(bytes(row, first), (last - first) * item_bytes());
    }
    // Asks for a raw row, whose entries will be made.
    void prefetch_raw(Index row) const {
        prefetch(numbers + row * row_stride, expansion->n_sources() * static_cast<Index>(sizeof(double)));
    }
    // Columns first..last of a dense row.
    void copy(Index row, Index first, Index last, T* out) const {
        if (values)
            std::memcpy(out, values + row * n_features + first,
                        static_cast<std::size_t>(last - first) * sizeof(T));
        else
            widen(bytes(row, first), column_stride, last - first, out);
    }
    // Of a row that is taken by them.
    Index entries(Index row) const {
        return expansion ? expansion->n_entries() : start(row + 1) - start(row);
    }
    Index start(Index row) const { return index(starts, row); }
    Index column(Index entry) const { return index(columns, entry); }

  private:
    static void prefetch(const char* from, Index size) {
        for (Index at = 0; at < size; at += cache_line) __builtin_prefetch(from + at);
    }
    Index index(const void* indices, Index i) const {
        return wide ? static_cast<Index>(static_cast<const std::int64_t*>(indices)[i])
                    : static_cast<Index>(static_cast<const std::int32_t*>(indices)[i]);
    }
};

// Labelled samples. labels: (n rows, n_groups) for the softmax losses, else targets: (n rows, n_outputs).
template <class T>
struct Dataset {
    Index n = 0;  // samples: rows, or the length of `order`
    Rows<T> x;
    const std::int32_t* labels = nullptr;
    const T* targets = nullptr;
    const T* sample_weight = nullptr;     // (n rows) or null
    const std::int64_t* order = nullptr;  // (n) row of each sample, or null for 0, 1, 2, ...
    Index x_begin = -1;                   // not negative: x holds this sample and those after it, in order

    Index row(Index sample) const { return order ? static_cast<Index>(order[sample]) : sample; }
    Index row_of_x(Index sample) const { return x_begin < 0 ? row(sample) : sample - x_begin; }

    // Samples begin, begin + 1, ... of a dense X, into rows of `out` that lie `ld` apart; of an X in Fortran
    // order a few columns at a time, because there it is neighbouring samples that share a cache line.
    void gather(Index begin, Index rows, T* out, Index ld) const {
        constexpr Index line = cache_line / static_cast<Index>(sizeof(T));
        const Index width = x.by_columns() ? line : x.n_features;
        for (Index first = 0; first < x.n_features; first += width) {
            const Index last = std::min(first + width, x.n_features);
            for (Index r = 0; r < rows; ++r) {
                // rows in random order: no hardware prefetches the next one
                if (r + 1 < rows && !x.by_columns()) x.prefetch(row_of_x(begin + r + 1), first, last);
                x.copy(row_of_x(begin + r), first, last, out + r * ld + first);
            }
        }
    }
};

// Entries of a sparse X in the fullest of the blocks of `size` samples; else 0.
template <class T>
Index most_entries(const Dataset<T>& data, Index size) {
    Index most = 0;
    for (Index begin = 0; data.x.sparse() && begin < data.n; begin += size) {
        Index entries = 0;
        for (Index s = begin; s < std::min(data.n, begin + size); ++s) entries += data.x.entries(data.row(s));
        most = std::max(most, entries);
    }
    return most;
}

// What a layer reads: dense rows, or the entries of sparse ones.
template <class T>
struct Input {
    const T* dense;
    Index ld;
    Compressed<T> rows{};

    bool sparse() const { return !dense; }
};

// The entries of rows, one row after another, with the kernels' types of index.
template <class T>
class SparseBlock {
  public:
    SparseBlock() = default;
    SparseBlock(Index max_rows, Index max_entries)
        : starts_(max_rows + 1), columns_(max_entries), values_(max_entries) {}

    // Writes row r of the block from entry `begin` on and returns where it ends. Each r writes memory of its
    // own.
    Index copy_row(const Rows<T>& x, Index row, Index r, Index begin) {
        const Index count = x.entries(row);
        std::int32_t* columns = columns_.data() + begin;
        T* values = values_.data() + begin;
        if (x.expansion) {
            x.expansion->compress(x.raw(row), columns, values);
        } else {
            const Index first = x.start(row);
            for (Index e = 0; e < count; ++e) columns[e] = static_cast<std::int32_t>(x.column(first + e));
            std::memcpy(values, x.values + first, static_cast<std::size_t>(count) * sizeof(T));
        }
        return starts_.data()[r + 1] = begin + count;
    }
    Compressed<T> rows() const { return {starts_.data(), columns_.data(), values_.data()}; }

  private:
    Buffer<Index> starts_;
    Buffer<std::int32_t> columns_;
    Buffer<T> values_;
};

}  // namespace pymlp

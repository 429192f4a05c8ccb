// Matrices as the kernels take them, for the bindings of single kernels.
#pragma once

#include <algorithm>
#include <cmath>

#include "bindings/arrays.hpp"

namespace pymlp {

// A row-major matrix in the kernels' padded form, its padding poisoned with NaN.
template <class T>
struct Padded {
    Index rows, columns, stride;
    Buffer<T> buffer;

    Padded(Index rows_, Index columns_, Index lanes)
        : rows(rows_),
          columns(columns_),
          stride(round_up(columns_, 2 * lanes) + lanes),
          buffer(rows_ * stride) {
        std::fill_n(buffer.data(), buffer.size(), static_cast<T>(NAN));
    }
    Padded(const Array<T>& a, Index lanes) : Padded(a.shape(0), a.shape(1), lanes) {
        for (Index r = 0; r < rows; ++r)
            std::copy_n(a.data() + r * columns, columns, buffer.data() + r * stride);
    }
    Array<T> array() const {
        Array<T> out({rows, columns});
        for (Index r = 0; r < rows; ++r)
            std::copy_n(buffer.data() + r * stride, columns, out.mutable_data() + r * columns);
        return out;
    }
    // A kernel that owes its reader zeros up to column `end` must write them and nothing beyond. Where a row
    // is NaN itself, its padding may be.
    void expect_zeros_up_to(Index end) const {
        for (Index r = 0; r < rows; ++r) {
            const T* row = buffer.data() + r * stride;
            const bool nan = std::any_of(row, row + columns, [](T x) { return std::isnan(x); });
            for (Index c = columns; c < stride; ++c)
                if (c < end ? row[c] != T(0) && !nan : !std::isnan(row[c]))
                    throw std::runtime_error("padding of row " + std::to_string(r) + ", column " +
                                             std::to_string(c) + " holds " + std::to_string(row[c]) + ".");
        }
    }
};

// The non-zero entries of a matrix by rows, or by columns.
template <class T>
struct Entries {
    std::vector<Index> starts{0};
    std::vector<std::int32_t> at;
    std::vector<T> values;

    Entries(const Array<T>& a, bool by_columns) {
        const Index rows = a.shape(0), columns = a.shape(1);
        const Index outer = by_columns ? columns : rows, inner = by_columns ? rows : columns;
        for (Index i = 0; i < outer; ++i) {
            for (Index j = 0; j < inner; ++j) {
                const T value = a.data()[by_columns ? j * columns + i : i * columns + j];
                if (value == T(0)) continue;
                at.push_back(static_cast<std::int32_t>(j));
                values.push_back(value);
            }
            starts.push_back(static_cast<Index>(at.size()));
        }
    }
    Compressed<T> compressed() const { return {starts.data(), at.data(), values.data()}; }
};

// A mini-batch as the kernels take it. x: (batch, n_in), dense or by its entries; dz: (batch, n_out)
template <class T>
struct PaddedBatch {
    Padded<T> x, dz;
    Entries<T> entries;
    Compressed<T> columns;
    bool sparse;

    PaddedBatch(const Array<T>& x_, const Array<T>& dz_, bool sparse_, Index lanes)
        : x(x_, lanes), dz(dz_, lanes), entries(x_, true), columns(entries.compressed()), sparse(sparse_) {
        // derivatives have zeros in their padding: it is updated like the rest
        for (Index r = 0; r < dz.rows; ++r)
            std::fill_n(dz.buffer.data() + r * dz.stride + dz.columns, dz.stride - dz.columns, T(0));
    }
    // The product for rows first..last of a panel that begins at `column`.
    GradientArgs<T> product(Index first, Index last, Index column, Index vectors) const {
        GradientArgs<T> args{};
        args.first_row = first;
        args.last_row = last;
        args.batch = x.rows;
        args.x = sparse ? nullptr : x.buffer.data();
        args.ldx = x.stride;
        args.columns = sparse ? &columns : nullptr;
        args.dz = dz.buffer.data() + column;
        args.lddz = dz.stride;
        args.vectors = vectors;
        return args;
    }
};

inline void expect_matrices(std::initializer_list<const py::array*> arrays) {
    for (const py::array* a : arrays)
        if (a->ndim() != 2)
            throw std::invalid_argument("expected a matrix, got shape " + shape_text(*a) + ".");
}

// An argument that is not converted: another dtype or order is a TypeError.
inline py::arg raw(const char* name) { return py::arg(name).noconvert(); }

}  // namespace pymlp

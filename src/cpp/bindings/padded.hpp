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

inline void expect_matrices(std::initializer_list<const py::array*> arrays) {
    for (const py::array* a : arrays)
        if (a->ndim() != 2)
            throw std::invalid_argument("expected a matrix, got shape " + shape_text(*a) + ".");
}

// An argument that is not converted: another dtype or order is a TypeError.
inline py::arg raw(const char* name) { return py::arg(name).noconvert(); }

}  // namespace pymlp

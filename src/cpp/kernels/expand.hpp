// Features of a table's rows (network/expansion.hpp). All in double, and a number is rounded to T at last.
#pragma once

namespace {

// u / sqrt(1 + (u / 3)^2): between -3 and 3, and almost u itself near 0.
PYMLP_INLINE double squashed(double u) {
    constexpr double far = 1e9;  // from there on it is 3; squares must not become infinite
    double third = u * (1.0 / 3);
    third = third < -far ? -far : third;
    third = third > far ? far : third;
    return 3 * third / __builtin_sqrt(1 + third * third);
}

// Of x from 0 to 1 between each edge and the next
template <class T>
void ramps(const SourceArgs& source, double x, T* __restrict out) {
    for (Index k = 0; k < source.n_ramps; ++k) {
        double risen = (x - source.edges[k]) * source.slopes[k];
        risen = risen > 0 ? risen : 0;
        out[k] = static_cast<T>(risen < 1 ? risen : 1);
    }
}

// 1 at the value that x is
template <class T>
void marks(const SourceArgs& source, double x, T* __restrict out) {
    for (Index k = 0; k < source.n_values; ++k) out[k] = source.values[k] == x ? T(1) : T(0);
}

template <class T>
void expand(const SourceArgs* sources, Index n_sources, const double* row, T* out) {
    for (Index i = 0; i < n_sources; ++i) {
        const SourceArgs& source = sources[i];
        const double given = row[i];
        const bool missing = given != given;
        const double x = missing ? source.fill : given;
        if (source.scaling > 0) *out++ = static_cast<T>(squashed((x - source.center) * source.scaling));
        ramps(source, x, out);
        out += source.n_ramps;
        marks(source, given, out);
        out += source.n_values;
        if (source.has_missing) *out++ = static_cast<T>(missing);
    }
}

}  // namespace

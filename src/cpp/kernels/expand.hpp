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

// Of ascending numbers, the last that is not above x, or else the first
PYMLP_INLINE Index place_of(const double* numbers, Index size, double x) {
    Index first = 0;
    for (Index n = size; n > 1; n -= n / 2) first += numbers[first + n / 2] <= x ? n / 2 : 0;
    return first;
}

// x lies between two edges, and what its ramps make of a curve's weights between the heights there. Where an
// entry has nothing to say it is 0, so that every row has as many.
template <class T>
void compress(const SourceArgs* sources, Index n_sources, const double* row, std::int32_t* at, T* values) {
    std::int32_t feature = 0;
    const auto put = [&](Index offset, double value) {
        *at++ = feature + static_cast<std::int32_t>(offset);
        *values++ = static_cast<T>(value);
    };
    for (Index i = 0; i < n_sources; ++i) {
        const SourceArgs& source = sources[i];
        const double given = row[i];
        const bool missing = given != given;
        const double x = missing ? source.fill : given;
        if (source.scaling > 0) {
            put(0, squashed((x - source.center) * source.scaling));
            ++feature;
        }
        if (source.n_ramps > 0) {
            const Index k = place_of(source.edges, source.n_ramps, x);
            double risen = (x - source.edges[k]) * source.slopes[k];
            risen = risen > 0 ? risen : 0;
            risen = risen < 1 ? risen : 1;
            put(k > 0 ? k - 1 : 0, k > 0 ? 1 - risen : 0);
            put(k, risen);
            feature += static_cast<std::int32_t>(source.n_ramps);
        }
        if (source.n_values > 0) {
            const Index k = place_of(source.values, source.n_values, given);
            put(k, source.values[k] == given ? 1 : 0);
            feature += static_cast<std::int32_t>(source.n_values);
        }
        if (source.has_missing) {
            put(0, missing ? 1 : 0);
            ++feature;
        }
    }
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

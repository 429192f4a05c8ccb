// Rows, or groups of columns within a row, that hold the scores of one softmax: shared by the losses and the
// predictions.
#pragma once

namespace {

// Lanes of the vector at `column` that hold one of the `columns` real columns.
template <class T>
PYMLP_INLINE IntVec<T> real_lanes(Index column, Index columns) {
    return iota<T>() < (IntVec<T>{} + static_cast<decltype(IntVec<T>{}[0] + 0)>(columns - column));
}

// The first n lanes alone. Not inlined: on their own these loops become one masked move, elsewhere they may
// not.
template <class T>
__attribute__((noinline)) Vec<T> load_part(const T* from, Index n) {
    const IntVec<T> wanted = real_lanes<T>(0, n);
    T v[lanes<T>];
    for (int i = 0; i < lanes<T>; ++i) v[i] = wanted[i] ? from[i] : T(0);
    return load(v);
}
template <class T>
__attribute__((noinline)) void store_part(T* to, Vec<T> v, Index n) {
    const IntVec<T> wanted = real_lanes<T>(0, n);
    for (int i = 0; i < lanes<T>; ++i)
        if (wanted[i]) to[i] = v[i];
}

// The scores of a whole row; z is padded to whole vectors and may be written there.
template <class T>
struct WholeRow {
    T* z;
    Index size;

    PYMLP_INLINE Vec<T> load(Index c) const { return ::load(z + c); }
    PYMLP_INLINE void store(Index c, Vec<T> v) const { ::store(z + c, v); }
};

// The scores of one group of a row. A vector of it may reach into the next group, or past the padding into
// the next row, which belongs to another thread: only the group's own lanes are touched.
template <class T>
struct PartOfRow {
    T* z;
    Index size;

    PYMLP_INLINE Vec<T> load(Index c) const { return load_part<T>(z + c, size - c); }
    PYMLP_INLINE void store(Index c, Vec<T> v) const { store_part<T>(z + c, v, size - c); }
};

template <class T, class Row>
PYMLP_INLINE T row_maximum(const Row& row) {
    const Vec<T> lowest = broadcast<T>(-T(__builtin_inf()));
    Vec<T> top = lowest;
    for (Index c = 0; c < row.size; c += lanes<T>)
        top = maximum<T>(select(real_lanes<T>(c, row.size), row.load(c), lowest), top);
    return maximum_lane<T>(top);
}

// The scores become e^(z - largest); returns their sum, in a fixed order.
template <class T, class Row>
PYMLP_INLINE T exponentials(const Row& row, T largest) {
    Vec<T> sum = {};
    for (Index c = 0; c < row.size; c += lanes<T>) {
        const Vec<T> e = select(real_lanes<T>(c, row.size), vexp<T>(row.load(c) - largest), Vec<T>{});
        row.store(c, e);
        sum += e;
    }
    return sum_lanes<T>(sum);
}

template <class T, class Row>
PYMLP_INLINE void softmax(const Row& row) {
    const T inverse = T(1) / exponentials<T>(row, row_maximum<T>(row));
    for (Index c = 0; c < row.size; c += lanes<T>) row.store(c, row.load(c) * inverse);
}

}  // namespace

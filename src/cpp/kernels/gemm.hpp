// Register-tiled matrix product of a block of rows with one panel.
#pragma once

namespace {

// Rows of a tile: as many as leave registers for one row of the panel and a broadcast.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int max_tile_rows = 14;  // 28 accumulators of 32 registers
#else
constexpr int max_tile_rows = 6;  // 12 accumulators of 16 registers
#endif

// Sums of a tile of so many rows of a row-major matrix: the chains of one to three rows by two vectors would
// wait for each other.
template <int Rows>
constexpr int max_tile_vectors = Rows > 3 ? 2 : max_tile_rows / Rows;

// The column of a matrix that a tile multiplies next: its rows lie `apart`, and each fourth of them has a
// pointer. The others are one, two and three times `apart` further, an address of base and scaled index: for
// an offset of each the registers do not suffice, and moving them about takes the FMAs' ports.
template <class Operand, int Rows>
class Column {
  public:
    PYMLP_INLINE Column(const Operand* a, Index lda)
        : apart_(in_register(lda)), apart_3_(in_register(3 * lda)) {
#pragma GCC unroll 4
        for (int r = 0; r < Rows; r += 4) rows_[r / 4] = in_register(a + r * lda);
    }
    PYMLP_INLINE Operand operator[](int r) const {
        return rows_[r / 4][r % 4 == 3 ? apart_3_ : r % 4 * apart_];
    }
    PYMLP_INLINE void next() {
#pragma GCC unroll 4
        for (int r = 0; r < Rows; r += 4) ++rows_[r / 4];
    }

  private:
    const Operand* rows_[(Rows + 3) / 4];
    Index apart_, apart_3_;
};

// The same of a matrix that lies transposed: rows are neighbours.
template <class Operand>
class TransposedColumn {
  public:
    PYMLP_INLINE TransposedColumn(const Operand* a, Index lda) : rows_(a), lda_(lda) {}
    PYMLP_INLINE Operand operator[](int r) const { return rows_[r]; }
    PYMLP_INLINE void next() { rows_ += lda_; }

  private:
    const Operand* rows_;
    Index lda_;
};

// acc[r][v] += sum_k a_k[r] * b[k][v], k ascending; prefetch(k, b[k]) runs beside the products of each k
template <class Operand, int Rows, int Vectors, class ColumnOfA, class Prefetch>
PYMLP_INLINE void accumulate(Vec<Sum<Operand>> (&acc)[Rows][Vectors], Index depth, ColumnOfA a,
                             const Operand* b, Index ldb, Prefetch prefetch) {
    for (Index k = 0; k < depth; ++k) {
        Vec<Operand> bk[Vectors];
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) {
            bk[v] = load(b + v * lanes<Operand>);
            // else GCC reads it once for each row, across two cache lines where rows of b are ragged
            if constexpr (Rows == 2 || Rows == 3) bk[v] = in_register(bk[v]);
        }
        prefetch(k, b);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
            const Vec<Operand> ark = broadcast(a[r]);
#pragma GCC unroll 16
            for (int v = 0; v < Vectors; ++v) acc[r][v] = multiply_add<Operand>(ark, bk[v], acc[r][v]);
        }
        a.next();
        b += ldb;
    }
}

struct NoPrefetch {
    template <class Operand>
    PYMLP_INLINE void operator()(Index, const Operand*) const {}
};

// The panel's rows that come soon, from the second-level cache or further away. Functors and not lambdas:
// GCC drops the call of a function that does nothing but prefetch, unless it is inlined early.
template <class Operand, int Vectors>
struct PrefetchPanel {
    Index distance;  // elements: a dozen rows

    PYMLP_INLINE void operator()(Index, const Operand* b) const {
        constexpr int width = Vectors * lanes<Operand>, line = 64 / static_cast<int>(sizeof(Operand));
#pragma GCC unroll 2
        for (int at = 0; at < width; at += line) __builtin_prefetch(b + distance + at);
    }
};

template <class Operand, int Rows, int Vectors>
void gemm_tile(const GemmArgs<Operand>& g, Index row) {
    using T = Sum<Operand>;
    Vec<T> acc[Rows][Vectors];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) acc[r][v] = g.bias ? load(g.bias + v * lanes<T>) : Vec<T>{};
    const Column<Operand, Rows> a(g.a + row * g.lda, g.lda);
    if constexpr (Rows > 3)
        accumulate<Operand, Rows, Vectors>(acc, g.depth, a, g.b, g.ldb,
                                           PrefetchPanel<Operand, Vectors>{12 * g.ldb});
    else  // bound by reading b, which the hardware prefetches as well
        accumulate<Operand, Rows, Vectors>(acc, g.depth, a, g.b, g.ldb, NoPrefetch{});
    T* c = g.c + row * g.ldc;
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) store(c + r * g.ldc + v * lanes<T>, acc[r][v]);
}

// Calls tile<Rows>(...) for a number of rows known at run time only.
template <class Operand, int Vectors, int Rows = max_tile_rows>
PYMLP_INLINE void gemm_rows(const GemmArgs<Operand>& g, Index row, Index rows) {
    if constexpr (Rows > 0) {
        if (rows == Rows) return gemm_tile<Operand, Rows, Vectors>(g, row);
        gemm_rows<Operand, Vectors, Rows - 1>(g, row, rows);
    }
}

template <class Operand, int Vectors>
void gemm_panel(const GemmArgs<Operand>& g) {
    // 50 rows are 13 + 13 + 12 + 12: blocks of nearly one size keep every tile's FMA chains long enough
    const Index blocks = (g.rows + max_tile_rows - 1) / max_tile_rows;
    for (Index i = 0; i < blocks; ++i) {
        const Index first = g.rows * i / blocks, last = g.rows * (i + 1) / blocks;
        gemm_rows<Operand, Vectors>(g, first, last - first);
    }
}

// The vectors from `first` on
template <class Operand>
PYMLP_INLINE GemmArgs<Operand> columns_from(GemmArgs<Operand> g, Index first) {
    g.b += first * lanes<Operand>;
    if (g.bias) g.bias += first * lanes<Operand>;
    g.c += first * lanes<Operand>;
    return g;
}

// Calls tile<Vectors>(...) for a number of vectors known at run time only.
template <class Operand, int Rows, int Vectors = max_tile_vectors<Rows>>
PYMLP_INLINE void gemm_vectors(const GemmArgs<Operand>& g, Index vectors) {
    if constexpr (Vectors > 0) {
        if (vectors == Vectors) return gemm_tile<Operand, Rows, Vectors>(g, 0);
        gemm_vectors<Operand, Rows, Vectors - 1>(g, vectors);
    }
}

template <class Operand, int Rows>
void gemm_few(const GemmArgs<Operand>& g) {
    const Index tiles = (g.vectors + max_tile_vectors<Rows> - 1) / max_tile_vectors<Rows>;
    for (Index i = 0; i < tiles; ++i) {  // of nearly one size, as above
        const Index first = g.vectors * i / tiles, last = g.vectors * (i + 1) / tiles;
        gemm_vectors<Operand, Rows>(columns_from(g, first), last - first);
    }
}

template <class Operand>
void gemm(const GemmArgs<Operand>& g) {
    switch (g.rows) {
        case 1:
            return gemm_few<Operand, 1>(g);
        case 2:
            return gemm_few<Operand, 2>(g);
        case 3:
            return gemm_few<Operand, 3>(g);
        default:
            for (Index v = 0; v < g.vectors; v += 2)
                v + 1 < g.vectors ? gemm_panel<Operand, 2>(columns_from(g, v))
                                  : gemm_panel<Operand, 1>(columns_from(g, v));
    }
}

}  // namespace

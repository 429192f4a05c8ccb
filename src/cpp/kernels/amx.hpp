// Products of bfloat16 pairs on AMX's tiles (Intel's manual, volume 1, chapter 18): eight registers of up to
// 16 rows of 64 bytes. TDPBF16PS adds to c: (rows, 16) the product of a: (rows, 16 pairs) and
// b: (16 pairs, 16 columns of pairs). It sums the earlier and the later numbers of the pairs apart, in float,
// and adds both sums to c, so 32 numbers of the depth make one step of an element's chain.
#pragma once

namespace {

constexpr int tile_depth = 16;         // pairs
constexpr int largest_tile_rows = 16;  // of a and c
constexpr Index tile_row = 64;         // bytes, of c and of whole tiles of a and b

// Assembler, because GCC's intrinsics do not tell the compiler that a tile is loaded from memory.
template <int tile>
PYMLP_INLINE void load_tile(const void* from, Index stride_bytes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride_bytes), "i"(tile) : "memory");
}
template <int tile>
PYMLP_INLINE void store_tile(void* to, Index stride_bytes) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride_bytes), "i"(tile) : "memory");
}
template <int c, int a, int b>
PYMLP_INLINE void multiply_add_tiles() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
}

// The registers' shapes while it lives, and none afterwards: a thread that holds tiles costs the system 8 KiB
// at every switch.
class TileShapes {
  public:
    // c: (rows, 16) in 0 to 3; a: (rows, 16 pairs) in 4, b: (16 pairs, 16) in 5; and what is left of a depth
    // that is no multiple of 16 pairs, `rest`: (rows, rest) in 6, (rest, 16) in 7
    TileShapes(Index rows, Index rest) {
        for (int tile = 0; tile <= 4; ++tile) set(tile, rows, tile_depth);
        set(5, tile_depth, tile_depth);
        if (rest > 0) {
            set(6, rows, rest);
            set(7, rest, tile_depth);
        }
        asm volatile("ldtilecfg %0" ::"m"(config_) : "memory");
    }
    TileShapes(const TileShapes&) = delete;
    TileShapes& operator=(const TileShapes&) = delete;
    ~TileShapes() { asm volatile("tilerelease"); }

  private:
    void set(int tile, Index rows, Index words) {
        config_.rows[tile] = static_cast<std::uint8_t>(rows);
        config_.row_bytes[tile] = static_cast<std::uint16_t>(4 * words);
    }
    struct alignas(64) {
        std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
        std::uint16_t row_bytes[16] = {};
        std::uint8_t rows[16] = {};
    } config_;
};

// One step along the depth for `Blocks` blocks of rows by `Vectors` vectors: c += a b, with a and b in the
// registers A and B. a_block: pairs from one block of rows to the next
template <int A, int B, int Blocks, int Vectors>
PYMLP_INLINE void step(const Bf16Pair* a, Index lda, Index a_block, const Bf16Pair* b, Index ldb) {
    constexpr Index size = sizeof(Bf16Pair);
    load_tile<A>(a, lda * size);
    load_tile<B>(b, ldb * size);
    multiply_add_tiles<0, A, B>();
    if constexpr (Vectors == 2) {
        load_tile<B>(b + tile_depth, ldb * size);
        multiply_add_tiles<1, A, B>();
    }
    if constexpr (Blocks == 2) {
        load_tile<A>(a + a_block, lda * size);
        if constexpr (Vectors == 2) multiply_add_tiles<3, A, B>();
        if constexpr (Vectors == 2) load_tile<B>(b, ldb * size);
        multiply_add_tiles<2, A, B>();
    }
}

// c[block * 2 + vector] += a b over the whole depth
template <int Blocks, int Vectors>
PYMLP_INLINE void accumulate_tiles(Index depth, const Bf16Pair* a, Index lda, Index a_block,
                                   const Bf16Pair* b, Index ldb) {
    Index k = 0;
    for (; k + tile_depth <= depth; k += tile_depth)
        step<4, 5, Blocks, Vectors>(a + k, lda, a_block, b + k * ldb, ldb);
    if (k < depth) step<6, 7, Blocks, Vectors>(a + k, lda, a_block, b + k * ldb, ldb);
}

template <int Vectors>
PYMLP_INLINE void clear_tiles() {
    asm volatile("tilezero %tmm0");
    if constexpr (Vectors == 2) asm volatile("tilezero %tmm1");
}

// c = start, whose rows lie `stride` apart: 0 to start all of them alike
template <int Blocks, int Vectors>
PYMLP_INLINE void start_tiles(const float* start, Index stride, Index block) {
    constexpr Index size = sizeof(float);
    load_tile<0>(start, stride * size);
    if constexpr (Vectors == 2) load_tile<1>(start + tile_depth, stride * size);
    if constexpr (Blocks == 2) load_tile<2>(start + block, stride * size);
    if constexpr (Blocks == 2 && Vectors == 2) load_tile<3>(start + block + tile_depth, stride * size);
}

template <int Blocks, int Vectors>
PYMLP_INLINE void store_tiles(float* c, Index ldc, Index block) {
    constexpr Index size = sizeof(float);
    store_tile<0>(c, ldc * size);
    if constexpr (Vectors == 2) store_tile<1>(c + tile_depth, ldc * size);
    if constexpr (Blocks == 2) store_tile<2>(c + block, ldc * size);
    if constexpr (Blocks == 2 && Vectors == 2) store_tile<3>(c + block + tile_depth, ldc * size);
}

alignas(64) constexpr float zeros[2 * tile_depth] = {};

// Blocks of one height, hence one configuration: the last begins a little earlier than the one before it
// ends, and computes some rows again, to the same bits.
template <int Vectors>
void gemm_tiles(const GemmArgs<Bf16Pair>& g) {
    if (g.rows == 0) return;
    const Index blocks = (g.rows + largest_tile_rows - 1) / largest_tile_rows;
    const Index height = (g.rows + blocks - 1) / blocks;
    const TileShapes shapes(height, g.depth % tile_depth);
    const float* bias = g.bias ? g.bias : zeros;
    const auto first_row = [&](Index block) {
        return block * height + height < g.rows ? block * height : g.rows - height;
    };
    for (Index i = 0; i < blocks; i += 2) {
        const Index row = first_row(i);
        const Bf16Pair* a = g.a + row * g.lda;
        float* c = g.c + row * g.ldc;
        if (i + 1 < blocks) {
            const Index distance = first_row(i + 1) - row;
            start_tiles<2, Vectors>(bias, 0, 0);
            accumulate_tiles<2, Vectors>(g.depth, a, g.lda, distance * g.lda, g.b, g.ldb);
            store_tiles<2, Vectors>(c, g.ldc, distance * g.ldc);
        } else {
            start_tiles<1, Vectors>(bias, 0, 0);
            accumulate_tiles<1, Vectors>(g.depth, a, g.lda, 0, g.b, g.ldb);
            store_tiles<1, Vectors>(c, g.ldc, 0);
        }
    }
}

void gemm_amx(const GemmArgs<Bf16Pair>& g) { g.vectors == 2 ? gemm_tiles<2>(g) : gemm_tiles<1>(g); }

// The gradient of the rows first <= row < last of a panel, tile by tile: store(row, start) is to store the
// registers; then, when the products of the next tile are on their way, finish(row, rows).
template <int Vectors, class Store, class Finish>
PYMLP_INLINE void for_each_gradient(const GradientArgs<Bf16Pair>& g, const float* start, Store store,
                                    Finish finish) {
    constexpr Index width = Vectors * tile_depth;
    const auto run = [&](Index first, Index last, Index rows) {
        const TileShapes shapes(rows, g.batch % tile_depth);
        const auto multiply = [&](Index row) {
            start ? start_tiles<1, Vectors>(start + row * width, width, 0) : clear_tiles<Vectors>();
            accumulate_tiles<1, Vectors>(g.batch, g.x + row * g.ldx, g.ldx, 0, g.dz, g.lddz);
            store(row);
        };
        multiply(first);
        for (Index row = first; row < last; row += rows) {
            if (row + rows < last) multiply(row + rows);
            finish(row, rows);
        }
    };
    const Index whole = (g.last_row - g.first_row) / max_tile_rows * max_tile_rows + g.first_row;
    if (g.first_row < whole) run(g.first_row, whole, max_tile_rows);
    if (whole < g.last_row) run(whole, g.last_row, g.last_row - whole);
}

template <int Vectors>
void update_tiles(const GradientArgs<Bf16Pair>& g, const UpdateArgs<float>& u,
                  const OptimizerStep<float>& s) {
    constexpr Index width = Vectors * tile_depth;
    // of this tile and the next, in the first-level cache
    alignas(64) float sums[2][max_tile_rows * width];
    const auto sums_of = [&](Index row) { return sums[row / max_tile_rows % 2]; };
    for_each_gradient<Vectors>(
        g, nullptr, [&](Index row) { store_tiles<1, Vectors>(sums_of(row), width, 0); },
        [&](Index row, Index rows) { apply_tile<float>(u, s, row, rows, sums_of(row)); });
}
void update_amx(const GradientArgs<Bf16Pair>& g, const UpdateArgs<float>& u, const OptimizerStep<float>& s) {
    g.vectors == 2 ? update_tiles<2>(g, u, s) : update_tiles<1>(g, u, s);
}

template <int Vectors>
void gradient_tiles(const GradientArgs<Bf16Pair>& g) {
    constexpr Index width = Vectors * tile_depth;
    for_each_gradient<Vectors>(
        g, g.accumulate ? g.gradient : nullptr,
        [&](Index row) { store_tiles<1, Vectors>(g.gradient + row * width, width, 0); },
        [&](Index row, Index rows) {
            if (g.squares)
                g.squares[row / max_tile_rows] = wide_squared_sum(g.gradient + row * width, rows * width);
        });
}
void gradient_amx(const GradientArgs<Bf16Pair>& g) {
    g.vectors == 2 ? gradient_tiles<2>(g) : gradient_tiles<1>(g);
}

// Four chains, each of which waits as long as the other three take.
double fma_rounds_amx(Index rounds, float* sink) {
    alignas(64) Bf16Pair operands[tile_depth * tile_depth];
    alignas(64) float sums[tile_depth * tile_depth];
    for (Bf16Pair& pair : operands) pair = pair_of(*sink, 0.5f);
    const TileShapes shapes(largest_tile_rows, 0);
    start_tiles<2, 2>(zeros, 0, 0);
    load_tile<4>(operands, tile_row);
    load_tile<5>(operands, tile_row);
    for (Index i = 0; i < rounds; ++i) {
        multiply_add_tiles<0, 4, 5>();
        multiply_add_tiles<1, 4, 5>();
        multiply_add_tiles<2, 4, 5>();
        multiply_add_tiles<3, 4, 5>();
    }
    store_tile<0>(sums, tile_row);
    *sink = sums[0];
    return 2.0 * 4 * largest_tile_rows * (2 * tile_depth) * tile_depth * static_cast<double>(rounds);
}

constexpr pymlp::Bf16Table amx_table() {
    pymlp::Bf16Table table{};
    table.gemm = gemm_amx;
    table.update = update_amx;
    table.gradient = gradient_amx;
    table.transpose_panel = transpose_panel<Bf16Pair>;
    table.fma_rounds = fma_rounds_amx;
    add_pairings(table);
    return table;
}

}  // namespace

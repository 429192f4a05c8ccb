// Matrices of float as operands of bfloat16 products.
#pragma once

namespace {

void pair_columns(Index rows, Index columns, const float* x, Index ldx, Bf16Pair* out, Index ldo) {
    constexpr Index n = lanes<float>;
    for (Index r = 0; r < rows; ++r, x += ldx, out += ldo) {
        Index c = 0;
        for (; c + 2 * n <= columns; c += 2 * n)
            store(out + c / 2, neighbours_paired(load(x + c), load(x + c + n)));
        for (; c < columns; c += 2) out[c / 2] = pair_of(x[c], c + 1 < columns ? x[c + 1] : 0.0f);
    }
}

void pair_rows(Index rows, Index columns, const float* x, Index ldx, Bf16Pair* out, Index ldo) {
    for (Index r = 0; r < rows; r += 2)
        for (Index c = 0; c < columns; c += lanes<float>) {
            const float* at = x + r * ldx + c;
            store(out + r / 2 * ldo + c, pair_of(load(at), r + 1 < rows ? load(at + ldx) : Vec<float>{}));
        }
}

void transpose_pairs(Index rows, Index columns, const float* x, Index ldx, Bf16Pair* out, Index ldo) {
    constexpr Index n = lanes<Bf16Pair>;
    for (Index c = 0; c < columns; c += n)
        for (Index r = 0; r < rows; r += 2 * n) {
            Vec<Bf16Pair> block[n];
            for (Index i = 0; i < n; ++i) {
                const Index row = r + 2 * i;
                const float* at = x + row * ldx + c;
                block[i] = row < rows ? pair_of(load(at), row + 1 < rows ? load(at + ldx) : Vec<float>{})
                                      : Vec<Bf16Pair>{};
            }
            transpose<Bf16Pair>(block);
            // others may write the pairs behind those of the last row
            const Index pairs = (rows - r + 1) / 2;
            for (Index i = 0; i < n && c + i < columns; ++i)
                store_first(out + (c + i) * ldo + r / 2, block[i], pairs < n ? pairs : n);
        }
}

}  // namespace

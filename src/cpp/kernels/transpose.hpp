// Weights seen from the other side, for the backward pass to a layer's input.
#pragma once

namespace {

template <class Operand>
void transpose_panel(const Sum<Operand>* weights, Index n_in, Index n_out, Index first, Index vectors,
                     Operand* out) {
    using T = Sum<Operand>;
    constexpr int n = lanes<T>;
    const Index panel = 2 * n;
    for (Index j = 0; j < n_out; j += n) {
        // the vector of columns at j lies in panel j / panel, which is one vector wide if it is the last of
        // few
        const Index start = j / panel * panel;
        const Index width = n_out - start > n ? panel : n;
        const T* from = weights + start * n_in + (j - start);
        for (Index v = 0; v < vectors; ++v) {
            Vec<T> rows[n];
#pragma GCC unroll 16
            for (int r = 0; r < n; ++r) {
                const Index i = first + v * n + r;
                rows[r] = i < n_in ? load(from + i * width) : Vec<T>{};
            }
            transpose<T>(rows);
            Operand* to = out + v * n;
            if constexpr (!is_pair<Operand>) {
#pragma GCC unroll 16
                for (int r = 0; r < n; ++r) store(to + (j + r) * vectors * n, rows[r]);
            } else {
#pragma GCC unroll 8
                for (int r = 0; r < n; r += 2)
                    store(to + (j + r) / 2 * vectors * n, pair_of(rows[r], rows[r + 1]));
            }
        }
    }
}

}  // namespace

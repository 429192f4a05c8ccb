// Products of bfloat16 pairs, of a named instruction set, for the tests. Numbers go in and out as float.
#include <cstring>
#include <vector>

#include "bindings/padded.hpp"
#include "kernels/dispatch.hpp"

namespace pymlp {
namespace {

using Floats = Array<float>;

struct Isa {
    const KernelTable<float>& numbers;
    const Bf16Table& pairs;

    explicit Isa(const std::string& name) : numbers(kernels<float>(name)), pairs(bf16_kernels(name)) {}
};

// A matrix by pairs of neighbours in a row: (rows, columns / 2), its padding poisoned; pairs of columns in
// (rows / 2, columns), padded like the matrix.
struct Pairs {
    Index stride;
    std::vector<Bf16Pair> pairs;

    Pairs(Index rows, Index stride_)
        : stride(stride_), pairs(static_cast<std::size_t>(rows * stride_), Bf16Pair{0x7fc07fc0}) {}
};
Pairs pairs_of_columns(const Isa& k, const Padded<float>& x) {
    Pairs out(x.rows, x.stride);
    k.pairs.pair_columns(x.rows, x.columns, x.buffer.data(), x.stride, out.pairs.data(), out.stride);
    return out;
}
// pairs of rows, transposed: (columns, rows / 2)
Pairs transposed_pairs(const Isa& k, const Padded<float>& x) {
    const Index lanes = k.numbers.lanes;
    Pairs out(x.columns, round_up(operands<Bf16Pair>(x.rows), lanes) + lanes);
    k.pairs.transpose_pairs(x.rows, x.columns, x.buffer.data(), x.stride, out.pairs.data(), out.stride);
    return out;
}
Pairs pairs_of_rows(const Isa& k, const Padded<float>& x) {
    Pairs out(operands<Bf16Pair>(x.rows), x.stride);
    k.pairs.pair_rows(x.rows, round_up(x.columns, k.numbers.lanes), x.buffer.data(), x.stride,
                      out.pairs.data(), out.stride);
    return out;
}

// What the halves of pairs are worth: (rows, 2 columns), the earlier one first.
Floats numbers(const Pairs& x, Index rows, Index columns) {
    Floats out({rows, columns, Index{2}});
    for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; ++c) {
            const auto pair = static_cast<std::uint32_t>(x.pairs[static_cast<std::size_t>(r * x.stride + c)]);
            const std::uint32_t bits[2] = {pair << 16, pair & 0xffff0000u};
            std::memcpy(out.mutable_data() + (r * columns + c) * 2, bits, sizeof bits);
        }
    return out;
}

Floats pair_columns(const std::string& isa, const Floats& x) {
    expect_matrices({&x});
    const Isa k(isa);
    return numbers(pairs_of_columns(k, Padded<float>(x, k.numbers.lanes)), x.shape(0),
                   operands<Bf16Pair>(x.shape(1)));
}

Floats pair_rows(const std::string& isa, const Floats& x) {
    expect_matrices({&x});
    const Isa k(isa);
    return numbers(pairs_of_rows(k, Padded<float>(x, k.numbers.lanes)), operands<Bf16Pair>(x.shape(0)),
                   x.shape(1));
}

Floats transpose_pairs(const std::string& isa, const Floats& x) {
    expect_matrices({&x});
    const Isa k(isa);
    return numbers(transposed_pairs(k, Padded<float>(x, k.numbers.lanes)), x.shape(1),
                   operands<Bf16Pair>(x.shape(0)));
}

// a @ w + bias; or, given no bias, a @ w.T through transposed panels
Floats pair_gemm(const std::string& isa, const Floats& a, const Floats& w,
                 const std::optional<Floats>& bias) {
    expect_matrices({&a, &w});
    const bool transposed = !bias;
    const Index depth = w.shape(transposed ? 1 : 0), columns = w.shape(transposed ? 0 : 1);
    expect_shape(a, "a", {a.shape(0), depth});
    if (bias) expect_shape(*bias, "bias", {columns});
    const Isa k(isa);
    const Index lanes = k.numbers.lanes, pairs = operands<Bf16Pair>(depth);
    Layer<float> layer(w.shape(0), w.shape(1), lanes);
    const std::vector<float> zeros(static_cast<std::size_t>(w.shape(1)));
    layer.load(w.data(), bias ? bias->data() : zeros.data());
    const Pairs x = pairs_of_columns(k, Padded<float>(a, lanes));
    Padded<float> c(a.shape(0), columns, lanes);
    const Panels panels{depth, columns, lanes};
    Buffer<Bf16Pair> panel(round_up(depth, lanes) * panels.width());
    for (Index p = 0; p < panels.count(); ++p) {
        const Index column = panels.first_column(p), vectors = panels.vectors(p), width = vectors * lanes;
        if (transposed)
            k.pairs.transpose_panel(layer.weights.data(), columns, depth, column, vectors, panel.data());
        else
            k.pairs.pair_rows(depth, width, layer.weights.data() + panels.offset(p), width, panel.data(),
                              width);
        GemmArgs<Bf16Pair> product{};
        product.rows = a.shape(0);
        product.depth = pairs;
        product.a = x.pairs.data();
        product.lda = x.stride;
        product.b = panel.data();
        product.ldb = width;
        product.vectors = vectors;
        product.bias = transposed ? nullptr : layer.bias.data() + column;
        product.c = c.buffer.data() + column;
        product.ldc = c.stride;
        k.pairs.gemm(product);
    }
    return c.array();
}

// x.T @ dz
Floats pair_gradient(const std::string& isa, const Floats& x, const Floats& dz) {
    expect_matrices({&x, &dz});
    expect_shape(dz, "dz", {x.shape(0), dz.shape(1)});
    const Isa k(isa);
    const Index lanes = k.numbers.lanes, n_in = x.shape(1), n_out = dz.shape(1);
    const PaddedBatch<float> batch(x, dz, false, lanes);
    const Pairs inputs = transposed_pairs(k, batch.x), derivatives = pairs_of_rows(k, batch.dz);
    Layer<float> sums(n_in, n_out, lanes);
    for (Index p = 0; p < sums.panels.count(); ++p) {
        GradientArgs<Bf16Pair> product{};
        product.last_row = n_in;
        product.batch = operands<Bf16Pair>(x.shape(0));
        product.x = inputs.pairs.data();
        product.ldx = inputs.stride;
        product.dz = derivatives.pairs.data() + sums.panels.first_column(p);
        product.lddz = derivatives.stride;
        product.vectors = sums.panels.vectors(p);
        product.gradient = sums.weights.data() + sums.panels.offset(p);
        k.pairs.gradient(product);
    }
    Floats weights({n_in, n_out}), bias(n_out);
    sums.store(weights.mutable_data(), bias.mutable_data());
    return weights;
}

}  // namespace
}  // namespace pymlp

void bind_bf16(pybind11::module_& m) {
    using namespace pymlp;
    m.def("bf16_pair_columns", &pair_columns, py::arg("isa"), raw("x"));
    m.def("bf16_pair_rows", &pair_rows, py::arg("isa"), raw("x"));
    m.def("bf16_transpose_pairs", &transpose_pairs, py::arg("isa"), raw("x"));
    m.def("bf16_gemm", &pair_gemm, py::arg("isa"), raw("a"), raw("w"), raw("bias"));
    m.def("bf16_gradient", &pair_gradient, py::arg("isa"), raw("x"), raw("dz"));
}

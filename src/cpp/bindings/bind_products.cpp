// Single kernels on panels of weights, of a named instruction set, for the tests.
#include "bindings/padded.hpp"
#include "kernels/dispatch.hpp"
#include "network/operands.hpp"

namespace pymlp {
namespace {

// a @ w + bias through packed panels, `a` dense or compressed
template <class T>
Array<T> gemm(const std::string& isa, const Array<T>& a, const Array<T>& w, const Array<T>& bias,
              bool sparse) {
    expect_matrices({&a, &w});
    const KernelTable<T>& k = kernels<T>(isa);
    expect_shape(w, "w", {a.shape(1), w.shape(1)});
    expect_shape(bias, "bias", {w.shape(1)});
    Layer<T> layer(w.shape(0), w.shape(1), k.lanes);
    layer.load(w.data(), bias.data());
    const Padded<T> x(a, k.lanes);
    Padded<T> c(a.shape(0), w.shape(1), k.lanes);
    const Entries<T> entries(a, false);
    for (Index p = 0; p < layer.panels.count(); ++p) {
        const T* panel = layer.weights.data() + layer.panels.offset(p);
        T* out = c.buffer.data() + layer.panels.first_column(p);
        if (sparse) {
            auto product = panel_product<SparseGemmArgs<T>>(layer, p, x.rows, out, c.stride);
            product.a = entries.compressed();
            product.b = panel;
            k.sparse_gemm(product);
        } else {
            auto product = panel_product<GemmArgs<T>>(layer, p, x.rows, out, c.stride);
            product.depth = x.columns;
            product.a = x.buffer.data();
            product.lda = x.stride;
            product.b = panel;
            k.gemm(product);
        }
    }
    return c.array();
}

// (gradient, bias_gradient, sum of their squares), going on from `start`: (gradient, bias_gradient) if given
template <class T>
py::tuple gradient(const std::string& isa, const Array<T>& x, const Array<T>& dz, bool sparse,
                   const std::optional<std::pair<Array<T>, Array<T>>>& start) {
    expect_matrices({&x, &dz});
    expect_shape(dz, "dz", {x.shape(0), dz.shape(1)});
    const KernelTable<T>& k = kernels<T>(isa);
    const PaddedBatch<T> rows(x, dz, sparse, k.lanes);
    const Index n_in = x.shape(1), n_out = dz.shape(1);
    Layer<T> sums(n_in, n_out, k.lanes);
    if (start) {
        expect_shape(start->first, "start[0]", {n_in, n_out});
        expect_shape(start->second, "start[1]", {n_out});
        sums.load(start->first.data(), start->second.data());
    } else {
        std::fill_n(sums.weights.data(), sums.weights.size(), static_cast<T>(NAN));
        std::fill_n(sums.bias.data(), sums.bias.size(), static_cast<T>(NAN));
    }
    const Index tiles = divide_up(n_in, k.row_tile);
    std::vector<double> squares(static_cast<std::size_t>(tiles + 1), NAN);
    double sum = 0;
    for (Index p = 0; p < sums.panels.count(); ++p) {
        GradientArgs<T> args = rows.product(0, n_in, sums.panels.first_column(p), sums.panels.vectors(p));
        args.accumulate = start.has_value();
        args.gradient = sums.weights.data() + sums.panels.offset(p);
        args.squares = squares.data();
        k.gradient(args);
        args.gradient = sums.bias.data() + sums.panels.first_column(p);
        args.squares = squares.data() + tiles;
        k.gradient_bias(args);
        for (const double s : squares) sum += s;
    }
    Array<T> weights({n_in, n_out}), bias(n_out);
    sums.store(weights.mutable_data(), bias.mutable_data());
    return py::make_tuple(weights, bias, sum);
}

// Sum of w's squares, by row tiles.
template <class T>
double sum_squares(const std::string& isa, const Array<T>& w) {
    expect_matrices({&w});
    const KernelTable<T>& k = kernels<T>(isa);
    Layer<T> layer(w.shape(0), w.shape(1), k.lanes);
    const std::vector<T> zeros(static_cast<std::size_t>(w.shape(1)));
    layer.load(w.data(), zeros.data());
    std::vector<double> squares(static_cast<std::size_t>(divide_up(w.shape(0), k.row_tile)));
    double sum = 0;
    for (Index p = 0; p < layer.panels.count(); ++p) {
        k.sum_squares(w.shape(0), layer.panels.vectors(p), layer.weights.data() + layer.panels.offset(p),
                      squares.data());
        for (const double s : squares) sum += s;
    }
    return sum;
}

template <class T>
Array<T> transpose(const std::string& isa, const Array<T>& w) {
    expect_matrices({&w});
    const KernelTable<T>& k = kernels<T>(isa);
    Layer<T> layer(w.shape(0), w.shape(1), k.lanes);
    const std::vector<T> zeros(static_cast<std::size_t>(w.shape(1)));
    layer.load(w.data(), zeros.data());
    Array<T> out({w.shape(1), w.shape(0)});
    const Panels inputs{w.shape(1), w.shape(0), k.lanes};
    Buffer<T> panel(round_up(w.shape(1), k.lanes) * inputs.width());
    for (Index p = 0; p < inputs.count(); ++p) {
        const Index width = inputs.vectors(p) * k.lanes, column = inputs.first_column(p);
        k.transpose_panel(layer.weights.data(), w.shape(0), w.shape(1), column, inputs.vectors(p),
                          panel.data());
        for (Index j = 0; j < w.shape(1); ++j)
            std::copy_n(panel.data() + j * width, std::min(width, w.shape(0) - column),
                        out.mutable_data() + j * w.shape(0) + column);
    }
    return out;
}

template <class T>
void bind_products(py::module_& m) {
    m.def("gemm", &gemm<T>, py::arg("isa"), raw("a"), raw("w"), raw("bias"), py::kw_only(),
          py::arg("sparse") = false);
    m.def("gradient", &gradient<T>, py::arg("isa"), raw("x"), raw("dz"), py::arg("sparse"), py::arg("start"));
    m.def("sum_squares", &sum_squares<T>, py::arg("isa"), raw("w"));
    m.def("transpose", &transpose<T>, py::arg("isa"), raw("w"));
}

}  // namespace
}  // namespace pymlp

void bind_products(pybind11::module_& m) {
    pymlp::bind_products<float>(m);
    pymlp::bind_products<double>(m);
}

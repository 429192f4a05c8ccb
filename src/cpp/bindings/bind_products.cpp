// Single kernels on panels of weights, of a named instruction set, for the tests.
#include "bindings/padded.hpp"
#include "kernels/dispatch.hpp"

namespace pymlp {
namespace {

// a @ w + bias through packed panels
template <class T>
Array<T> gemm(const std::string& isa, const Array<T>& a, const Array<T>& w, const Array<T>& bias) {
    expect_matrices({&a, &w});
    const KernelTable<T>& k = kernels<T>(isa);
    expect_shape(w, "w", {a.shape(1), w.shape(1)});
    expect_shape(bias, "bias", {w.shape(1)});
    Layer<T> layer(w.shape(0), w.shape(1), k.lanes);
    layer.load(w.data(), bias.data());
    const Padded<T> x(a, k.lanes);
    Padded<T> c(a.shape(0), w.shape(1), k.lanes);
    for (Index p = 0; p < layer.panels.count(); ++p) {
        const Index column = layer.panels.first_column(p), vectors = layer.panels.vectors(p);
        k.gemm({x.rows, x.columns, x.buffer.data(), x.stride, layer.weights.data() + layer.panels.offset(p),
                vectors * k.lanes, vectors, layer.bias.data() + column, c.buffer.data() + column, c.stride});
    }
    return c.array();
}

// One optimizer step on copies of w, m, v; returns them and the sum of the new weights' squares.
template <class T>
py::tuple update(const std::string& isa, const Array<T>& x, const Array<T>& dz, const Array<T>& w,
                 const Array<T>& m, const Array<T>& v, const std::string& solver, double learning_rate,
                 double alpha, double scale, bool nesterov) {
    expect_matrices({&x, &dz, &w, &m, &v});
    const KernelTable<T>& k = kernels<T>(isa);
    expect_shape(dz, "dz", {x.shape(0), dz.shape(1)});
    for (const Array<T>* a : {&w, &m, &v}) expect_shape(*a, "w, m and v", {x.shape(1), dz.shape(1)});
    std::vector<Layer<T>> layers;
    const Array<T> zeros(dz.shape(1));
    std::vector<Array<T>> results;
    for (const Array<T>* a : {&w, &m, &v}) {
        layers.emplace_back(x.shape(1), dz.shape(1), k.lanes);
        layers.back().load(a->data(), zeros.data());
        results.emplace_back(std::vector<py::ssize_t>{x.shape(1), dz.shape(1)});
    }
    OptimizerStep<T> step;
    step.solver = solver_named(solver);
    step.nesterov = nesterov;
    step.learning_rate = static_cast<T>(learning_rate);
    step.momentum = step.beta_1 = T(0.9);
    step.beta_2 = T(0.999);
    step.rest_1 = T(0.1);
    step.rest_2 = T(0.001);
    step.epsilon = T(1e-8);
    step.alpha = static_cast<T>(alpha);
    step.inverse = static_cast<T>(scale);
    step.sum_rate = static_cast<T>(learning_rate * scale);
    Padded<T> xs(x, k.lanes), dzs(dz, k.lanes);
    // gradients have zeros in their padding: it is updated like the rest
    for (Index r = 0; r < dzs.rows; ++r)
        std::fill_n(dzs.buffer.data() + r * dzs.stride + dzs.columns, dzs.stride - dzs.columns, T(0));
    const Panels& panels = layers[0].panels;
    Buffer<double> squares(panels.rows);
    double sum = 0;
    for (Index p = 0; p < panels.count(); ++p) {
        const auto at = [&](std::size_t i) { return layers[i].weights.data() + panels.offset(p); };
        k.update({0, panels.rows, xs.rows, xs.buffer.data(), xs.stride, nullptr,
                  dzs.buffer.data() + panels.first_column(p), dzs.stride, panels.vectors(p), at(0), at(1),
                  at(2), nullptr, alpha > 0 ? squares.data() : nullptr},
                 step);
        if (!(alpha > 0)) k.sum_squares(panels.rows, panels.vectors(p), at(0), squares.data());
        for (Index i = 0; i * k.row_tile < panels.rows; ++i) sum += squares.data()[i];
    }
    Array<T> bias(dz.shape(1));
    for (std::size_t i = 0; i < 3; ++i) layers[i].store(results[i].mutable_data(), bias.mutable_data());
    return py::make_tuple(results[0], results[1], results[2], sum);
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
void bind(py::module_& m) {
    m.def("gemm", &gemm<T>, py::arg("isa"), raw("a"), raw("w"), raw("bias"));
    m.def("update", &update<T>, py::arg("isa"), raw("x"), raw("dz"), raw("w"), raw("m"), raw("v"),
          py::kw_only(), py::arg("solver"), py::arg("learning_rate"), py::arg("alpha"), py::arg("scale"),
          py::arg("nesterov"));
    m.def("transpose", &transpose<T>, py::arg("isa"), raw("w"));
}

}  // namespace
}  // namespace pymlp

void bind_products(pybind11::module_& m) {
    pymlp::bind<float>(m);
    pymlp::bind<double>(m);
}

// The activation and dropout kernels, of a named instruction set, for the tests.
#include "bindings/names.hpp"
#include "bindings/padded.hpp"
#include "kernels/dispatch.hpp"

namespace pymlp {
namespace {

template <class T>
Array<T> activate(const std::string& isa, const std::string& name, const Array<T>& z) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    Padded<T> x(z, k.lanes);
    k.activate(activation_named(name), x.rows, round_up(x.columns, k.lanes), x.buffer.data(), x.stride);
    return x.array();
}

template <class T>
void point_at(HiddenArgs<T>& args, Padded<T>& x, Padded<T>& slope, Index lanes) {
    args.rows = x.rows;
    args.columns = round_up(x.columns, lanes);
    args.x = x.buffer.data();
    args.ldx = x.stride;
    args.slope = slope.buffer.data();
    args.lds = slope.stride;
}

template <class T>
BackwardArgs<T> backward_args(const Padded<T>& from, Padded<T>& d, Index lanes) {
    BackwardArgs<T> args{};
    args.rows = d.rows;
    args.columns = round_up(d.columns, lanes);
    args.from = from.buffer.data();
    args.ldf = from.stride;
    args.d = d.buffer.data();
    args.ldd = d.stride;
    return args;
}

// (value, slope)
template <class T>
py::tuple activate_with_slope(const std::string& isa, const std::string& name, const Array<T>& z) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    Padded<T> x(z, k.lanes), slope(x.rows, x.columns, k.lanes);
    HiddenArgs<T> args{};
    point_at(args, x, slope, k.lanes);
    k.activate_with_slope(activation_named(name), args);
    return py::make_tuple(x.array(), slope.array());
}

template <class T>
Array<T> multiply_derivative(const std::string& isa, const std::string& name, const Array<T>& a,
                             const Array<T>& d) {
    expect_matrices({&a, &d});
    const KernelTable<T>& k = kernels<T>(isa);
    expect_shape(d, "d", {a.shape(0), a.shape(1)});
    const Padded<T> out(a, k.lanes);
    Padded<T> delta(d, k.lanes);
    k.multiply_derivative(activation_named(name), backward_args(out, delta, k.lanes));
    return delta.array();
}

template <class T>
Array<T> multiply_slope(const std::string& isa, const Array<T>& slope, const Array<T>& d) {
    expect_matrices({&slope, &d});
    const KernelTable<T>& k = kernels<T>(isa);
    expect_shape(d, "d", {slope.shape(0), slope.shape(1)});
    const Padded<T> factor(slope, k.lanes);
    Padded<T> delta(d, k.lanes);
    k.multiply_slope(backward_args(factor, delta, k.lanes));
    return delta.array();
}

// (x, slope) of the block that begins at (first_row, first_column)
template <class T>
py::tuple drop(const std::string& isa, const Array<T>& x, const Array<T>& slope, std::uint64_t key,
               double rate, Index first_row, Index first_column) {
    expect_matrices({&x, &slope});
    const KernelTable<T>& k = kernels<T>(isa);
    expect_shape(slope, "slope", {x.shape(0), x.shape(1)});
    Padded<T> values(x, k.lanes), slopes(slope, k.lanes);
    DropoutArgs<T> args{};
    point_at(args, values, slopes, k.lanes);
    args.first_row = first_row;
    args.first_column = first_column;
    args.key = key;
    args.rate = rate;
    k.drop(args);
    return py::make_tuple(values.array(), slopes.array());
}

template <class T>
void bind_activations(py::module_& m) {
    using py::arg;
    m.def("activate", &activate<T>, arg("isa"), arg("activation"), raw("z"));
    m.def("activate_with_slope", &activate_with_slope<T>, arg("isa"), arg("activation"), raw("z"));
    m.def("multiply_derivative", &multiply_derivative<T>, arg("isa"), arg("activation"), raw("a"), raw("d"));
    m.def("multiply_slope", &multiply_slope<T>, arg("isa"), raw("slope"), raw("d"));
    m.def("drop", &drop<T>, arg("isa"), raw("x"), raw("slope"), arg("key"), arg("rate"), arg("first_row") = 0,
          arg("first_column") = 0);
}

}  // namespace
}  // namespace pymlp

void bind_activations(pybind11::module_& m) {
    pymlp::bind_activations<float>(m);
    pymlp::bind_activations<double>(m);
}

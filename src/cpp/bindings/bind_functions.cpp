// The loss kernels, of a named instruction set, for the tests.
#include "bindings/padded.hpp"
#include "bindings/samples.hpp"
#include "kernels/dispatch.hpp"

namespace pymlp {
namespace {

// (gradient, loss of each row, hit of each row)
template <class T>
py::tuple loss(const std::string& isa, const std::string& name, const Array<T>& z, const py::array& y,
               const std::optional<Array<T>>& sample_weight) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    LossSpec spec;
    spec.kind = loss_named(name);
    const Network<T> network({1, z.shape(1)}, {}, spec);
    const Targets<T> targets(y, network, z.shape(0));
    Padded<T> dz(z, k.lanes), padded(z, k.lanes);
    for (Index r = 0; targets.values && r < dz.rows; ++r)
        std::copy_n(targets.values + r * dz.columns, dz.columns, padded.buffer.data() + r * padded.stride);
    py::array_t<double> losses(z.shape(0)), hits(z.shape(0));
    k.loss(network.loss.kind,
           {dz.rows, dz.columns, dz.buffer.data(), dz.stride, targets.labels, padded.buffer.data(),
            padded.stride, data_or_null(sample_weight), losses.mutable_data(), hits.mutable_data(), nullptr,
            1, T(0), T(2), T(1), nullptr});
    return py::make_tuple(dz.array(), losses, hits);
}

template <class T>
Array<T> output(const std::string& isa, const std::string& name, const Array<T>& z) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    Padded<T> p(z, k.lanes);
    const Index groups[] = {0, p.columns};
    k.predict(output_of(loss_named(name)), p.rows, p.columns, p.buffer.data(), p.stride, groups, 1);
    return p.array();
}

template <class T>
void bind(py::module_& m) {
    m.def("loss", &loss<T>, py::arg("isa"), py::arg("loss"), raw("z"), py::arg("y"), raw("sample_weight"));
    m.def("output", &output<T>, py::arg("isa"), py::arg("loss"), raw("z"));
}

}  // namespace
}  // namespace pymlp

void bind_functions(pybind11::module_& m) {
    pymlp::bind<float>(m);
    pymlp::bind<double>(m);
}

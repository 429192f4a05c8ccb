// Losses and predictions of a named instruction set, for the tests.
#include "bindings/names.hpp"
#include "bindings/padded.hpp"
#include "bindings/samples.hpp"
#include "kernels/dispatch.hpp"

namespace pymlp {
namespace {

// (gradient, loss of each row, hit of each row)
template <class T>
py::tuple loss(const std::string& isa, const std::string& name, const Array<T>& z, const py::array& y,
               const std::optional<Array<T>>& sample_weight, const std::vector<Index>& groups,
               double smoothing, double focusing, double delta, const std::vector<double>& quantiles) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    const Loss kind = loss_named(name);
    const LossSpec spec = fitted({kind, groups, smoothing, focusing, delta, quantiles}, z.shape(1));
    const Targets<T> targets(y, kind, spec.groups, z.shape(0));
    if (sample_weight) expect_shape(*sample_weight, "sample_weight", {z.shape(0)});
    Padded<T> dz(z, k.lanes), padded(z, k.lanes), padded_quantiles(1, z.shape(1), k.lanes);
    for (Index r = 0; targets.values && r < dz.rows; ++r)
        std::copy_n(targets.values + r * dz.columns, dz.columns, padded.buffer.data() + r * padded.stride);
    std::copy(quantiles.begin(), quantiles.end(), padded_quantiles.buffer.data());
    py::array_t<double> losses(z.shape(0)), hits(z.shape(0));
    k.loss(kind, {dz.rows, dz.columns, dz.buffer.data(), dz.stride, targets.labels, padded.buffer.data(),
                  padded.stride, data_or_null(sample_weight), losses.mutable_data(), hits.mutable_data(),
                  spec.groups.data(), static_cast<Index>(spec.groups.size()) - 1, static_cast<T>(smoothing),
                  static_cast<T>(focusing), static_cast<T>(delta), padded_quantiles.buffer.data()});
    dz.expect_zeros_up_to(round_up(dz.columns, k.lanes));
    return py::make_tuple(dz.array(), losses, hits);
}

template <class T>
Array<T> output(const std::string& isa, const std::string& name, const Array<T>& z,
                const std::vector<Index>& groups) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    Padded<T> p(z, k.lanes);
    const LossSpec spec = fitted({Loss::squared_error, groups, 0, 2, 1, {}}, p.columns);
    k.predict(output_named(name), p.rows, p.columns, p.buffer.data(), p.stride, spec.groups.data(),
              static_cast<Index>(spec.groups.size()) - 1);
    return p.array();
}

template <class T>
void bind(py::module_& m) {
    m.def("loss", &loss<T>, py::arg("isa"), py::arg("loss"), raw("z"), py::arg("y"), raw("sample_weight"),
          py::kw_only(), py::arg("groups") = std::vector<Index>{}, py::arg("smoothing") = 0.0,
          py::arg("focusing") = 2.0, py::arg("delta") = 1.0, py::arg("quantiles") = std::vector<double>{});
    m.def("output", &output<T>, py::arg("isa"), py::arg("output"), raw("z"),
          py::arg("groups") = std::vector<Index>{});
}

}  // namespace
}  // namespace pymlp

void bind_losses(pybind11::module_& m) {
    pymlp::bind<float>(m);
    pymlp::bind<double>(m);
}

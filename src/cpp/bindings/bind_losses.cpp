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
               const std::optional<Array<T>>& sample_weight, const py::kwargs& settings) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    const LossSpec spec = fitted(loss_of(name, settings), z.shape(1));
    const Targets<T> targets(y, spec.kind, spec.groups, z.shape(0));
    if (sample_weight) expect_shape(*sample_weight, "sample_weight", {z.shape(0)});
    Padded<T> dz(z, k.lanes), padded(z, k.lanes), padded_quantiles(1, z.shape(1), k.lanes);
    for (Index r = 0; targets.values && r < dz.rows; ++r)
        std::copy_n(targets.values + r * dz.columns, dz.columns, padded.buffer.data() + r * padded.stride);
    std::copy(spec.quantiles.begin(), spec.quantiles.end(), padded_quantiles.buffer.data());
    py::array_t<double> losses(z.shape(0)), hits(z.shape(0));
    LossArgs<T> args{};
    args.rows = dz.rows;
    args.outputs = dz.columns;
    args.z = dz.buffer.data();
    args.ldz = dz.stride;
    args.groups = spec.groups.data();
    args.n_groups = spec.n_groups();
    args.labels = targets.labels;
    args.targets = padded.buffer.data();
    args.ldt = padded.stride;
    args.sample_weight = data_or_null(sample_weight);
    args.row_loss = losses.mutable_data();
    args.row_hit = hits.mutable_data();
    args.smoothing = static_cast<T>(spec.smoothing);
    args.focusing = static_cast<T>(spec.focusing);
    args.delta = static_cast<T>(spec.delta);
    args.quantiles = padded_quantiles.buffer.data();
    k.loss(spec.kind, args);
    dz.expect_zeros_up_to(round_up(dz.columns, k.lanes));
    return py::make_tuple(dz.array(), losses, hits);
}

template <class T>
Array<T> output(const std::string& isa, const std::string& name, const Array<T>& z,
                const std::vector<Index>& groups) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    Padded<T> p(z, k.lanes);
    LossSpec spec;
    spec.groups = groups;
    spec = fitted(spec, p.columns);
    OutputArgs<T> args{};
    args.rows = p.rows;
    args.outputs = p.columns;
    args.z = p.buffer.data();
    args.ldz = p.stride;
    args.groups = spec.groups.data();
    args.n_groups = spec.n_groups();
    k.predict(output_named(name), args);
    return p.array();
}

template <class T>
void bind_losses(py::module_& m) {
    m.def("loss", &loss<T>, py::arg("isa"), py::arg("loss"), raw("z"), py::arg("y"), raw("sample_weight"));
    m.def("output", &output<T>, py::arg("isa"), py::arg("output"), raw("z"),
          py::arg("groups") = std::vector<Index>{});
}

}  // namespace
}  // namespace pymlp

void bind_losses(pybind11::module_& m) {
    pymlp::bind_losses<float>(m);
    pymlp::bind_losses<double>(m);
}

// Losses and predictions of a named instruction set, for the tests.
#include "bindings/padded.hpp"
#include "bindings/samples.hpp"
#include "kernels/dispatch.hpp"

namespace pymlp {
namespace {

// Boundaries of the groups of softmax columns; none given is one group.
std::vector<Index> boundaries(std::vector<Index> groups, Index outputs) {
    if (groups.empty()) groups = {0, outputs};
    bool ascending = groups.size() > 1 && groups.front() == 0 && groups.back() == outputs;
    for (std::size_t g = 1; ascending && g < groups.size(); ++g) ascending = groups[g - 1] < groups[g];
    if (!ascending)
        throw std::invalid_argument("groups must ascend from 0 to " + std::to_string(outputs) + ".");
    return groups;
}

// (gradient, loss of each row, hit of each row)
template <class T>
py::tuple loss(const std::string& isa, const std::string& name, const Array<T>& z, const py::array& y,
               const std::optional<Array<T>>& sample_weight, const std::vector<Index>& groups, T smoothing,
               T focusing, T delta, const std::vector<T>& quantiles) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    const Loss kind = loss_named(name);
    const std::vector<Index> bounds = boundaries(groups, z.shape(1));
    const Targets<T> targets(y, kind, bounds, z.shape(0));
    if (sample_weight) expect_shape(*sample_weight, "sample_weight", {z.shape(0)});
    Padded<T> dz(z, k.lanes), padded(z, k.lanes), padded_quantiles(1, z.shape(1), k.lanes);
    for (Index r = 0; targets.values && r < dz.rows; ++r)
        std::copy_n(targets.values + r * dz.columns, dz.columns, padded.buffer.data() + r * padded.stride);
    if (kind == Loss::pinball) {
        if (static_cast<Index>(quantiles.size()) != dz.columns)
            throw std::invalid_argument("quantiles must have one number an output.");
        std::copy(quantiles.begin(), quantiles.end(), padded_quantiles.buffer.data());
    }
    py::array_t<double> losses(z.shape(0)), hits(z.shape(0));
    k.loss(kind, {dz.rows, dz.columns, dz.buffer.data(), dz.stride, targets.labels, padded.buffer.data(),
                  padded.stride, data_or_null(sample_weight), losses.mutable_data(), hits.mutable_data(),
                  bounds.data(), static_cast<Index>(bounds.size()) - 1, smoothing, focusing, delta,
                  padded_quantiles.buffer.data()});
    dz.expect_zeros_up_to(round_up(dz.columns, k.lanes));
    return py::make_tuple(dz.array(), losses, hits);
}

template <class T>
Array<T> output(const std::string& isa, const std::string& name, const Array<T>& z,
                const std::vector<Index>& groups) {
    expect_matrices({&z});
    const KernelTable<T>& k = kernels<T>(isa);
    Padded<T> p(z, k.lanes);
    const std::vector<Index> bounds = boundaries(groups, p.columns);
    k.predict(output_named(name), p.rows, p.columns, p.buffer.data(), p.stride, bounds.data(),
              static_cast<Index>(bounds.size()) - 1);
    return p.array();
}

template <class T>
void bind(py::module_& m) {
    m.def("loss", &loss<T>, py::arg("isa"), py::arg("loss"), raw("z"), py::arg("y"), raw("sample_weight"),
          py::kw_only(), py::arg("groups") = std::vector<Index>{}, py::arg("smoothing") = T(0),
          py::arg("focusing") = T(2), py::arg("delta") = T(1), py::arg("quantiles") = std::vector<T>{});
    m.def("output", &output<T>, py::arg("isa"), py::arg("output"), raw("z"),
          py::arg("groups") = std::vector<Index>{});
}

}  // namespace
}  // namespace pymlp

void bind_losses(pybind11::module_& m) {
    pymlp::bind<float>(m);
    pymlp::bind<double>(m);
}

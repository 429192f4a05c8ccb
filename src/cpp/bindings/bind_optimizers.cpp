// The optimizers' steps on one layer, of a named instruction set, for the tests.
#include "bindings/options.hpp"
#include "bindings/padded.hpp"
#include "kernels/dispatch.hpp"

namespace pymlp {
namespace {

template <class T>
OptimizerStep<T> step_of(const py::kwargs& settings) {
    using Step = OptimizerStep<T>;
    static const Setters<Step> setters{{"solver", &Step::solver},
                                       {"nesterov", &Step::nesterov},
                                       {"learning_rate", &Step::learning_rate},
                                       {"momentum", &Step::momentum},
                                       {"beta_1", &Step::beta_1},
                                       {"beta_2", &Step::beta_2},
                                       {"epsilon", &Step::epsilon},
                                       {"rest_1", &Step::rest_1},
                                       {"rest_2", &Step::rest_2},
                                       {"alpha", &Step::alpha},
                                       {"inverse", &Step::inverse},
                                       {"sum_rate", &Step::sum_rate},
                                       {"clip", &Step::clip},
                                       {"decay", &Step::decay},
                                       {"gradient_rate", &Step::gradient_rate},
                                       {"average_rest", &Step::average_rest}};
    Step step;
    fill(step, setters, settings);
    return step;
}

// One step of a layer, shared out as to two threads. state: weights, moments and average (4, n_in, n_out),
// bias_state: (4, n_out). Calls weights_step(args, panel) and bias_step(args, column); returns the new states
// and the sum of the new weights' squares.
template <class T, class WeightsStep, class BiasStep>
py::tuple step_layer(const KernelTable<T>& k, const Array<T>& state, const Array<T>& bias_state,
                     const OptimizerStep<T>& step, WeightsStep weights_step, BiasStep bias_step) {
    const Index n_in = state.shape(1), n_out = state.shape(2);
    std::vector<Layer<T>> layers;
    for (Index i = 0; i < 4; ++i) {
        layers.emplace_back(n_in, n_out, k.lanes);
        layers.back().load(state.data() + i * n_in * n_out, bias_state.data() + i * n_out);
    }
    const Panels& panels = layers[0].panels;
    const Index tiles = divide_up(n_in, k.row_tile);
    std::vector<double> squares(static_cast<std::size_t>(tiles * panels.count()), NAN);
    const auto share = [&](Index p, Index first, Index last) {
        UpdateArgs<T> args{};
        const auto point_at = [&](Buffer<T> Layer<T>::* part, Index offset) {
            const auto at = [&](std::size_t i) { return (layers[i].*part).data() + offset; };
            args.weights = at(0);
            args.first_moment = at(1);
            args.second_moment = at(2);
            args.average = step.average_rest > 0 ? at(3) : nullptr;
        };
        args.first_row = first;
        args.last_row = last;
        args.vectors = panels.vectors(p);
        args.squares = step.alpha > 0 ? squares.data() + p * tiles : nullptr;
        point_at(&Layer<T>::weights, panels.offset(p));
        weights_step(args, panels, p);
        if (first > 0) return;
        point_at(&Layer<T>::bias, panels.first_column(p));
        bias_step(args, panels.first_column(p));
    };
    for (const int thread : {0, 1}) for_each_share(panels, n_in, k.row_tile, thread, 2, share);

    Array<T> new_state({Index{4}, n_in, n_out}), new_bias({Index{4}, n_out});
    for (Index i = 0; i < 4; ++i)
        layers[static_cast<std::size_t>(i)].store(new_state.mutable_data() + i * n_in * n_out,
                                                  new_bias.mutable_data() + i * n_out);
    double sum = 0;
    for (const double s : squares) sum += s;
    return py::make_tuple(new_state, new_bias, sum);
}

template <class T>
void expect_states(const Array<T>& state, const Array<T>& bias_state, py::ssize_t n_in, py::ssize_t n_out) {
    expect_shape(state, "state", {4, n_in, n_out});
    expect_shape(bias_state, "bias_state", {4, n_out});
}

template <class T>
py::tuple update(const std::string& isa, const Array<T>& x, const Array<T>& dz, const Array<T>& state,
                 const Array<T>& bias_state, bool sparse, const py::kwargs& settings) {
    expect_matrices({&x, &dz});
    expect_shape(dz, "dz", {x.shape(0), dz.shape(1)});
    expect_states(state, bias_state, x.shape(1), dz.shape(1));
    const KernelTable<T>& k = kernels<T>(isa);
    const OptimizerStep<T> step = step_of<T>(settings);
    const PaddedBatch<T> rows(x, dz, sparse, k.lanes);
    return step_layer(
        k, state, bias_state, step,
        [&](const UpdateArgs<T>& args, const Panels& panels, Index p) {
            k.update(rows.product(args.first_row, args.last_row, panels.first_column(p), args.vectors), args,
                     step);
        },
        [&](const UpdateArgs<T>& args, Index column) {
            k.update_bias(rows.product(0, 1, column, args.vectors), args, step);
        });
}

// The same with a known gradient.
template <class T>
py::tuple apply(const std::string& isa, const Array<T>& gradient, const Array<T>& bias_gradient,
                const Array<T>& state, const Array<T>& bias_state, const py::kwargs& settings) {
    expect_matrices({&gradient});
    expect_shape(bias_gradient, "bias_gradient", {gradient.shape(1)});
    expect_states(state, bias_state, gradient.shape(0), gradient.shape(1));
    const KernelTable<T>& k = kernels<T>(isa);
    const OptimizerStep<T> step = step_of<T>(settings);
    Layer<T> known(gradient.shape(0), gradient.shape(1), k.lanes);
    known.load(gradient.data(), bias_gradient.data());
    return step_layer(
        k, state, bias_state, step,
        [&](const UpdateArgs<T>& args, const Panels& panels, Index p) {
            k.apply(args, step, known.weights.data() + panels.offset(p));
        },
        [&](const UpdateArgs<T>& args, Index column) {
            k.apply_bias(args, step, known.bias.data() + column);
        });
}

template <class T>
void bind_optimizers(py::module_& m) {
    m.def("update", &update<T>, py::arg("isa"), raw("x"), raw("dz"), raw("state"), raw("bias_state"),
          py::arg("sparse"));
    m.def("apply", &apply<T>, py::arg("isa"), raw("gradient"), raw("bias_gradient"), raw("state"),
          raw("bias_state"));
}

}  // namespace
}  // namespace pymlp

void bind_optimizers(pybind11::module_& m) {
    pymlp::bind_optimizers<float>(m);
    pymlp::bind_optimizers<double>(m);
}

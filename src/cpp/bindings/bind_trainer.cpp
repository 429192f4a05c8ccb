// The training engine: one object for the length of a fit.
#include <memory>
#include <utility>

#include "bindings/interrupts.hpp"
#include "bindings/names.hpp"
#include "bindings/samples.hpp"
#include "training/trainer.hpp"

namespace pymlp {
namespace {

template <class Operand>
using Arrays = std::vector<Array<Sum<Operand>>>;

template <class Operand>
py::tuple run_epoch(Trainer<Operand>& trainer, const py::object& x, const py::array& y,
                    const Weights<Sum<Operand>>& sample_weight, const Order& order, double learning_rate) {
    if (!trainer.has_moments()) throw std::invalid_argument("The moments have been taken.");
    const Samples<Sum<Operand>> samples(trainer.network(), x, y, sample_weight, order);
    const EpochResult result = interruptibly(
        [&](const auto& interrupted) { return trainer.run_epoch(samples.data, learning_rate, interrupted); });
    return py::make_tuple(result.loss, result.accuracy);
}

template <class Operand>
double gradient(Trainer<Operand>& trainer, const py::object& x, const py::array& y,
                const Weights<Sum<Operand>>& sample_weight, const Arrays<Operand>& coefs,
                const Arrays<Operand>& intercepts) {
    const Samples<Sum<Operand>> samples(trainer.network(), x, y, sample_weight, std::nullopt);
    const EpochResult result = interruptibly(
        [&](const auto& interrupted) { return trainer.full_gradient(samples.data, interrupted); });
    store_layers(trainer.gradients(), coefs, intercepts);
    return result.loss;
}

template <class Operand>
py::dict monitored(const Trainer<Operand>& trainer) {
    const Monitored epoch = trainer.monitored();
    return py::dict(py::arg("gradient_norm") = epoch.gradient_norm,
                    py::arg("activation_norm") = epoch.activation_norm,
                    py::arg("dead_share") = epoch.dead_share);
}

template <class Operand>
py::tuple evaluate_arrays(Trainer<Operand>& trainer, const py::object& x, const py::array& y,
                          const Weights<Sum<Operand>>& sample_weight, const Order& order, int n_threads) {
    const Samples<Sum<Operand>> samples(trainer.network(), x, y, sample_weight, order);
    const Evaluation result = interruptibly([&](const auto& interrupted) {
        return evaluate<Operand>(trainer.predictor(), samples.data, n_threads, interrupted);
    });
    return py::make_tuple(result.loss, result.accuracy);
}

template <class Operand>
Array<Sum<Operand>> predict_rows(Trainer<Operand>& trainer, const py::object& x, const Order& order,
                                 int n_threads) {
    const RowsOf<Sum<Operand>> rows(x, trainer.network().n_features());
    const Dataset<Sum<Operand>> data{n_samples(order, rows.n()), rows.rows(), nullptr, nullptr, nullptr,
                                     data_or_null(order)};
    Array<Sum<Operand>> out({data.n, trainer.network().n_outputs()});
    interruptibly([&](const auto& interrupted) {
        return predict<Operand>(trainer.predictor(), data, out.mutable_data(), n_threads, interrupted);
    });
    return out;
}

template <class Operand>
std::unique_ptr<Trainer<Operand>> new_trainer(
    const std::vector<Index>& units, const std::vector<std::string>& activations, const LossSpec& loss,
    const std::string& solver, double momentum, bool nesterov, double beta_1, double beta_2, double epsilon,
    double alpha, double weight_decay, double clip_norm, double ema_decay, std::vector<double> dropout,
    std::uint64_t seed, bool monitor, Index batch_size, int n_threads) {
    if (units.size() < 2) throw std::invalid_argument("units must name inputs and outputs.");
    for (const Index n : units)
        if (n < 1) throw std::invalid_argument("units must be positive, got " + std::to_string(n) + ".");
    const std::size_t hidden = units.size() - 2;
    if (activations.size() != hidden || dropout.size() != hidden)
        throw std::invalid_argument("activations and dropout must have one value a hidden layer.");
    if (batch_size < 1) throw std::invalid_argument("batch_size must be positive.");
    return std::make_unique<Trainer<Operand>>(
        units, activations_named(activations, hidden + 1), fitted(loss, units.back()),
        TrainerOptions{solver_named(solver), momentum, nesterov, beta_1, beta_2, epsilon, alpha, weight_decay,
                       clip_norm, ema_decay, std::move(dropout), seed, monitor, batch_size, n_threads});
}

template <class Operand>
void bind(py::module_& m, const char* name) {
    const auto coefs = py::arg("coefs").noconvert(), intercepts = py::arg("intercepts").noconvert();
    const auto load = [](auto layers_of) {
        return [layers_of](Trainer<Operand>& t, const Arrays<Operand>& w, const Arrays<Operand>& b) {
            load_layers<Sum<Operand>>(layers_of(t), layer_views(w, b));
        };
    };
    const auto store = [](auto layers_of) {
        return [layers_of](Trainer<Operand>& t, const Arrays<Operand>& w, const Arrays<Operand>& b) {
            store_layers<Sum<Operand>>(layers_of(t), w, b);
        };
    };
    // The last that is asked of a trainer: it does not keep what it hands over.
    const auto take = [](auto layers_of) {
        return [layers_of](Trainer<Operand>& t, const Arrays<Operand>& w, const Arrays<Operand>& b) {
            store_layers<Sum<Operand>>(layers_of(t), w, b);
            layers_of(t).clear();
        };
    };
    const auto parameters = [](auto& t) -> auto& { return t.network().layers; };
    const auto average = [](auto& t) -> auto& { return t.predictor().layers; };
    const auto first_moments = [](auto& t) -> auto& { return t.first_moments(); };
    const auto second_moments = [](auto& t) -> auto& { return t.second_moments(); };
    py::class_<Trainer<Operand>>(m, name, "Mini-batch training of one network.")
        .def(py::init(&new_trainer<Operand>), py::arg("units"), py::kw_only(), py::arg("activations"),
             py::arg("loss"), py::arg("solver"), py::arg("momentum"), py::arg("nesterov"), py::arg("beta_1"),
             py::arg("beta_2"), py::arg("epsilon"), py::arg("alpha"), py::arg("weight_decay"),
             py::arg("clip_norm"), py::arg("ema_decay"), py::arg("dropout"), py::arg("seed"),
             py::arg("monitor"), py::arg("batch_size"), py::arg("n_threads"))
        .def("load_parameters", load(parameters), coefs, intercepts)
        .def("store_parameters", store(parameters), coefs, intercepts)
        .def("load_first_moments", load(first_moments), coefs, intercepts)
        .def("take_first_moments", take(first_moments), coefs, intercepts)
        .def("store_first_moments", store(first_moments), coefs, intercepts)
        .def("store_second_moments", store(second_moments), coefs, intercepts)
        .def("load_second_moments", load(second_moments), coefs, intercepts)
        .def("take_second_moments", take(second_moments), coefs, intercepts)
        .def_property("steps", &Trainer<Operand>::steps, &Trainer<Operand>::set_steps)
        .def_property("averaged_steps", &Trainer<Operand>::averaged_steps,
                      &Trainer<Operand>::set_averaged_steps)
        .def("run_epoch", &run_epoch<Operand>, py::arg("X"), py::arg("y"),
             py::arg("sample_weight").noconvert(), py::arg("order").noconvert(), py::arg("learning_rate"))
        .def_property_readonly("monitored", &monitored<Operand>)
        .def("evaluate", &evaluate_arrays<Operand>, py::arg("X"), py::arg("y"),
             py::arg("sample_weight").noconvert(), py::arg("order").noconvert(), py::arg("n_threads"))
        .def("load_average", load(average), coefs, intercepts)
        .def("store_average", store(average), coefs, intercepts)
        .def("gradient", &gradient<Operand>, py::arg("X"), py::arg("y"), py::arg("sample_weight").noconvert(),
             coefs, intercepts)
        .def("is_finite", [](Trainer<Operand>& t) { return t.network().finite(); })
        .def("predict", &predict_rows<Operand>, py::arg("X"), py::arg("order").noconvert(),
             py::arg("n_threads"));
}

}  // namespace
}  // namespace pymlp

void bind_trainer(pybind11::module_& m) {
    pymlp::bind<float>(m, "Trainer32");
    pymlp::bind<double>(m, "Trainer64");
    pymlp::bind<pymlp::Bf16Pair>(m, "TrainerBf16");
}

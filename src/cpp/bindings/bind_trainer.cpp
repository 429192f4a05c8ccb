// The training engine: one object for the length of a fit.
#include <memory>

#include "bindings/interrupts.hpp"
#include "bindings/options.hpp"
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
Array<Sum<Operand>> predict_arrays(Trainer<Operand>& trainer, const py::object& x, const Order& order,
                                   int n_threads) {
    const RowsOf<Sum<Operand>> rows(x, trainer.network().n_features());
    Dataset<Sum<Operand>> data = rows.dataset();
    data.n = n_samples(order, rows.n());
    data.order = data_or_null(order);
    Array<Sum<Operand>> out({data.n, trainer.network().n_outputs()});
    interruptibly([&](const auto& interrupted) {
        return predict<Operand>(trainer.predictor(), data, out.mutable_data(), n_threads, interrupted);
    });
    return out;
}

TrainerOptions trainer_options(const py::kwargs& options) {
    static const Setters<TrainerOptions> setters{
        {"solver", &TrainerOptions::solver},       {"momentum", &TrainerOptions::momentum},
        {"nesterov", &TrainerOptions::nesterov},   {"beta_1", &TrainerOptions::beta_1},
        {"beta_2", &TrainerOptions::beta_2},       {"epsilon", &TrainerOptions::epsilon},
        {"alpha", &TrainerOptions::alpha},         {"weight_decay", &TrainerOptions::weight_decay},
        {"clip_norm", &TrainerOptions::clip_norm}, {"ema_decay", &TrainerOptions::ema_decay},
        {"dropout", &TrainerOptions::dropout},     {"seed", &TrainerOptions::seed},
        {"monitor", &TrainerOptions::monitor},     {"batch_size", &TrainerOptions::batch_size},
        {"n_threads", &TrainerOptions::n_threads}};
    TrainerOptions filled;
    fill_all(filled, setters, options);
    return filled;
}

template <class Operand>
std::unique_ptr<Trainer<Operand>> new_trainer(const std::vector<Index>& units,
                                              const std::vector<std::string>& activations,
                                              const LossSpec& loss, const py::kwargs& options) {
    if (units.size() < 2) throw std::invalid_argument("units must name inputs and outputs.");
    for (const Index n : units)
        if (n < 1) throw std::invalid_argument("units must be positive, got " + std::to_string(n) + ".");
    const std::size_t hidden = units.size() - 2;
    const TrainerOptions filled = trainer_options(options);
    if (activations.size() != hidden || filled.dropout.size() != hidden)
        throw std::invalid_argument("activations and dropout must have one value a hidden layer.");
    if (filled.batch_size < 1) throw std::invalid_argument("batch_size must be positive.");
    return std::make_unique<Trainer<Operand>>(units, activations_named(activations, hidden + 1),
                                              fitted(loss, units.back()), filled);
}

Part part_named(const std::string& name) {
    static const std::map<std::string, Part> names{{"parameters", Part::parameters},
                                                   {"average", Part::average},
                                                   {"first_moments", Part::first_moments},
                                                   {"second_moments", Part::second_moments}};
    return named(names, "part", name);
}

template <class Operand>
std::vector<Layer<Sum<Operand>>>& layers_of(Trainer<Operand>& trainer, const std::string& part) {
    std::vector<Layer<Sum<Operand>>>* layers = trainer.layers(part_named(part));
    if (layers == nullptr) throw std::invalid_argument("The trainer has no part '" + part + "'.");
    return *layers;
}

template <class Operand>
void load(Trainer<Operand>& trainer, const std::string& part, const Arrays<Operand>& coefs,
          const Arrays<Operand>& intercepts) {
    load_layers<Sum<Operand>>(layers_of(trainer, part), layer_views(coefs, intercepts));
}

template <class Operand>
void store(Trainer<Operand>& trainer, const std::string& part, const Arrays<Operand>& coefs,
           const Arrays<Operand>& intercepts) {
    store_layers<Sum<Operand>>(layers_of(trainer, part), coefs, intercepts);
}

// The last that is asked of a trainer: it does not keep what it hands over.
template <class Operand>
void take(Trainer<Operand>& trainer, const std::string& part, const Arrays<Operand>& coefs,
          const Arrays<Operand>& intercepts) {
    const Part named = part_named(part);
    if (named != Part::first_moments && named != Part::second_moments)
        throw std::invalid_argument("Only moments can be taken, got part '" + part + "'.");
    store(trainer, part, coefs, intercepts);
    layers_of(trainer, part).clear();
}

template <class Operand>
void bind_trainer(py::module_& m, const char* name) {
    const auto part = py::arg("part");
    const auto coefs = py::arg("coefs").noconvert(), intercepts = py::arg("intercepts").noconvert();
    const auto sample_weight = py::arg("sample_weight").noconvert(), order = py::arg("order").noconvert();
    py::class_<Trainer<Operand>>(m, name, "Mini-batch training of one network.")
        .def(py::init(&new_trainer<Operand>), py::arg("units"), py::kw_only(), py::arg("activations"),
             py::arg("loss"))
        .def("load", &load<Operand>, part, coefs, intercepts)
        .def("store", &store<Operand>, part, coefs, intercepts)
        .def("take", &take<Operand>, part, coefs, intercepts)
        .def_property("steps", &Trainer<Operand>::steps, &Trainer<Operand>::set_steps)
        .def_property("averaged_steps", &Trainer<Operand>::averaged_steps,
                      &Trainer<Operand>::set_averaged_steps)
        .def("run_epoch", &run_epoch<Operand>, py::arg("X"), py::arg("y"), sample_weight, order,
             py::arg("learning_rate"))
        .def_property_readonly("monitored", &monitored<Operand>)
        .def("evaluate", &evaluate_arrays<Operand>, py::arg("X"), py::arg("y"), sample_weight, order,
             py::arg("n_threads"))
        .def("gradient", &gradient<Operand>, py::arg("X"), py::arg("y"), sample_weight, coefs, intercepts)
        .def("is_finite", [](Trainer<Operand>& t) { return t.network().finite(); })
        .def("predict", &predict_arrays<Operand>, py::arg("X"), order, py::arg("n_threads"));
}

}  // namespace
}  // namespace pymlp

void bind_trainer(pybind11::module_& m) {
    pymlp::bind_trainer<float>(m, "Trainer32");
    pymlp::bind_trainer<double>(m, "Trainer64");
    pymlp::bind_trainer<pymlp::Bf16Pair>(m, "TrainerBf16");
}

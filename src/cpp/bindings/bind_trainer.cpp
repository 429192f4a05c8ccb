// The training engine: one object for the length of a fit.
#include "bindings/arrays.hpp"
#include "training/trainer.hpp"

namespace pymlp {
namespace {

// Checks everything that the engine will follow a pointer or an index into.
template <class T>
Dataset<T> dataset(const Trainer<T>& trainer, const Array<T>& x, const py::array& y,
                   const std::optional<Array<T>>& sample_weight,
                   const std::optional<Array<std::int64_t>>& order) {
    const py::ssize_t rows = x.ndim() == 2 ? x.shape(0) : 0;
    expect_shape(x, "X", {rows, trainer.network().n_features()});
    const Targets<T> targets(y, trainer.network(), rows);
    if (sample_weight) expect_shape(*sample_weight, "sample_weight", {rows});
    if (order) expect_shape(*order, "order", {order->size()});
    for (py::ssize_t i = 0; order && i < order->size(); ++i)
        if (order->data()[i] < 0 || order->data()[i] >= rows)
            throw std::invalid_argument("order must hold row numbers from 0 to " + std::to_string(rows - 1) +
                                        ".");
    const Index n = order ? order->size() : rows;
    if (n < 1) throw std::invalid_argument("There must be at least one sample.");
    return {n, x.data(), targets.labels, targets.values, data_or_null(sample_weight), data_or_null(order)};
}

template <class T>
py::tuple run_epoch(Trainer<T>& trainer, const Array<T>& x, const py::array& y,
                    const std::optional<Array<T>>& sample_weight,
                    const std::optional<Array<std::int64_t>>& order, double learning_rate) {
    const Dataset<T> data = dataset(trainer, x, y, sample_weight, order);
    // Signals reach the main thread only; another one that asked for the GIL while Python shuts down would be
    // ended inside C++ frames.
    const py::module_ threading = py::module_::import("threading");
    std::function<bool()> interrupted;
    if (threading.attr("current_thread")().is(threading.attr("main_thread")()))
        interrupted = [] {
            const py::gil_scoped_acquire locked;
            return PyErr_CheckSignals() != 0;
        };
    EpochResult result;
    {
        const py::gil_scoped_release unlocked;
        result = trainer.run_epoch(data, learning_rate, interrupted);
    }
    if (result.interrupted) throw py::error_already_set();
    return py::make_tuple(result.loss, result.accuracy);
}

template <class T>
py::tuple evaluate_arrays(Trainer<T>& trainer, const Array<T>& x, const py::array& y,
                          const std::optional<Array<T>>& sample_weight, int n_threads) {
    const Dataset<T> data = dataset<T>(trainer, x, y, sample_weight, std::nullopt);
    Evaluation result;
    {
        const py::gil_scoped_release unlocked;
        result = evaluate(trainer.network(), data, n_threads);
    }
    return py::make_tuple(result.loss, result.accuracy);
}

template <class T>
Array<T> predict_rows(Trainer<T>& trainer, const Array<T>& x, int n_threads) {
    const py::ssize_t n = x.ndim() == 2 ? x.shape(0) : 0;
    expect_shape(x, "X", {n, trainer.network().n_features()});
    Array<T> out({n, static_cast<py::ssize_t>(trainer.network().n_outputs())});
    T* predictions = out.mutable_data();
    {
        const py::gil_scoped_release unlocked;
        predict(trainer.network(), n, x.data(), predictions, n_threads);
    }
    return out;
}

template <class T>
void bind(py::module_& m, const char* name) {
    using Arrays = std::vector<Array<T>>;
    const auto coefs = py::arg("coefs").noconvert(), intercepts = py::arg("intercepts").noconvert();
    const auto load = [](auto layers_of) {
        return [layers_of](Trainer<T>& t, const Arrays& w, const Arrays& b) {
            load_layers<T>(layers_of(t), layer_views(w, b));
        };
    };
    const auto store = [](auto layers_of) {
        return [layers_of](Trainer<T>& t, const Arrays& w, const Arrays& b) {
            store_layers<T>(layers_of(t), w, b);
        };
    };
    py::class_<Trainer<T>>(m, name, "Mini-batch training of one network.")
        .def(
            py::init([](const std::vector<Index>& units, const std::string& activation,
                        const std::string& loss, const std::string& solver, double alpha, Index batch_size,
                        double momentum, bool nesterov, double beta_1, double beta_2, double epsilon,
                        int n_threads) {
                if (units.size() < 2) throw std::invalid_argument("units must name inputs and outputs.");
                for (const Index n : units)
                    if (n < 1)
                        throw std::invalid_argument("units must be positive, got " + std::to_string(n) + ".");
                if (batch_size < 1) throw std::invalid_argument("batch_size must be positive.");
                return std::make_unique<Trainer<T>>(
                    units, activation_named(activation), loss_named(loss),
                    TrainerOptions{solver_named(solver), nesterov, momentum, beta_1, beta_2, epsilon, alpha,
                                   batch_size, n_threads});
            }),
            py::arg("units"), py::kw_only(), py::arg("activation"), py::arg("loss"), py::arg("solver"),
            py::arg("alpha"), py::arg("batch_size"), py::arg("momentum"), py::arg("nesterov"),
            py::arg("beta_1"), py::arg("beta_2"), py::arg("epsilon"), py::arg("n_threads"))
        .def("load_parameters", load([](auto& t) -> auto& { return t.network().layers; }), coefs, intercepts)
        .def("store_parameters", store([](auto& t) -> auto& { return t.network().layers; }), coefs,
             intercepts)
        .def("load_first_moments", load([](auto& t) -> auto& { return t.first_moments(); }), coefs,
             intercepts)
        .def("store_first_moments", store([](auto& t) -> auto& { return t.first_moments(); }), coefs,
             intercepts)
        .def("load_second_moments", load([](auto& t) -> auto& { return t.second_moments(); }), coefs,
             intercepts)
        .def("store_second_moments", store([](auto& t) -> auto& { return t.second_moments(); }), coefs,
             intercepts)
        .def_property("steps", &Trainer<T>::steps, &Trainer<T>::set_steps)
        .def("run_epoch", &run_epoch<T>, py::arg("X").noconvert(), py::arg("y"),
             py::arg("sample_weight").noconvert(), py::arg("order").noconvert(), py::arg("learning_rate"))
        .def("evaluate", &evaluate_arrays<T>, py::arg("X").noconvert(), py::arg("y"),
             py::arg("sample_weight").noconvert(), py::arg("n_threads"))
        .def("is_finite", [](const Trainer<T>& t) { return t.network().finite(); })
        .def("predict", &predict_rows<T>, py::arg("X").noconvert(), py::arg("n_threads"));
}

}  // namespace
}  // namespace pymlp

void bind_trainer(pybind11::module_& m) {
    pymlp::bind<float>(m, "Trainer32");
    pymlp::bind<double>(m, "Trainer64");
}

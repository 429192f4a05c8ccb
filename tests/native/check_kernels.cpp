// Kernels against plain loops, without Python: for processors that are only emulated, and for a first look at
// a new instruction set. tests/kernels/test_kernels.py and its neighbours check far more.
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "network/operands.hpp"

using namespace pymlp;

namespace {

int failures = 0;

void expect(bool right, const std::string& what) {
    if (right) return;
    ++failures;
    std::printf("FAILED: %s\n", what.c_str());
}

// Below, at and above the tiles' and vectors' sizes: 1, 2, 4, 6, 8, 14, 16, 32
constexpr Index sizes[] = {1, 2, 3, 5, 6, 7, 8, 9, 13, 14, 15, 17, 29, 31, 32, 33, 50};

// (rows, columns), row-major
template <class T>
struct Matrix {
    Index rows, columns;
    std::vector<T> values;

    Matrix(Index n_rows, Index n_columns)
        : rows(n_rows), columns(n_columns), values(static_cast<std::size_t>(n_rows * n_columns)) {}
    T& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i * columns + j)]; }
    T operator()(Index i, Index j) const { return values[static_cast<std::size_t>(i * columns + j)]; }
    T* row(Index i) { return values.data() + i * columns; }
};

class Numbers {
  public:
    // from -4 to 4: sums of their products are exact in either type, in any order
    template <class T>
    Matrix<T> integers(Index rows, Index columns) {
        return filled<T>(rows, columns, std::uniform_int_distribution<int>(-4, 4));
    }
    template <class T>
    Matrix<T> normal(Index rows, Index columns) {
        return filled<T>(rows, columns, std::normal_distribution<T>());
    }

  private:
    template <class T, class Distribution>
    Matrix<T> filled(Index rows, Index columns, Distribution distribution) {
        Matrix<T> m(rows, columns);
        for (T& value : m.values) value = static_cast<T>(distribution(generator_));
        return m;
    }
    std::mt19937 generator_{0};
};

// The rows of m, and as many zeros behind each as the last panel reads: where dz is written, so is its
// padding.
template <class T>
Matrix<T> padded(const Matrix<T>& m, const Panels& panels) {
    Matrix<T> wide(m.rows, panels.padded_columns());
    for (Index i = 0; i < m.rows; ++i)
        for (Index j = 0; j < m.columns; ++j) wide(i, j) = m(i, j);
    return wide;
}

template <class T>
Layer<T> packed(const Matrix<T>& weights, const Matrix<T>& bias, Index lanes) {
    Layer<T> layer(weights.rows, weights.columns, lanes);
    layer.load(weights.values.data(), bias.values.data());
    return layer;
}

template <class T>
Matrix<T> unpacked(const Layer<T>& layer) {
    Matrix<T> weights(layer.n_in(), layer.n_out());
    std::vector<T> bias(static_cast<std::size_t>(layer.n_out()));
    layer.store(weights.values.data(), bias.data());
    return weights;
}

template <class T>
class Check {
  public:
    explicit Check(const std::string& isa)
        : k_(kernels<T>(isa)), name_(isa + (sizeof(T) == 4 ? " float32 " : " float64 ")) {}

    void run() {
        for (const Index rows : sizes)
            for (const Index columns : sizes) {
                const Index depth = 1 + (7 * rows + columns) % 40;
                gemm(numbers_.integers<T>(rows, depth), numbers_.integers<T>(depth, columns), 0);
                sgd(numbers_.integers<T>(depth, rows), numbers_.integers<T>(depth, columns), columns % 2);
                transpose(numbers_.integers<T>(rows, columns));
            }
        for (const auto& [rows, depth, columns] : {std::array<Index, 3>{50, 784, 33}, {28, 1000, 10}})
            gemm(numbers_.normal<T>(rows, depth), numbers_.normal<T>(depth, columns),
                 static_cast<double>(depth) * epsilon);
        adam();
        activations();
    }

  private:
    static constexpr double epsilon = std::numeric_limits<T>::epsilon();

    // |error| <= bound |a| |w|  (Higham 2002, section 3.5, with bound = depth * epsilon)
    void gemm(const Matrix<T>& a, const Matrix<T>& w, double bound) {
        const Matrix<T> bias = numbers_.integers<T>(1, w.columns);
        const Layer<T> layer = packed(w, bias, k_.lanes);
        Matrix<T> c(a.rows, layer.panels.padded_columns());
        for (Index p = 0; p < layer.panels.count(); ++p) {
            auto product = panel_product<GemmArgs<T>>(layer, p, a.rows,
                                                      c.row(0) + layer.panels.first_column(p), c.columns);
            product.depth = product.lda = a.columns;
            product.a = a.values.data();
            product.b = layer.weights.data() + layer.panels.offset(p);
            k_.gemm(product);
        }
        bool right = true;
        for (Index i = 0; i < a.rows; ++i)
            for (Index j = 0; j < w.columns; ++j) {
                long double sum = bias(0, j), size = std::abs(sum);
                for (Index d = 0; d < a.columns; ++d) {
                    const long double product = static_cast<long double>(a(i, d)) * w(d, j);
                    sum += product;
                    size += std::abs(product);
                }
                right = right && std::abs(c(i, j) - sum) <= bound * size;
            }
        expect(right, name_ + "gemm " + shape(a.rows, a.columns, w.columns));
    }

    // One step of plain momentum whose numbers are powers of two: exact.
    void sgd(const Matrix<T>& x, const Matrix<T>& dz, bool penalised) {
        OptimizerStep<T> step;
        step.nesterov = false;
        step.momentum = T(0.5);
        step.inverse = T(0.25);
        step.sum_rate = T(0.125);
        step.alpha = T(2);
        const Matrix<T> w = numbers_.integers<T>(x.columns, dz.columns);
        const Matrix<T> v = numbers_.integers<T>(x.columns, dz.columns);
        const Matrix<T> none(1, dz.columns);
        Layer<T> weights = packed(w, none, k_.lanes);
        std::vector<Layer<T>> velocity;
        velocity.push_back(packed(v, none, k_.lanes));
        std::vector<double> squares(static_cast<std::size_t>(divide_up(x.columns, k_.row_tile)));
        const double squared_sum = update(step, x, dz, weights, velocity, penalised ? &squares : nullptr);
        const Matrix<T> updated = unpacked(weights), moment = unpacked(velocity.front());
        bool right = true;
        double exact_sum = 0;
        for (Index i = 0; i < w.rows; ++i)
            for (Index j = 0; j < w.columns; ++j) {
                const T gradient = summed(x, dz, i, j) + (penalised ? 2 * w(i, j) : T(0));
                const T expected = T(0.5) * v(i, j) - T(0.125) * gradient;
                right = right && moment(i, j) == expected && updated(i, j) == w(i, j) + expected;
                exact_sum += static_cast<double>(updated(i, j)) * static_cast<double>(updated(i, j));
            }
        const std::string at = shape(x.columns, x.rows, dz.columns);
        expect(right, name_ + "update, sgd " + at);
        // the lanes' partial sums are of the type
        if (penalised)
            expect(std::abs(squared_sum - exact_sum) <= 64 * epsilon * exact_sum, name_ + "squares " + at);
    }

    void adam() {
        OptimizerStep<T> step;
        step.solver = Solver::adam;
        step.learning_rate = T(0.25);
        step.beta_1 = step.rest_1 = T(0.5);
        step.beta_2 = T(0.75);
        step.rest_2 = T(0.25);
        step.epsilon = T(1) / T(16);
        step.inverse = T(0.5);
        const Matrix<T> x = numbers_.integers<T>(20, 33), dz = numbers_.integers<T>(20, 29);
        const Matrix<T> w = numbers_.integers<T>(33, 29), zero(33, 29), none(1, 29);
        Layer<T> weights = packed(w, none, k_.lanes);
        std::vector<Layer<T>> moments;
        for (int i = 0; i < 2; ++i) moments.push_back(packed(zero, none, k_.lanes));
        update(step, x, dz, weights, moments, nullptr);
        const Matrix<T> updated = unpacked(weights);
        bool right = true;
        for (Index i = 0; i < w.rows; ++i)
            for (Index j = 0; j < w.columns; ++j) {
                const double g = static_cast<double>(summed(x, dz, i, j)) / 2;
                const double change = 0.25 * (g / 2) / (std::sqrt(g * g / 4) + 1.0 / 16);
                const double expected = static_cast<double>(w(i, j)) - change;
                right = right && std::abs(static_cast<double>(updated(i, j)) - expected) <= 8 * epsilon;
            }
        expect(right, name_ + "update, adam");
    }

    // Returns the sum of `squares`, which are null without a penalty. moments: the first, maybe the second
    double update(const OptimizerStep<T>& step, const Matrix<T>& x, const Matrix<T>& dz, Layer<T>& weights,
                  std::vector<Layer<T>>& moments, std::vector<double>* squares) {
        const Panels& panels = weights.panels;
        double squared_sum = 0;
        const Matrix<T> rows = padded(dz, panels);
        for (Index p = 0; p < panels.count(); ++p) {
            const Index at = panels.offset(p);
            GradientArgs<T> product{};
            product.last_row = panels.rows;
            product.batch = x.rows;
            product.x = x.values.data();
            product.ldx = x.columns;
            product.dz = rows.values.data() + panels.first_column(p);
            product.lddz = rows.columns;
            product.vectors = panels.vectors(p);
            UpdateArgs<T> updated{};
            updated.last_row = panels.rows;
            updated.vectors = panels.vectors(p);
            updated.weights = weights.weights.data() + at;
            updated.first_moment = moments.front().weights.data() + at;
            if (moments.size() > 1) updated.second_moment = moments.back().weights.data() + at;
            updated.squares = squares ? squares->data() : nullptr;
            k_.update(product, updated, step);
            for (std::size_t t = 0; squares && t < squares->size(); ++t) squared_sum += (*squares)[t];
        }
        return squared_sum;
    }

    static T summed(const Matrix<T>& x, const Matrix<T>& dz, Index i, Index j) {
        T sum = 0;
        for (Index b = 0; b < x.rows; ++b) sum += x(b, i) * dz(b, j);
        return sum;
    }

    void transpose(const Matrix<T>& w) {
        const Layer<T> layer = packed(w, Matrix<T>(1, w.columns), k_.lanes);
        const Panels inputs{w.columns, w.rows, k_.lanes};
        Buffer<T> panel(round_up(w.columns, k_.lanes) * inputs.width());
        bool right = true;
        for (Index p = 0; p < inputs.count(); ++p) {
            const Index first = inputs.first_column(p), width = inputs.vectors(p) * k_.lanes;
            k_.transpose_panel(layer.weights.data(), w.rows, w.columns, first, inputs.vectors(p),
                               panel.data());
            for (Index j = 0; j < w.columns; ++j)
                for (Index i = 0; i < width; ++i)
                    right =
                        right && panel.data()[j * width + i] == (first + i < w.rows ? w(first + i, j) : T(0));
        }
        expect(right, name_ + "transpose_panel " + shape(w.rows, w.columns, 0));
    }

    void activations() {
        using Real = long double;
        using Formula = Real (*)(Real);
        const std::pair<Activation, Formula> formulas[] = {
            {Activation::identity, [](Real x) { return x; }},
            {Activation::logistic, [](Real x) { return 1 / (1 + std::exp(-x)); }},
            {Activation::tanh, [](Real x) { return std::tanh(x); }},
            {Activation::relu, [](Real x) { return x > 0 ? x : 0; }},
            {Activation::elu, [](Real x) { return x > 0 ? x : std::expm1(x); }},
            {Activation::gelu, [](Real x) { return x * std::erfc(-x / std::sqrt(Real(2))) / 2; }},
            {Activation::silu, [](Real x) { return x / (1 + std::exp(-x)); }},
            {Activation::mish, [](Real x) { return x * std::tanh(std::log1p(std::exp(x))); }},
            {Activation::softplus, [](Real x) { return std::log1p(std::exp(x)); }}};
        for (const auto& [activation, formula] : formulas) {
            Matrix<T> x(5, 4 * k_.lanes);
            for (Index i = 0; i < x.rows; ++i)
                for (Index j = 0; j < x.columns; ++j)
                    x(i, j) = static_cast<T>(i * x.columns + j) * T(24) / T(x.rows * x.columns) - T(12);
            Matrix<T> y = x;
            k_.activate(activation, y.rows, y.columns, y.row(0), y.columns);
            bool right = true;
            for (std::size_t e = 0; e < x.values.size(); ++e) {
                const Real exact = formula(x.values[e]);
                right = right && std::abs(y.values[e] - exact) <= 4 * epsilon * std::abs(exact);
            }
            expect(right, name_ + "activation " + std::to_string(static_cast<int>(activation)));
        }
    }

    static std::string shape(Index rows, Index depth, Index columns) {
        return std::to_string(rows) + " x " + std::to_string(depth) + " x " + std::to_string(columns);
    }

    const KernelTable<T>& k_;
    std::string name_;
    Numbers numbers_;
};

}  // namespace

int main() {
    for (const std::string& isa : available_isas()) {
        Check<float>(isa).run();
        Check<double>(isa).run();
        std::printf("%s: %td and %td lanes\n", isa.c_str(), kernels<float>(isa).lanes,
                    kernels<double>(isa).lanes);
    }
    std::printf("%d failed\n", failures);
    return failures > 0;
}

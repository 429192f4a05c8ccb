// What the kernels offer, free of instruction sets: plain arguments and a table of function pointers.
//
// Weights live in *panels*: columns in groups of `panel` (two vectors; the last panel is one vector wide if
// that suffices), each panel stored [n_in][width] contiguously. Activations are row-major with a padded row
// length. Every kernel below works on one panel or on a range of rows, so that the callers can share the work
// out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pymlp {

using Index = std::ptrdiff_t;

enum class Activation : int { identity, logistic, tanh, relu };
enum class Loss : int { softmax_cross_entropy, logistic_cross_entropy, squared_error, poisson };
enum class Solver : int { sgd, adam };

// c[r][j] = bias[j] + sum_k a[r][k] b[k][j], k ascending, one FMA chain an element.
template <class T>
struct GemmArgs {
    Index rows, depth;
    const T* a;  // (rows, depth)
    Index lda;
    const T* b;  // (depth, vectors * lanes): a panel, or columns of a row-major matrix
    Index ldb;
    Index vectors;  // width of the panel: 1 or 2
    const T* bias;  // (vectors * lanes) or null for 0
    T* c;           // (rows, vectors * lanes)
    Index ldc;
};

// The optimizer's numbers for one step, shared by all layers.
template <class T>
struct OptimizerStep {
    Solver solver = Solver::sgd;
    bool nesterov = true;
    T learning_rate = 0;  // adam: with the bias corrections of this step
    T momentum = 0;
    T beta_1 = 0, beta_2 = 0, epsilon = 0;
    T rest_1 = 0, rest_2 = 0;  // 1 - beta, rounded once: 1 - T(0.999) has lost four digits
    T alpha = 0;               // L2 penalty, before the division by the batch's weight
    T inverse = 1;             // 1 / sum of the batch's sample weights
    T sum_rate = 0;            // learning_rate * inverse, for the gradient before its division
};

// gradient = (sum_b x[b][i] dz[b][j] + alpha w[i][j]) * inverse, b ascending, straight into the optimizer.
template <class T>
struct UpdateArgs {
    Index first_row, last_row;  // rows of the weights; first_row is a multiple of row_tile
    Index batch;
    const T* x;  // (batch, n_in)
    Index ldx;
    const T* dz;  // (batch, vectors * lanes)
    Index lddz;
    Index vectors;
    T* weights;        // (n_in, vectors * lanes), a panel; the state arrays alike
    T* first_moment;   // velocity (sgd) or m (adam)
    T* second_moment;  // v (adam)
    double* squares;   // out: sum of the new weights' squares, one number a row tile; null without a penalty
};

// Row-wise loss of the output layer: z becomes dz = sample_weight * d loss / d z.
template <class T>
struct LossArgs {
    Index rows, outputs;
    T* z;  // (rows, outputs) in, gradient out; padding lanes are set to 0
    Index ldz;
    const std::int32_t* labels;  // (rows) for softmax_cross_entropy, else null
    const T* targets;            // (rows, outputs) otherwise
    Index ldt;
    const T* sample_weight;  // (rows) or null
    double* row_loss;        // (rows) out, not weighted
    double* row_hit;         // (rows) out: 1 where the class is right (classifiers), else 0
};

template <class T>
struct KernelTable {
    const char* name;
    Index lanes;     // elements in a vector
    Index row_tile;  // weight rows in a register tile of `update`

    void (*gemm)(const GemmArgs<T>&);
    void (*update)(const UpdateArgs<T>&, const OptimizerStep<T>&);
    // bias -= step on sum_b dz[b][j]; weights and moments are (vectors * lanes), no penalty
    void (*update_bias)(const UpdateArgs<T>&, const OptimizerStep<T>&);
    // out[j][i - first] = w[i][j] for `vectors` * lanes inputs from `first`; zero past n_in. out: (n_out
    // padded, ...)
    void (*transpose_panel)(const T* weights, Index n_in, Index n_out, Index first, Index vectors, T* out);
    void (*activate)(Activation, Index rows, Index columns, T* x, Index ldx);
    // d *= f'(x), with the derivative taken from the activation's output a
    void (*multiply_derivative)(Activation, Index rows, Index columns, const T* a, Index lda, T* d,
                                Index ldd);
    void (*loss)(Loss, const LossArgs<T>&);
    // pre-activations to predictions, in place: probabilities, means or values
    void (*predict)(Loss, Index rows, Index outputs, T* z, Index ldz);
    // squared sum of each row tile of a panel, as `update` would report it
    void (*sum_squares)(Index n_in, Index vectors, const T* weights, double* squares);
    // floating-point operations done by `rounds` of independent FMA chains in registers
    double (*fma_rounds)(Index rounds, T* sink);
};

}  // namespace pymlp

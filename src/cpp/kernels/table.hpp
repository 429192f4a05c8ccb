// What the kernels offer, free of instruction sets: plain arguments and a table of function pointers.
//
// Weights live in *panels*: columns in groups of `panel` (two vectors; the last panel is one vector wide if
// that suffices), each panel stored [n_in][width] contiguously. Activations are row-major with a padded row
// length. Every kernel below works on one panel or on a range of rows, so that the callers can share the work
// out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace pymlp {

using Index = std::ptrdiff_t;

enum class Activation : int {
    identity,
    logistic,
    tanh,
    relu,
    leaky_relu,
    elu,
    selu,
    gelu,
    silu,
    mish,
    softplus,
    hard_sigmoid
};
// Is the derivative a function of the output? Otherwise it is kept when the pre-activation is at hand.
constexpr bool has_slope_of_output(Activation a) {
    return a != Activation::gelu && a != Activation::silu && a != Activation::mish;
}
enum class Loss : int {
    softmax_cross_entropy,
    softmax_focal,
    softmax_hinge,  // Crammer & Singer; its scores stay raw
    logistic_cross_entropy,
    logistic_focal,
    logistic_hinge,
    squared_error,
    absolute_error,
    huber,
    pinball,
    log_cosh,
    poisson,
    gamma
};
// Are the targets class labels? Otherwise one number an output.
constexpr bool has_labels(Loss l) {
    return l == Loss::softmax_cross_entropy || l == Loss::softmax_focal || l == Loss::softmax_hinge;
}
// What makes predictions of the last layer's pre-activations.
enum class Output : int { identity, softmax, logistic, exp };
enum class Solver : int { sgd, adam, adamw, nadam, rmsprop, adagrad, lion };

// Products read *operands*: numbers of the type in which they are summed, or pairs of bfloat16 numbers,
// neighbours along the product's depth, which are summed in float. The earlier one lies in the low half.
enum class Bf16Pair : std::uint32_t {};
template <class Operand>
struct SumOf {
    using Type = Operand;
};
template <>
struct SumOf<Bf16Pair> {
    using Type = float;
};
template <class Operand>
using Sum = typename SumOf<Operand>::Type;
template <class Operand>
constexpr bool is_pair = std::is_same_v<Operand, Bf16Pair>;
// Operands that hold n numbers.
template <class Operand>
constexpr Index operands(Index n) {
    return is_pair<Operand> ? (n + 1) / 2 : n;
}

// c[r][j] = bias[j] + sum_k a[r][k] b[k][j], k ascending, one FMA chain an element.
template <class Operand>
struct GemmArgs {
    Index rows, depth;  // depth, here and below, in operands
    const Operand* a;   // (rows, depth)
    Index lda;
    const Operand* b;  // (depth, vectors * lanes): a panel, or columns of a row-major matrix
    Index ldb;
    Index vectors;             // 1 or 2 of a panel, any number of a row-major matrix
    const Sum<Operand>* bias;  // (vectors * lanes) or null for 0
    Sum<Operand>* c;           // (rows, vectors * lanes)
    Index ldc;
};

// Compressed rows, or columns: the entries of row i are starts[i] <= e < starts[i + 1], with their columns
// (or rows) `at` ascending.
template <class T>
struct Compressed {
    const Index* starts;
    const std::int32_t* at;
    const T* values;
};

// The same product with a sparse a; the same bits as with its zeros written out.
template <class T>
struct SparseGemmArgs {
    Index rows;
    Compressed<T> a;  // (rows, depth)
    const T* b;       // as in GemmArgs
    Index ldb;
    Index vectors;
    const T* bias;
    T* c;
    Index ldc;
};

// The optimizer's numbers for one step, shared by all layers.
template <class T>
struct OptimizerStep {
    Solver solver = Solver::sgd;
    bool nesterov = true;
    T learning_rate = 0;  // with the bias corrections of this step
    T momentum = 0;
    T beta_1 = 0, beta_2 = 0, epsilon = 0;
    T rest_1 = 0, rest_2 = 0;  // 1 - beta, rounded once: 1 - T(0.999) has lost four digits
    T alpha = 0;               // L2 penalty, before the division by the batch's weight
    T inverse = 1;             // 1 / sum of the batch's sample weights
    T sum_rate = 0;            // learning_rate * inverse, for the gradient before its division
    T clip = 1;                // factor of the gradient that clip_norm asks for, before the penalty is added
    T decay = 0;               // adamw, lion: rate * weight_decay; not for biases
    T gradient_rate = 0;       // nadam: rate of the gradient itself, beside learning_rate for its moment
    T average_rest = 0;        // 1 - decay of the average: average += rest * (weights - average)
};

// Rows first <= i < last of the first layer's weights: those of the ramps of one raw column of a table. Its
// height at an edge is the sum of the weights of the ramps before that edge (network/expansion.hpp).
struct Curve {
    Index first, last;
};
struct Curves {
    const Curve* curves;
    Index count;
};

// gradient (+)= sum_b x[b][i] dz[b][j], b ascending. `update` keeps it in registers; whoever needs it whole
// (clip_norm, a monitor, lbfgs) has it written.
template <class Operand>
struct GradientArgs {
    Index first_row, last_row;  // rows of the weights; first_row is a multiple of row_tile
    Index batch;                // in operands
    const Operand* x;           // (batch, n_in), pairs transposed: (n_in, batch); null for sparse inputs
    Index ldx;
    const Compressed<Sum<Operand>>* columns;  // x by columns: (n_in, batch), for sparse inputs
    const Operand* dz;                        // (batch, vectors * lanes)
    Index lddz;
    Index vectors;
    Sum<Operand>* gradient;  // (n_in, vectors * lanes), a panel; of `update` only for a table, as its scratch
    bool accumulate;         // go on with the sums that `gradient` holds: the same bits as one longer batch
    double* squares;         // out: sum of the gradient's squares, one number a row tile; or null
    // Of a table, whose panels are not divided: x by rows, (batch, n_in), else null. It multiplies heights;
    // at last the gradient by them becomes that by the weights.
    const Compressed<Sum<Operand>>* table;
    Curves curves;  // none where other batches will go on with the sums
};

// What the optimizer changes, given the data's gradient: w -= step on (gradient + alpha w) * inverse.
template <class T>
struct UpdateArgs {
    Index first_row, last_row;  // as in GradientArgs
    Index vectors;
    T* weights;        // (n_in, vectors * lanes), a panel; the state arrays alike
    T* first_moment;   // velocity (sgd), m (adam, adamw, nadam, lion) or the squares (rmsprop, adagrad)
    T* second_moment;  // v (adam, adamw, nadam)
    T* average;        // moving average of the weights, or null
    double* squares;   // out: sum of the new weights' squares, one number a row tile; null without a penalty
    Bf16Pair* pairs;   // out: the new weights in pairs, (n_in / 2, vectors * lanes), or null
    Curves curves;
    T* heights;  // out: the new weights, but of curves their heights; or null
};

// Scores of the output layer. They become predictions in place.
template <class T>
struct OutputArgs {
    Index rows, outputs;
    T* z;  // (rows, outputs)
    Index ldz;
    const Index* groups;  // softmax: outputs groups[g] <= j < groups[g + 1] are the classes of group g
    Index n_groups;
};

// Row-wise loss of the scores: z becomes dz = sample_weight * d loss / d z, and 0 in its padding lanes.
template <class T>
struct LossArgs : OutputArgs<T> {
    const std::int32_t* labels;  // (rows, n_groups) for the softmax losses, else null
    const T* targets;            // (rows, outputs) otherwise
    Index ldt;
    const T* sample_weight;  // (rows) or null
    double* row_loss;        // (rows) out, not weighted
    double* row_hit;         // (rows) out: 1 where every class is right (classifiers), else 0
    T smoothing;             // label smoothing of softmax_cross_entropy
    T focusing;              // exponent of the focal losses
    T delta;                 // where huber turns from squared to absolute
    const T* quantiles;      // pinball: (padded outputs)
};

// A block of rows and columns of one hidden layer: its outputs and f'(z).
template <class T>
struct HiddenArgs {
    Index rows, columns;
    T* x;  // (rows, columns)
    Index ldx;
    T* slope;  // (rows, columns)
    Index lds;
};

// Kept values of x and slope are divided by 1 - rate, the others 0.
template <class T>
struct DropoutArgs : HiddenArgs<T> {
    Index first_row, first_column;  // of the block in the mini-batch's layer
    std::uint64_t key;  // of this step and layer: key, row and column alone decide what is dropped
    double rate;
};

// What turns a block of d loss / d f(z) into d loss / d z.
template <class T>
struct BackwardArgs {
    Index rows, columns;
    const T* from;  // (rows, columns): f(z), or f'(z)
    Index ldf;
    T* d;  // (rows, columns)
    Index ldd;
};

// A raw column of a table, and what makes features of it (network/expansion.hpp).
struct SourceArgs {
    double fill, center;
    double scaling;        // 1 / scale, or 0: no linear feature
    const double* edges;   // (n_ramps + 1)
    const double* slopes;  // (n_ramps): 1 / distance of the edges
    Index n_ramps;
    const double* values;  // (n_values)
    Index n_values;
    bool has_missing;

    Index n_features() const { return (scaling > 0) + n_ramps + n_values + has_missing; }
    Index n_entries() const { return (scaling > 0) + 2 * (n_ramps > 0) + (n_values > 0) + has_missing; }
};

// The dense products of an operand type.
template <class Operand>
struct ProductTable {
    using T = Sum<Operand>;

    void (*gemm)(const GemmArgs<Operand>&);
    void (*update)(const GradientArgs<Operand>&, const UpdateArgs<T>&, const OptimizerStep<T>&);
    void (*gradient)(const GradientArgs<Operand>&);
    // A panel of the weights seen from the other side: out[j][i - first] = w[i][j] for `vectors` * lanes
    // inputs from `first`; zero past n_in. out: (n_out padded, vectors * lanes) numbers
    void (*transpose_panel)(const T* weights, Index n_in, Index n_out, Index first, Index vectors,
                            Operand* out);
    // floating-point operations done by `rounds` of independent chains of products in registers
    double (*fma_rounds)(Index rounds, T* sink);
};

// How numbers become bfloat16 operands. Rounding is to nearest, ties to even.
struct Bf16Table : ProductTable<Bf16Pair> {
    bool emulated;  // by float arithmetic, for want of instructions
    // out[r][c / 2] = (x[r][c], x[r][c + 1]); the pair of the last of an odd number of columns ends with 0
    void (*pair_columns)(Index rows, Index columns, const float* x, Index ldx, Bf16Pair* out, Index ldo);
    // out[r / 2][c] = (x[r][c], x[r + 1][c]), likewise; columns: a whole number of vectors
    void (*pair_rows)(Index rows, Index columns, const float* x, Index ldx, Bf16Pair* out, Index ldo);
    // out[c][r / 2] = (x[r][c], x[r + 1][c]), likewise; rows of x are read as whole vectors
    void (*transpose_pairs)(Index rows, Index columns, const float* x, Index ldx, Bf16Pair* out, Index ldo);
};

// Converts n numbers of another type, `stride` bytes apart and not necessarily aligned.
template <class T>
using Widen = void (*)(const char* numbers, Index stride, Index n, T* out);

template <class T>
struct KernelTable : ProductTable<T> {
    Index lanes;     // elements in a vector
    Index row_tile;  // weight rows in a register tile of `update`

    void (*sparse_gemm)(const SparseGemmArgs<T>&);
    // bias -= step on sum_b dz[b][j]; weights and state are (vectors * lanes), no penalty
    void (*update_bias)(const GradientArgs<T>&, const UpdateArgs<T>&, const OptimizerStep<T>&);
    // gradient (+)= sum_b dz[b][j]; it is (vectors * lanes), `squares` one number
    void (*gradient_bias)(const GradientArgs<T>&);
    // `update` with a gradient that is known already, of the layout of the weights
    void (*apply)(const UpdateArgs<T>&, const OptimizerStep<T>&, const T* gradient);
    void (*apply_bias)(const UpdateArgs<T>&, const OptimizerStep<T>&, const T* gradient);
    void (*activate)(Activation, Index rows, Index columns, T* x, Index ldx);
    // the same, and slope = f'(x)
    void (*activate_with_slope)(Activation, const HiddenArgs<T>&);
    // d *= f'(z), derived from the activation's output f(z) (has_slope_of_output)
    void (*multiply_derivative)(Activation, const BackwardArgs<T>&);
    // d *= f'(z)
    void (*multiply_slope)(const BackwardArgs<T>&);
    void (*drop)(const DropoutArgs<T>&);
    void (*loss)(Loss, const LossArgs<T>&);
    void (*predict)(Output, const OutputArgs<T>&);
    // squared sum of each row tile of a panel, as `update` would report it
    void (*sum_squares)(Index n_in, Index vectors, const T* weights, double* squares);
    bool (*all_finite)(Index n, const T* x);
    // for a type of NumPy's by its kind and its size in bytes; null if there is none
    Widen<T> (*widen_from)(char kind, Index size);
    // row: (n_sources), NaN where a number is missing; out: the features of all sources
    void (*expand)(const SourceArgs* sources, Index n_sources, const double* row, T* out);
    // the same by its entries, which multiply heights; at, values: as many as the sources' `n_entries`
    void (*compress)(const SourceArgs* sources, Index n_sources, const double* row, std::int32_t* at,
                     T* values);
    // weights, heights: (rows, width)
    void (*heights)(const Curves&, Index rows, Index width, const T* weights, T* heights);
};

}  // namespace pymlp

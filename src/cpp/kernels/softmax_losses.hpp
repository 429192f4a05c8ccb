// Losses of classes: each row, or each group of its columns, has one right class.
#pragma once

namespace {

template <class T>
constexpr T type_epsilon = sizeof(T) == 4 ? T(1.1920928955078125e-07) : T(2.2204460492503131e-16);

// scikit-learn clips probabilities at the type's epsilon, so no -log(p) of a right class exceeds this.
template <class T>
PYMLP_INLINE T largest_log_loss() {
    return -scalar_log<T>(type_epsilon<T>);
}

// The lane of the vector at `column` that holds column y.
template <class T>
PYMLP_INLINE IntVec<T> lane_of(Index y, Index column) {
    return iota<T>() == (IntVec<T>{} + static_cast<decltype(IntVec<T>{}[0] + 0)>(y - column));
}

// Is column y the first of the row's largest, as argmax would find it?
template <class T, class Row>
PYMLP_INLINE bool is_argmax(Index y, const Row& row, T largest) {
    if (row.z[y] != largest) return false;
    Vec<T> earlier = {};
    for (Index c = 0; c < y; c += lanes<T>)
        earlier = select(real_lanes<T>(c, y) & (row.load(c) == largest), broadcast<T>(T(1)), earlier);
    return maximum_lane<T>(earlier) == T(0);
}

template <class T>
struct Outcome {
    T loss;
    bool hit;
};

// `f(row, y, weight)` turns the scores of one row or group into the gradient.
template <class T, class F>
PYMLP_INLINE void for_each_softmax(const LossArgs<T>& l, F f) {
    for (Index r = 0; r < l.rows; ++r) {
        T* z = l.z + r * l.ldz;
        const std::int32_t* y = l.labels + r * l.n_groups;
        const T weight = l.sample_weight ? l.sample_weight[r] : T(1);
        if (l.n_groups == 1) {
            const Outcome<T> outcome = f(WholeRow<T>{z, l.outputs}, *y, weight);
            l.row_loss[r] = static_cast<double>(outcome.loss);
            l.row_hit[r] = outcome.hit ? 1.0 : 0.0;
            continue;
        }
        double loss = 0;
        bool hit = true;
        for (Index g = 0; g < l.n_groups; ++g) {
            const PartOfRow<T> group{z + l.groups[g], l.groups[g + 1] - l.groups[g]};
            const Outcome<T> outcome = f(group, y[g], weight);
            loss += static_cast<double>(outcome.loss);
            hit = hit && outcome.hit;
        }
        l.row_loss[r] = loss;
        l.row_hit[r] = hit ? 1.0 : 0.0;
        for (Index c = l.outputs; c % lanes<T> != 0; ++c) z[c] = T(0);
    }
}

// Mean of largest - z, divided before it is summed so that it cannot overflow early.
template <class T, class Row>
PYMLP_INLINE T mean_gap(const Row& row, T largest) {
    const T share = T(1) / static_cast<T>(row.size);
    Vec<T> sum = {};
    for (Index c = 0; c < row.size; c += lanes<T>)
        sum += select(real_lanes<T>(c, row.size), rounded((largest - row.load(c)) * share), Vec<T>{});
    return sum_lanes<T>(sum);
}

template <class T, class Row>
PYMLP_INLINE void subtract(const Row& row, T x) {
    for (Index c = 0; c < row.size; c += lanes<T>)
        row.store(c, select(real_lanes<T>(c, row.size), row.load(c) - x, Vec<T>{}));
}

// -log p_y, where -log p_j = log(sum) + max - z_j. A NaN is not greater than the cap and stays.
// smooth: -sum_j t_j log p_j with targets t = (1 - s) onehot(y) + s / K, 0 < s < 1 (Szegedy et al. 2016).
// There is no cap then: every class has a part in the loss, which grows without bound on purpose, and the
// gradient is that of the loss everywhere.
template <class T, bool smooth>
PYMLP_INLINE void softmax_cross_entropy(const LossArgs<T>& l) {
    const T cap = smooth ? T(__builtin_inf()) : largest_log_loss<T>();
    const T smoothing = smooth ? l.smoothing : T(0);
    for_each_softmax<T>(l, [smoothing, cap](const auto& row, Index y, T weight) {
        const T z_y = row.z[y];
        const T largest = row_maximum<T>(row);
        const bool hit = is_argmax<T>(y, row, largest);
        const T spread = smooth ? rounded(smoothing * mean_gap<T>(row, largest)) : T(0);
        const T sum = exponentials<T>(row, largest);
        const T loss = scalar_log<T>(sum) + (rounded((T(1) - smoothing) * (largest - z_y)) + spread);
        const T inverse = T(1) / sum;
        for (Index c = 0; c < row.size; c += lanes<T>) row.store(c, row.load(c) * inverse * weight);
        if (smooth) subtract<T>(row, weight * smoothing / static_cast<T>(row.size));
        row.z[y] -= rounded((T(1) - smoothing) * weight);
        return Outcome<T>{loss > cap ? cap : loss, hit};
    });
}

// -(1 - p)^gamma log p (Lin et al. 2017). q = 1 - p is the others' share of the sum, never the difference,
// so that it keeps its digits where p rounds to 1. The gradient is c (p_j - onehot_j) with
// c = q^gamma (1 + gamma p (-log p) / q); the quotient tends to 1 with q. The cap, as in
// softmax_cross_entropy, counts where p < epsilon: its part in c is below rounding, and p * infinity is
// avoided.
template <class T>
PYMLP_INLINE void softmax_focal(const LossArgs<T>& l) {
    const T cap = largest_log_loss<T>();
    for_each_softmax<T>(l, [&l, cap](const auto& row, Index y, T weight) {
        const T z_y = row.z[y];
        const T largest = row_maximum<T>(row);
        const bool hit = is_argmax<T>(y, row, largest);
        exponentials<T>(row, largest);
        Vec<T> others = {};
        for (Index c = 0; c < row.size; c += lanes<T>)
            others += select(real_lanes<T>(c, row.size) & ~lane_of<T>(y, c), row.load(c), Vec<T>{});
        const T rest = sum_lanes<T>(others);
        const T e_y = row.z[y];
        const T inverse = T(1) / (rest + e_y);
        const T p = e_y * inverse, q = rest * inverse;
        const T surprise = vlog1p<T>(broadcast(rest + (e_y - T(1))))[0] + (largest - z_y);
        const T log_loss = surprise > cap ? cap : surprise;
        const T quotient = q > T(0) ? log_loss / q : T(1);
        const T nothing = l.focusing == T(0) ? T(1) : T(0);  // 0^gamma
        const T power = q == T(0) ? nothing : vexp<T>(broadcast(l.focusing * scalar_log<T>(q)))[0];
        const T factor = weight * power * (T(1) + l.focusing * rounded(p * quotient));
        for (Index c = 0; c < row.size; c += lanes<T>) row.store(c, row.load(c) * inverse * factor);
        row.z[y] = -factor * q;
        return Outcome<T>{rounded(power * log_loss), hit};
    });
}

// max(0, 1 + max_{j != y} z_j - z_y) (Crammer & Singer 2001): the first of the largest others is pushed down.
template <class T>
PYMLP_INLINE void softmax_hinge(const LossArgs<T>& l) {
    for_each_softmax<T>(l, [](const auto& row, Index y, T weight) {
        const T z_y = row.z[y];
        const Vec<T> lowest = broadcast<T>(-T(__builtin_inf()));
        Vec<T> top = lowest, poison = {};
        for (Index c = 0; c < row.size; c += lanes<T>) {
            const Vec<T> z = row.load(c);
            const IntVec<T> real = real_lanes<T>(c, row.size);
            top = maximum<T>(select(real & ~lane_of<T>(y, c), z, lowest), top);
            poison = select(real & (z != z), z, poison);  // a maximum would forget a NaN
        }
        const T rival = maximum_lane<T>(top);
        const T margin = T(1) + (rival - z_y) + sum_lanes<T>(poison);
        const bool hit = is_argmax<T>(y, row, rival > z_y ? rival : z_y);
        Index other = y;
        if (margin > T(0))  // then there is a rival
            for (other = 0; other == y || row.z[other] != rival;) ++other;
        for (Index c = 0; c < row.size; c += lanes<T>) row.store(c, Vec<T>{});
        row.z[other] += margin > T(0) ? weight : T(0);
        row.z[y] -= margin > T(0) ? weight : T(0);
        return Outcome<T>{margin <= T(0) ? T(0) : margin, hit};
    });
}

}  // namespace

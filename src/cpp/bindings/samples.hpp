// Samples as Python hands them over, checked wherever the engine follows an index.
#pragma once

#include <algorithm>
#include <cstdint>

#include "bindings/expanded_rows.hpp"

namespace pymlp {

// X as the caller holds it: an array of real numbers of any type up to 64 bits, in native byte order, with
// any strides; rows to be expanded to the weights' type; or a SciPy CSR array or matrix with values of that
// type. Keeps what it borrows alive.
template <class T>
class RowsOf {
  public:
    RowsOf(const py::object& x, Index n_features) {
        rows_.n_features = n_features;
        if (py::isinstance<ExpandedRows>(x))
            take_expanded(x);
        else
            py::hasattr(x, "indptr") ? take_compressed(x) : take_dense(x);
    }
    Index n() const { return n_; }
    // All rows, without labels
    Dataset<T> dataset() const {
        Dataset<T> data;
        data.n = n_;
        data.x = rows_;
        return data;
    }

  private:
    void take_dense(const py::object& x) {
        const py::array dense = py::isinstance<py::array>(x) ? py::cast<py::array>(x) : py::array();
        const py::dtype type = dense.dtype();
        const Widen<T> widen = kernels<T>().widen_from(type.kind(), type.itemsize());
        if (!widen || !py::cast<bool>(type.attr("isnative")))
            throw py::type_error("X must be CSR or an array of real numbers of at most 64 bits, got dtype " +
                                 std::string(py::str(type)) + ".");
        n_ = dense.ndim() == 2 ? dense.shape(0) : 0;
        expect_shape(dense, "X", {n_, rows_.n_features});
        if (is_plain<T>(dense)) rows_.values = static_cast<const T*>(dense.data());
        rows_.numbers = static_cast<const char*>(dense.data());
        rows_.item_size = type.itemsize();
        rows_.row_stride = dense.strides(0);
        rows_.column_stride = dense.strides(1);
        rows_.widen = widen;
        held_.append(dense);
    }
    void take_expanded(const py::object& x) {
        const auto& rows = py::cast<const ExpandedRows&>(x);
        if (!rows.dtype().equal(py::dtype::of<T>()))
            throw py::type_error("Expanded rows X must be of the weights' dtype, got " +
                                 std::string(py::str(rows.dtype())) + ".");
        if (rows.shape().second != rows_.n_features)
            throw std::invalid_argument("X must have " + std::to_string(rows_.n_features) +
                                        " features, got expanded rows of " +
                                        std::to_string(rows.shape().second) + ".");
        n_ = rows.shape().first;
        rows_ = rows.rows<T>();
        held_.append(x);
    }
    void take_compressed(const py::object& x) {
        const py::object values = x.attr("data");
        const py::array columns = x.attr("indices"), starts = x.attr("indptr");
        if (rows_.n_features > INT32_MAX)  // the kernels' type of a column
            throw std::invalid_argument("A sparse X may have " + std::to_string(INT32_MAX) +
                                        " columns, got " + std::to_string(rows_.n_features) + ".");
        rows_.wide = py::isinstance<Array<std::int64_t>>(columns);
        const bool sound = rows_.wide ? py::isinstance<Array<std::int64_t>>(starts)
                                      : py::isinstance<Array<std::int32_t>>(columns) &&
                                            py::isinstance<Array<std::int32_t>>(starts);
        if (!sound || !py::isinstance<Array<T>>(values) || starts.ndim() != 1 || columns.ndim() != 1)
            throw py::type_error(
                "A sparse X must be CSR with values of the weights' dtype and 32 or 64 bit indices.");
        n_ = starts.size() - 1;
        rows_.values = py::cast<Array<T>>(values).data();
        rows_.columns = columns.data();
        rows_.starts = starts.data();
        const Index entries = std::min<Index>(columns.size(), py::cast<py::array>(values).size());
        for (const py::object& part : {values, py::object(columns), py::object(starts)}) held_.append(part);
        check(entries);
    }
    // Everything that is followed as an index; columns ascend, as the same bits as dense rows ask for.
    void check(Index entries) const {
        bool sound = n_ >= 0 && rows_.start(0) == 0;
        for (Index r = 0; sound && r < n_; ++r) {
            const Index end = rows_.start(r + 1);
            sound = rows_.start(r) <= end && end <= entries;
            Index before = -1;
            for (Index e = rows_.start(r); sound && e < end; ++e) {
                sound = before < rows_.column(e) && rows_.column(e) < rows_.n_features;
                before = rows_.column(e);
            }
        }
        if (!sound)
            throw std::invalid_argument("A sparse X must have sorted, unique column indices from 0 to " +
                                        std::to_string(rows_.n_features - 1) + ".");
    }

    Index n_ = 0;
    Rows<T> rows_;
    py::list held_;
};

// Targets of n samples: int32 classes within their group (n, n_groups), or (n) of one group, for the softmax
// losses; else T (n, n_outputs). groups: as in LossArgs.
template <class T>
struct Targets {
    const std::int32_t* labels = nullptr;
    const T* values = nullptr;

    Targets(const py::array& y, Loss loss, const std::vector<Index>& groups, Index n) {
        if (!has_labels(loss)) {
            if (!py::isinstance<Array<T>>(y))
                throw py::type_error("y must be a C-contiguous array of X's dtype.");
            expect_shape(y, "y", {n, groups.back()});
            values = static_cast<const T*>(y.data());
            return;
        }
        if (!py::isinstance<Array<std::int32_t>>(y))
            throw py::type_error("y must be a contiguous int32 array.");
        const auto n_groups = static_cast<Index>(groups.size()) - 1;
        if (n_groups == 1 && y.ndim() == 1)
            expect_shape(y, "y", {n});
        else
            expect_shape(y, "y", {n, n_groups});
        labels = static_cast<const std::int32_t*>(y.data());
        for (Index g = 0; g < n_groups; ++g) {
            const auto at = static_cast<std::size_t>(g);
            const Index classes = groups[at + 1] - groups[at];
            for (Index i = g; i < n * n_groups; i += n_groups)
                if (labels[i] < 0 || labels[i] >= classes)
                    throw std::invalid_argument("y must hold classes from 0 to " +
                                                std::to_string(classes - 1) + ", got " +
                                                std::to_string(labels[i]) + ".");
        }
    }
};

// Number of samples: of all rows, or of those that `order` names.
inline Index n_samples(const Order& order, Index rows) {
    if (!order) return rows;
    expect_shape(*order, "order", {order->size()});
    for (py::ssize_t i = 0; i < order->size(); ++i)
        if (order->data()[i] < 0 || order->data()[i] >= rows)
            throw std::invalid_argument("order must hold row numbers from 0 to " + std::to_string(rows - 1) +
                                        ".");
    return order->size();
}

// A data set for the engine.
template <class T>
struct Samples {
    RowsOf<T> x;
    Dataset<T> data;

    Samples(const Network<T>& network, const py::object& X, const py::array& y,
            const Weights<T>& sample_weight, const Order& order)
        : x(X, network.n_features()) {
        const Index rows = x.n();
        const Targets<T> targets(y, network.loss.kind, network.loss.groups, rows);
        if (sample_weight) expect_shape(*sample_weight, "sample_weight", {rows});
        data = x.dataset();
        data.n = n_samples(order, rows);
        data.labels = targets.labels;
        data.targets = targets.values;
        data.sample_weight = data_or_null(sample_weight);
        data.order = data_or_null(order);
        if (data.n < 1) throw std::invalid_argument("There must be at least one sample.");
    }
};

}  // namespace pymlp

// Raw columns of a table, and the features that a network reads instead of them.
#pragma once

#include <vector>

#include "kernels/dispatch.hpp"

namespace pymlp {

// A raw column x; NaN is a missing one. It is expanded where its rows are wanted as such; a network
// multiplies only a few entries of a row: the ramps before x are all 1 and those behind it 0, so that they
// make of weights w a line between two heights of a curve, h[k] = w[0] + ... + w[k] at the edge behind ramp
// k. Its features, in this order:
struct Source {
    double fill = 0;               // stands for a missing x, but equals none of `values`
    double center = 0, scale = 0;  // u / sqrt(1 + (u / 3)^2), u = (x - center) / scale; none if scale is 0
    std::vector<double> edges;     // ascending; a ramp from 0 to 1 between each and the next
    std::vector<double> values;    // 1 where x is the value, else 0
    bool has_missing = false;      // 1 where x is missing, else 0
};

// What becomes of a row: the features of all sources, one after another. The sources' numbers are finite, and
// scales, distances of edges and their inverses normal: then every feature of any x is finite.
class Expansion {
  public:
    explicit Expansion(const std::vector<Source>& sources);
    Expansion(Expansion&&) = default;  // a copy would point into the original

    Index n_sources() const { return static_cast<Index>(sources_.size()); }
    Index n_features() const { return n_features_; }
    Index n_entries() const { return n_entries_; }  // of each row
    Curves curves() const { return {curves_.data(), static_cast<Index>(curves_.size())}; }
    // row: (n_sources), out: (n_features)
    template <class T>
    void expand(const double* row, T* out) const {
        kernels<T>().expand(sources_.data(), n_sources(), row, out);
    }
    // at, values: (n_entries)
    template <class T>
    void compress(const double* row, std::int32_t* at, T* values) const {
        kernels<T>().compress(sources_.data(), n_sources(), row, at, values);
    }

  private:
    std::vector<SourceArgs> sources_;
    std::vector<double> numbers_;  // edges, slopes and values
    std::vector<Curve> curves_;
    Index n_features_ = 0, n_entries_ = 0;
};

}  // namespace pymlp

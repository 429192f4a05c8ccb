// Raw columns of a table, and the features that a network reads instead of them.
#pragma once

#include <vector>

#include "kernels/dispatch.hpp"

namespace pymlp {

// A raw column x; NaN is a missing one. Its features, in this order:
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
    // row: (n_sources), out: (n_features)
    template <class T>
    void expand(const double* row, T* out) const {
        kernels<T>().expand(sources_.data(), n_sources(), row, out);
    }

  private:
    std::vector<SourceArgs> sources_;
    std::vector<double> numbers_;  // edges, slopes and values
    Index n_features_ = 0;
};

}  // namespace pymlp

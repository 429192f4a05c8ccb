// The first layer's weights as products with the entries of a table's rows read them.
#pragma once

#include "network/network.hpp"
#include "threads/team.hpp"

namespace pymlp {

// Where X is a table, heights stand in the place of the weights of a curve's ramps; else they are the
// weights. In the layout of the weights: panels, or row-major.
template <class T>
class Heights {
  public:
    // expansion: the table's, or null
    void load(const Layer<T>& layer, const Expansion* expansion) {
        begin(expansion, layer.panels.size());
        for (Index p = 0; table_ && p < layer.panels.count(); ++p) {
            const Panels& panels = layer.panels;
            add_up(panels.rows, panels.vectors(p) * panels.lanes, layer.weights.data() + panels.offset(p),
                   values_.data() + panels.offset(p));
        }
    }
    // row-major coefs: (rows, columns); returns what is to be read in their place
    const T* load(const T* coefs, Index rows, Index columns, const Expansion* expansion) {
        begin(expansion, rows * columns);
        if (!table_) return coefs;
        add_up(rows, columns, coefs, values_.data());
        return values_.data();
    }
    bool of_table() const { return table_; }
    const Curves& curves() const { return curves_; }
    const T* panel(const Layer<T>& layer, Index p) const {
        return (table_ ? values_ : layer.weights).data() + layer.panels.offset(p);
    }
    // Where an update of a table's panel writes its heights, else null
    T* updated(const Panels& panels, Index p) { return table_ ? values_.data() + panels.offset(p) : nullptr; }

  private:
    void begin(const Expansion* expansion, Index size) {
        table_ = expansion;
        curves_ = expansion ? expansion->curves() : Curves{};
        if (table_ && values_.size() != size) values_ = Buffer<T>(size);
    }
    void add_up(Index rows, Index width, const T* weights, T* heights) {
        // in a team, for its rounding mode: the bits of an update
        run_team(1, [&](Member&) { kernels<T>().heights(curves_, rows, width, weights, heights); });
    }

    bool table_ = false;
    Curves curves_{};
    Buffer<T> values_;
};

}  // namespace pymlp

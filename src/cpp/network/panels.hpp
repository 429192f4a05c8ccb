// How the columns of a matrix are cut into panels (kernels/table.hpp), and how panels are shared out.
#pragma once

#include <algorithm>

#include "kernels/table.hpp"

namespace pymlp {

inline Index divide_up(Index n, Index by) { return (n + by - 1) / by; }
inline Index round_up(Index n, Index multiple) { return divide_up(n, multiple) * multiple; }

struct Panels {
    Index rows, columns, lanes;

    Index width() const { return 2 * lanes; }
    Index count() const { return divide_up(columns, width()); }
    Index first_column(Index p) const { return p * width(); }
    Index vectors(Index p) const { return columns - first_column(p) > lanes ? 2 : 1; }
    Index offset(Index p) const { return first_column(p) * rows; }  // elements before panel p
    Index padded_columns() const { return (count() - 1) * width() + vectors(count() - 1) * lanes; }
    Index size() const { return padded_columns() * rows; }
};

// Where the rows of `member` of `members` begin: at an even row, since two rows share a pair of bfloat16.
inline Index first_row_of(Index rows, int member, int members) {
    return member == members ? rows : rows / 2 * member / members * 2;
}

// Calls f(panel, first_row, last_row) for the part of `member` of `members`: a contiguous run of panels, the
// same in every step, so that a core keeps its weights in its own cache. Where the run begins or ends
// inside a panel, the panel is split between neighbours at a multiple of `align` rows.
template <class F>
void for_each_share(const Panels& panels, Index rows, Index align, int member, int members, F f) {
    Index vectors = 0;
    for (Index p = 0; p < panels.count(); ++p) vectors += panels.vectors(p);
    // in units of one vector in one row
    const Index begin = vectors * rows * member / members, end = vectors * rows * (member + 1) / members;
    Index before = 0;
    for (Index p = 0; p < panels.count(); ++p) {
        const Index cells = panels.vectors(p) * rows;
        const auto row_at = [&](Index boundary) {
            if (boundary <= before) return Index{0};
            if (boundary >= before + cells) return rows;
            const Index row = (boundary - before) / panels.vectors(p);
            return std::min((row + align / 2) / align * align, rows);
        };
        const Index first = row_at(begin), last = row_at(end);
        if (first < last) f(p, first, last);
        before += cells;
    }
}

}  // namespace pymlp

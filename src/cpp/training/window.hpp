// The next samples of a shuffled X that lies in Fortran order.
#pragma once

#include <utility>

#include "network/panels.hpp"
#include "network/samples.hpp"
#include "threads/team.hpp"

namespace pymlp {

// Gathered for one mini-batch, each number of such an X costs a cache line: an epoch of 60,000 x 784 took
// 0.2 s longer on one core. So the samples of many mini-batches are copied at a time, in their own type and
// in the order of their rows: a line of a column then serves several of them. That takes a third of the time.
template <class T>
class Window {
  public:
    // Has no room, and `data` is as given, unless there is something to be won.
    Window(const Dataset<T>& data, Index batch_size);
    bool ends_at(Index sample) const { return samples_ > 0 && sample % samples_ == 0; }
    // Copies the samples from `begin` on; every member of the team takes part.
    void fill(Index begin, Member& me);
    // Those samples, or all.
    const Dataset<T>& data() const { return seen_; }

  private:
    template <class Number>
    void copy_columns(Index first, Index last);

    const Dataset<T>& whole_;
    Dataset<T> seen_;
    Index samples_ = 0;  // that there is room for: whole mini-batches
    Buffer<char> numbers_;
    std::vector<std::pair<Index, Index>> sorted_;  // rows of X, and where they go
};

}  // namespace pymlp

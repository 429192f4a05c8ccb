// Dropout with counter-based random numbers.
#pragma once

namespace {

template <class T>
void drop(const DropoutArgs<T>&) {}

}  // namespace

// Choice of the instruction set at run time.
#pragma once

#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace pymlp {

// Names of the instruction sets that this build holds and this machine runs, narrowest first.
std::vector<std::string> available_isas();

// The table in use: the best that the machine has, or the one that PYMLP_ISA names.
template <class T>
const KernelTable<T>& kernels();

// The table of a named instruction set; throws std::invalid_argument with the available names otherwise.
template <class T>
const KernelTable<T>& kernels(const std::string& isa);

}  // namespace pymlp

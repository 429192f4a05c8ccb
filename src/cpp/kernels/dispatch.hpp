// Choice of the instruction set at run time.
#pragma once

#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace pymlp {

// Names of the instruction sets that this build holds and this machine runs, narrowest first.
std::vector<std::string> available_isas();

// The one in use: the best that the machine has, or the one that PYMLP_ISA names.
const std::string& isa_in_use();

// Its tables.
template <class T>
const KernelTable<T>& kernels();
const Bf16Table& bf16_kernels();

// Those of a named one; throws std::invalid_argument with the available names if it is none of them.
template <class T>
const KernelTable<T>& kernels(const std::string& isa);
const Bf16Table& bf16_kernels(const std::string& isa);

template <class Operand>
const ProductTable<Operand>& products() {
    if constexpr (is_pair<Operand>)
        return bf16_kernels();
    else
        return kernels<Operand>();
}

}  // namespace pymlp

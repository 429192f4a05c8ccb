// Python's names of the kernels' choices; an unknown one is an error that lists them all.
#pragma once

#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace pymlp {

Activation activation_named(const std::string& name);
// One a hidden layer, or one a layer.
std::vector<Activation> activations_named(const std::vector<std::string>& names, std::size_t n_layers);
Loss loss_named(const std::string& name);
Output output_named(const std::string& name);
std::string name_of(Output output);
Solver solver_named(const std::string& name);

}  // namespace pymlp

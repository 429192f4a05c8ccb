// Python's names of the kernels' choices; an unknown one is an error that lists them all.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/table.hpp"

namespace pymlp {

// `what` is the setting's name.
template <class E>
E named(const std::map<std::string, E>& names, const char* what, const std::string& name) {
    const auto found = names.find(name);
    if (found != names.end()) return found->second;
    std::string allowed;
    for (const auto& entry : names) allowed += (allowed.empty() ? "'" : ", '") + entry.first + "'";
    throw std::invalid_argument(std::string(what) + " must be one of " + allowed + ", got '" + name + "'.");
}

Activation activation_named(const std::string& name);
// One a hidden layer, or one a layer.
std::vector<Activation> activations_named(const std::vector<std::string>& names, std::size_t n_layers);
Loss loss_named(const std::string& name);
Output output_named(const std::string& name);
std::string name_of(Output output);
Solver solver_named(const std::string& name);

}  // namespace pymlp

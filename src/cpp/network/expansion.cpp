#include "network/expansion.hpp"

namespace pymlp {

Expansion::Expansion(const std::vector<Source>& sources) {
    std::size_t size = 0;
    for (const Source& source : sources) size += 2 * source.edges.size() + source.values.size();
    numbers_.reserve(size);  // once and for all: the kernel's arguments point into it
    const auto put = [&](const std::vector<double>& numbers) {
        const double* first = numbers_.data() + numbers_.size();
        numbers_.insert(numbers_.end(), numbers.begin(), numbers.end());
        return first;
    };
    for (const Source& source : sources) {
        SourceArgs args{};
        args.fill = source.fill;
        args.center = source.center;
        args.scaling = source.scale > 0 ? 1 / source.scale : 0;
        std::vector<double> slopes;
        for (std::size_t k = 1; k < source.edges.size(); ++k)
            slopes.push_back(1 / (source.edges[k] - source.edges[k - 1]));
        args.n_ramps = static_cast<Index>(slopes.size());
        args.edges = put(source.edges);
        args.slopes = put(slopes);
        args.n_values = static_cast<Index>(source.values.size());
        args.values = put(source.values);
        args.has_missing = source.has_missing;
        const Index first = n_features_ + (args.scaling > 0);
        if (args.n_ramps > 1) curves_.push_back({first, first + args.n_ramps});
        n_features_ += args.n_features();
        n_entries_ += args.n_entries();
        sources_.push_back(args);
    }
}

}  // namespace pymlp

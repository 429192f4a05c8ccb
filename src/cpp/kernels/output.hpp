// Predictions from the scores of the last layer.
#pragma once

namespace {

template <class T>
void predict(Output output, const OutputArgs<T>& o) {
    switch (output) {
        case Output::softmax:
            for (Index r = 0; r < o.rows; ++r) {
                T* row = o.z + r * o.ldz;
                if (o.n_groups == 1) {
                    softmax<T>(WholeRow<T>{row, o.outputs});
                    continue;
                }
                for (Index g = 0; g < o.n_groups; ++g)
                    softmax<T>(PartOfRow<T>{row + o.groups[g], o.groups[g + 1] - o.groups[g]});
            }
            break;
        case Output::logistic:
            activate<T>(Activation::logistic, o.rows, o.outputs, o.z, o.ldz);
            break;
        case Output::exp:
            for_each_vector<T>(o.rows, o.outputs, [&](Index r, Index c) {
                T* at = o.z + r * o.ldz + c;
                store(at, vexp<T>(load(at)));
            });
            break;
        case Output::identity:
            break;
    }
}

}  // namespace

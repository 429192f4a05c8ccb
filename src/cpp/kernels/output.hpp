// Predictions from the scores of the last layer.
#pragma once

namespace {

template <class T>
void predict(Output output, Index rows, Index outputs, T* z, Index ldz, const Index* groups, Index n_groups) {
    switch (output) {
        case Output::softmax:
            for (Index r = 0; r < rows; ++r) {
                T* row = z + r * ldz;
                if (n_groups == 1) {
                    softmax<T>(WholeRow<T>{row, outputs});
                    continue;
                }
                for (Index g = 0; g < n_groups; ++g)
                    softmax<T>(PartOfRow<T>{row + groups[g], groups[g + 1] - groups[g]});
            }
            break;
        case Output::logistic:
            activate<T>(Activation::logistic, rows, outputs, z, ldz);
            break;
        case Output::exp:
            for_each_vector<T>(rows, outputs, [&](Index r, Index c) {
                T* at = z + r * ldz + c;
                store(at, vexp<T>(load(at)));
            });
            break;
        case Output::identity:
            break;
    }
}

}  // namespace

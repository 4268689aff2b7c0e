#pragma once

#include <cstdint>

namespace cloze {

// Reductions over the hidden rows of a mask int32 [n], 1 is hidden.

inline int64_t hidden_rows(const int32_t* mask, int64_t n) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += mask[i] != 0;
    return count;
}

// sum(mask row_loss) / sum(mask), 0 if no row is hidden.
inline float mean_of_hidden(const int32_t* mask, const float* row_loss, int64_t n) {
    double total = 0;
    for (int64_t i = 0; i < n; i++)
        if (mask[i]) total += double{row_loss[i]};
    int64_t count = hidden_rows(mask, n);
    return count ? float(total / double(count)) : 0.f;
}

}  // namespace cloze

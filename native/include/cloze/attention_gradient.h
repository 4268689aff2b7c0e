#pragma once

#include "cloze/attention.h"

namespace cloze {

// The backward pass of the query heads that share one k and v; the pointers are at the first of them.
struct HeadGradient {
    const float *q, *k, *v, *y, *dy, *lse;  // lse [heads, tokens]
    float *dq, *dk, *dv;
    int64_t qkv_stride, y_stride;
    int64_t tokens, heads, width;
    float scale;
    bool accumulate;
    Mask mask;
    Dropout dropout;  // of the first head
};

// next: the next work of the thread, null if unknown; its operands are prefetched.
void attend_backward(const HeadGradient& head, const HeadGradient* next);

}  // namespace cloze

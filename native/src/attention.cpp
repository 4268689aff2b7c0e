#include "cloze/attention.h"

#include <algorithm>

#include "cloze/attention_gradient.h"
#include "cloze/export.h"
#include "cloze/threads.h"

// qkv, dqkv [b, t, (heads + 2 kv_heads) width], y, dy [b, t, heads width], lse [b, heads, t], keep [b, t] or null.
// A task is queries of one head (forward) or one k and v head (backward): its intermediate results stay in the core's
// caches, there is no [t, t] array, and tasks share no sums.

using namespace cloze;

CLOZE_EXPORT int64_t attention_forward(const float* qkv, const int32_t* keep, float* y, float* lse, int64_t b,
                                       int64_t t, int64_t heads, int64_t kv_heads, int64_t width, int64_t causal,
                                       int64_t window, float scale, float rate, int64_t seed, int64_t offset) noexcept
    try {
    int64_t stride = (heads + 2 * kv_heads) * width, chunks = (t + task_queries - 1) / task_queries;
    int64_t units = b * heads * chunks;
    auto head_of = [=](int64_t unit) {
        int64_t batch = unit / (heads * chunks), h = unit / chunks % heads;
        const float* row = qkv + batch * t * stride;
        const float* k = row + (heads + h / (heads / kv_heads)) * width;
        return Head{row + h * width,
                    k,
                    k + kv_heads * width,
                    stride,
                    stride,
                    stride,
                    y + (batch * t * heads + h) * width,
                    heads * width,
                    lse + (batch * heads + h) * t,
                    width,
                    scale,
                    Mask(t, 0, causal != 0, window, keep ? keep + batch * t : nullptr),
                    Dropout(rate, seed, offset, (batch * heads + h) * t)};
    };
    parallel_blocks(units, units_of_a_task(units, threads()), [&](int64_t first, int64_t last) {
        for (int64_t unit = first; unit < last; unit++) {
            int64_t chunk = unit % chunks, begin = t * chunk / chunks, end = t * (chunk + 1) / chunks;
            Head head = head_of(unit);
            Prefetch soon;
            soon.add(head.y + begin * head.y_stride, head.y_stride, end - begin, width);
            if (chunks == 1 && unit + 1 < last) {
                Head next = head_of(unit + 1);
                for (const float* p : {next.k, next.v, next.q}) soon.add(p, stride, t, width);
            }
            attend(head, begin, end, soon);
        }
    });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t attention_backward(const float* qkv, const int32_t* keep, const float* y, const float* lse,
                                        const float* dy, float* dqkv, int64_t b, int64_t t, int64_t heads,
                                        int64_t kv_heads, int64_t width, int64_t causal, int64_t window, float scale,
                                        float rate, int64_t seed, int64_t offset, int64_t accumulate) noexcept try {
    if (!dqkv || t == 0 || kv_heads == 0) return ok;
    int64_t stride = (heads + 2 * kv_heads) * width, group = heads / kv_heads, units = b * kv_heads;
    auto head_of = [=](int64_t unit) {
        int64_t batch = unit / kv_heads, kv = unit % kv_heads, h = kv * group;
        int64_t row = batch * t * stride, out = (batch * t * heads + h) * width;
        int64_t q_at = row + h * width, k_at = row + (heads + kv) * width, v_at = k_at + kv_heads * width;
        return HeadGradient{qkv + q_at,
                            qkv + k_at,
                            qkv + v_at,
                            y + out,
                            dy + out,
                            lse + (batch * heads + h) * t,
                            dqkv + q_at,
                            dqkv + k_at,
                            dqkv + v_at,
                            stride,
                            heads * width,
                            t,
                            group,
                            width,
                            scale,
                            (accumulate & 1) != 0,
                            Mask(t, 0, causal != 0, window, keep ? keep + batch * t : nullptr),
                            Dropout(rate, seed, offset, (batch * heads + h) * t)};
    };
    parallel_blocks(units, units_of_a_task(units, threads()), [&](int64_t first, int64_t last) {
        for (int64_t unit = first; unit < last; unit++) {
            HeadGradient next = head_of(unit + 1 < last ? unit + 1 : unit);
            attend_backward(head_of(unit), unit + 1 < last ? &next : nullptr);
        }
    });
    return ok;
}
CLOZE_CATCH

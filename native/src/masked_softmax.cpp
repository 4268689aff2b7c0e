#include <algorithm>

#include "cloze/export.h"
#include "cloze/threads.h"
#include "cloze/vec.h"

// scores, mask, p, dp, dscores [n, k]; mask 1 keeps; a row without kept scores is all zero.
// p = softmax(scores where kept), dscores (+)= p (dp - sum(p dp)). A row stays in L1 for its passes up to k = 4096.

namespace cloze {
namespace {

// f(j, load, store) for each vector of k floats, the last one partial
template <class F>
CLOZE_INLINE void vectors(int64_t k, F&& f) {
    int64_t j = 0;
    for (; j + lanes <= k; j += lanes)
        f(
            j, [](const auto* p) { return load(p); }, [](float* p, vf x) { store(p, x); });
    if (int64_t left = k - j; left > 0)
        f(
            j, [left](const auto* p) { return load(p, left); }, [left](float* p, vf x) { store(p, x, left); });
}

void forward_row(const float* scores, const int32_t* mask, float* p, int64_t k) {
    vf top = broadcast(-infinity), sum{};
    vectors(k, [&](int64_t j, auto load, auto) {
        top = max(top, select(load(mask + j) != 0, load(scores + j), broadcast(-infinity)));
    });
    float most = hmax(top), base = most == -infinity ? 0 : most;
    vectors(k, [&](int64_t j, auto load, auto store) {
        vf x = select(load(mask + j) != 0, exp(load(scores + j) - base), vf{});
        sum += x;
        store(p + j, x);
    });
    float total = hsum(sum), inverse = total == 0 ? 0 : 1 / total;
    vectors(k, [&](int64_t j, auto load, auto store) { store(p + j, load(p + j) * inverse); });
}

void backward_row(const float* p, const float* dp, float* dscores, int64_t k, bool add) {
    vf dot{};
    vectors(k, [&](int64_t j, auto load, auto) { dot += load(p + j) * load(dp + j); });
    float sum = hsum(dot);
    vectors(k, [&](int64_t j, auto load, auto store) {
        vf x = load(p + j) * (load(dp + j) - sum);
        store(dscores + j, add ? load(dscores + j) + x : x);
    });
}

int64_t rows_of_a_task(int64_t k) {
    return std::max<int64_t>(32768 / std::max<int64_t>(k, 1), 1);
}

}  // namespace
}  // namespace cloze

using namespace cloze;

CLOZE_EXPORT int64_t masked_softmax_forward(const float* scores, const int32_t* mask, float* p, int64_t n,
                                            int64_t k) noexcept try {
    parallel_blocks(n, rows_of_a_task(k), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) forward_row(scores + i * k, mask + i * k, p + i * k, k);
    });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t masked_softmax_backward(const float* p, const float* dp, float* dscores, int64_t n, int64_t k,
                                             int64_t accumulate) noexcept try {
    if (!dscores) return ok;
    parallel_blocks(n, rows_of_a_task(k), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
            backward_row(p + i * k, dp + i * k, dscores + i * k, k, (accumulate & 1) != 0);
    });
    return ok;
}
CLOZE_CATCH

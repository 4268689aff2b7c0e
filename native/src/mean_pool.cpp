#include "cloze/export.h"
#include "cloze/loop.h"

// x [b, t, d], keep int32 [b, t] | null, y [b, d]; y = mean over the kept tokens, 0 if there are none.
// A token that is not kept is never read: padding may hold NaN.

using namespace cloze;

namespace {

constexpr int64_t chunk = 512;  // columns per task: the sums stay in L1

int64_t kept_tokens(const int32_t* keep, int64_t t) {
    if (!keep) return t;
    int64_t count = 0;
    for (int64_t i = 0; i < t; i++) count += keep[i] != 0;
    return count;
}

// f(row, begin, end): the columns [begin, end) of one of the b rows
template <class F>
void over_columns(int64_t b, int64_t d, F f) {
    int64_t chunks = (d + chunk - 1) / chunk;
    parallel(b * chunks, [=](int64_t task) {
        int64_t begin = task % chunks * chunk;
        f(task / chunks, begin, std::min(d, begin + chunk));
    });
}

}  // namespace

CLOZE_EXPORT int64_t mean_pool_forward(const float* x, const int32_t* keep, float* y, int64_t b, int64_t t,
                                       int64_t d) noexcept try {
    over_columns(b, d, [=](int64_t row, int64_t begin, int64_t end) {
        const int32_t* kept = keep ? keep + row * t : nullptr;
        float* out = y + row * d;
        std::fill(out + begin, out + end, 0.f);
        for (int64_t i = 0; i < t; i++)
            if (!kept || kept[i]) add(x + (row * t + i) * d + begin, out + begin, end - begin);
        float scale = 1.f / static_cast<float>(std::max<int64_t>(kept_tokens(kept, t), 1));
        each(begin, end, [=](int64_t j, auto step) { step.store(out + j, step.load(out + j) * scale); });
    });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t mean_pool_backward(const int32_t* keep, const float* dy, float* dx, int64_t b, int64_t t,
                                        int64_t d, int64_t accumulate) noexcept try {
    bool adds = accumulate & 1;
    over_columns(b, d, [=](int64_t row, int64_t begin, int64_t end) {
        const int32_t* kept = keep ? keep + row * t : nullptr;
        const float* in = dy + row * d;
        float scale = 1.f / static_cast<float>(std::max<int64_t>(kept_tokens(kept, t), 1));
        for (int64_t i = 0; i < t; i++) {
            float* out = dx + (row * t + i) * d;
            if (!kept || kept[i])
                each(begin, end, [=](int64_t j, auto step) { step.put(out + j, step.load(in + j) * scale, adds); });
            else if (!adds)
                std::fill(out + begin, out + end, 0.f);
        }
    });
    return ok;
}
CLOZE_CATCH

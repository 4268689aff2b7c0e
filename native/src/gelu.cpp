#include "cloze/gelu.h"

#include "cloze/export.h"
#include "cloze/loop.h"

// x, y, dx, dy [n]; y = x P(x).  form 1: P = (1 + erf(x / sqrt 2)) / 2, form 2: P = (1 + tanh(u)) / 2, see gelu.h.
// One inline exp an element: libtorch, which calls tanh a float, takes 5 times as long.

using namespace cloze;

namespace {

template <class F>
void forward(const float* x, float* y, int64_t n, F f) {
    elementwise(n, [=](int64_t i, auto step) { step.store(y + i, f(step.load(x + i))); });
}

template <class F>
void backward(const float* x, const float* dy, float* dx, int64_t n, bool add, F slope) {
    elementwise(n, [=](int64_t i, auto step) { step.put(dx + i, step.load(dy + i) * slope(step.load(x + i)), add); });
}

}  // namespace

CLOZE_EXPORT void gelu_forward(const float* x, float* y, int64_t n, int64_t form) {
    if (form == 1) forward(x, y, n, [](vf v) { return gelu_erf(v); });
    if (form == 2) forward(x, y, n, [](vf v) { return gelu_tanh(v); });
}

CLOZE_EXPORT void gelu_backward(const float* x, const float* dy, float* dx, int64_t n, int64_t form,
                                int64_t accumulate) {
    if (form == 1) backward(x, dy, dx, n, accumulate & 1, [](vf v) { return gelu_erf_slope(v); });
    if (form == 2) backward(x, dy, dx, n, accumulate & 1, [](vf v) { return gelu_tanh_slope(v); });
}

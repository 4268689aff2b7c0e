#include "cloze/export.h"
#include "cloze/loop.h"

// gradient, weight, m, v [n]; g = gradient gradient_scale; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2
// weight = weight (1 - lr decay) - lr (m correction1) / (sqrt(v correction2) + epsilon)
// One pass at the bandwidth of the DRAM: 16 bytes read and 12 written per parameter. No streaming stores: onto lines
// just read they take 20 ms instead of 6.5 for 10.65 M parameters.

using namespace cloze;

CLOZE_EXPORT int64_t adam_w_step(const float* gradient, float* weight, float* m, float* v, int64_t n, float lr,
                                 float beta1, float beta2, float epsilon, float decay, float correction1,
                                 float correction2, float gradient_scale) noexcept try {
    float keep = 1.f - lr * decay, rate = lr * correction1;
    elementwise(n, [=](int64_t i, auto step) {
        vf g = step.load(gradient + i) * gradient_scale;
        vf m1 = beta1 * step.load(m + i) + (1.f - beta1) * g;
        vf v1 = beta2 * step.load(v + i) + (1.f - beta2) * (g * g);
        step.store(m + i, m1);
        step.store(v + i, v1);
        step.store(weight + i, keep * step.load(weight + i) - rate * m1 / (sqrt(v1 * correction2) + epsilon));
    });
    return ok;
}
CLOZE_CATCH

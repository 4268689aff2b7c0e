#include "cloze/device.cuh"

// gradient, weight, m, v [n]; g = gradient gradient_scale; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2
// weight = weight (1 - lr decay) - lr (m correction1) / (sqrt(v correction2) + epsilon)
// One pass: 28 bytes a parameter.

using namespace cloze;

#if !defined(CLOZE_BF16)
CLOZE_KERNEL(adam_w_step, const float* gradient, float* weight, float* m, float* v, int64_t n, float lr, float beta1,
             float beta2, float epsilon, float decay, float correction1, float correction2, float gradient_scale) {
    float keep = 1.f - lr * decay, rate = lr * correction1;
    each(n, aligned(gradient, weight, m, v), [&](int64_t i, auto step) {
        auto g = step.load(gradient + i) * gradient_scale;
        auto m1 = step.load(m + i) * beta1 + g * (1.f - beta1);
        auto v1 = step.load(v + i) * beta2 + g * g * (1.f - beta2);
        step.store(m + i, m1);
        step.store(v + i, v1);
        auto change = m1.with(v1, [=](float a, float b) { return rate * a / (sqrtf(b * correction2) + epsilon); });
        step.store(weight + i, step.load(weight + i) * keep - change);
    });
}
#endif

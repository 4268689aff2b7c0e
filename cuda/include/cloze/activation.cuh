#pragma once

#include "cloze/exponential.cuh"

// Activations and their slopes, numbered as in Java: 1 gelu (erf), 2 gelu (tanh), 3 relu, 4 tanh.

namespace cloze {
inline namespace CLOZE_STORAGE {
CLOZE_DEVICE float sigmoid(float x) {
    return quotient(1.f, 1.f + exponential(-x));
}

// y = x P(x); P = (1 + erf(x / sqrt 2)) / 2, as erfc so that the lower tail keeps its digits; bell = e^(-x^2 / 2)
CLOZE_DEVICE float normal_cdf(float x, [[maybe_unused]] float bell) {
#if defined(CLOZE_BF16)
    // Abramowitz and Stegun 7.1.26: within 2e-7, and down to x = -4.5 closer than bf16 to the tail itself
    float t = reciprocal(1.f + fabsf(x) * (0.3275911f * 0.70710678f));
    float tail =
        t * (0.127414796f + t * (-0.142248368f + t * (0.7107068705f + t * (-0.7265760135f + t * 0.5307027145f))));
    return x < 0.f ? tail * bell : 1.f - tail * bell;
#else
    return 0.5f * erfcf(x * -0.70710678118f);
#endif
}
CLOZE_DEVICE float gelu_erf(float x) {
    return x * normal_cdf(x, exponential(x * x * -0.5f));
}
CLOZE_DEVICE float gelu_erf_slope(float x) {
    float bell = exponential(x * x * -0.5f);
    return normal_cdf(x, bell) + x * 0.39894228f * bell;
}

// P = (1 + tanh(u)) / 2 = sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3)
CLOZE_DEVICE float gelu_tanh(float x) {
    float u = x * (x * x * (1.5957691216f * 0.044715f) + 1.5957691216f);
    return quotient(x, 1.f + exponential(-u));
}
// Beyond 10 the sigmoid is 0 or 1 and the slope flat; the clamp keeps x^2 from overflowing there, and NaN.
CLOZE_DEVICE float gelu_tanh_slope(float x) {
    x = x > 10.f ? 10.f : x < -10.f ? -10.f : x;
    float square = x * x, u = x * (square * (1.5957691216f * 0.044715f) + 1.5957691216f);
    float e = exponential(-u), s = quotient(1.f, 1.f + e);
    return s + x * s * (e * s) * (square * (3 * 1.5957691216f * 0.044715f) + 1.5957691216f);
}

CLOZE_DEVICE float relu(float x) {
    return x <= 0.f ? 0.f : x;
}
CLOZE_DEVICE float relu_slope(float x) {
    return x <= 0.f ? 0.f : x == x ? 1.f : x;
}

CLOZE_DEVICE float tanh_slope(float x) {
    float y = tanhf(x);
    return 1.f - y * y;
}

// f(activation, its slope): one branch for all elements. Not called without an activation.
template <class F>
CLOZE_DEVICE void with_activation(int64_t activation, F&& f) {
    switch (activation) {
        case 1:
            return f([](float x) { return gelu_erf(x); }, [](float x) { return gelu_erf_slope(x); });
        case 2:
            return f([](float x) { return gelu_tanh(x); }, [](float x) { return gelu_tanh_slope(x); });
        case 3:
            return f([](float x) { return relu(x); }, [](float x) { return relu_slope(x); });
        case 4:
            return f([](float x) { return tanhf(x); }, [](float x) { return tanh_slope(x); });
    }
}

CLOZE_DEVICE float activate(int64_t activation, float x) {
    float y = x;
    with_activation(activation, [&](auto function, auto) { y = function(x); });
    return y;
}
}  // namespace CLOZE_STORAGE
}  // namespace cloze

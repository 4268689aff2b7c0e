#pragma once

#include "cloze/device.cuh"

// Activations and their slopes, by the numbers that Java gives them: 1 gelu (erf), 2 gelu (tanh), 3 relu, 4 tanh.

namespace cloze {

CLOZE_DEVICE float sigmoid(float x) {
    return 1.f / (1.f + expf(-x));
}

// y = x P(x); P = (1 + erf(x / sqrt 2)) / 2, as erfc so that the lower tail keeps its digits
CLOZE_DEVICE float normal_cdf(float x) {
    return 0.5f * erfcf(x * -0.70710678118f);
}
CLOZE_DEVICE float gelu_erf(float x) {
    return x * normal_cdf(x);
}
CLOZE_DEVICE float gelu_erf_slope(float x) {
    return normal_cdf(x) + x * 0.39894228f * expf(x * x * -0.5f);
}

// P = (1 + tanh(u)) / 2 = sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3)
CLOZE_DEVICE float gelu_tanh(float x) {
    float u = x * (x * x * (1.5957691216f * 0.044715f) + 1.5957691216f);
    return x / (1.f + expf(-u));
}
// Beyond 10 the sigmoid is 0 or 1 and the slope flat; the clamp keeps x^2 from overflowing there, and NaN.
CLOZE_DEVICE float gelu_tanh_slope(float x) {
    x = x > 10.f ? 10.f : x < -10.f ? -10.f : x;
    float square = x * x, u = x * (square * (1.5957691216f * 0.044715f) + 1.5957691216f);
    float e = expf(-u), s = 1.f / (1.f + e);
    return s + x * s * (e * s) * (square * (3 * 1.5957691216f * 0.044715f) + 1.5957691216f);
}

CLOZE_DEVICE float activate(int64_t activation, float x) {
    switch (activation) {
        case 1:
            return gelu_erf(x);
        case 2:
            return gelu_tanh(x);
        case 3:
            return x <= 0.f ? 0.f : x;
        case 4:
            return tanhf(x);
        default:
            return x;
    }
}

CLOZE_DEVICE float slope(int64_t activation, float x) {
    switch (activation) {
        case 1:
            return gelu_erf_slope(x);
        case 2:
            return gelu_tanh_slope(x);
        case 3:
            return x <= 0.f ? 0.f : x == x ? 1.f : x;
        case 4: {
            float y = tanhf(x);
            return 1.f - y * y;
        }
        default:
            return 1.f;
    }
}

}  // namespace cloze

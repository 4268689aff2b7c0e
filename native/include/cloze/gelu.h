#pragma once

#include "cloze/vec.h"

// GELU by lanes, y = x P(x), and its derivative dy/dx, for gelu.cpp and the epilogue of mat_mul.cpp. The compiler
// removes the one that a caller does not use.

namespace cloze {

inline constexpr float gelu_tanh_1 = 1.5957691216f;  // 2 sqrt(2 / pi)
inline constexpr float gelu_tanh_3 = 1.5957691216f * 0.044715f;

// P = (1 + tanh(u)) / 2 = sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3). Beyond |x| = 10, P is 0 or 1 and flat: x is
// clamped to 10, whose cube does not overflow.
CLOZE_INLINE vf gelu_tanh(vf x, vf& slope) {
    vf above = max(broadcast(-10.f), x), at = min(broadcast(10.f), above);
    vf square = at * at;
    vf u = at * (square * gelu_tanh_3 + gelu_tanh_1);
    vf e = exp(-u), s = 1.f / (1.f + e);
    // 1 - s as e s: the difference has no correct digits if s is close to 1 (error 2e-6 at x = 5)
    slope = s + at * s * (e * s) * (square * (3 * gelu_tanh_3) + gelu_tanh_1);
    return above * s;
}

// P(x), the normal distribution function, within 5e-7 relative in the lower tail too (where 1 + erf cancels):
// P(-|x|) = e^(-x^2 / 2) t poly(t), t = 1 / (1 + 0.3 |x|), a minimax fit. bell = e^(-x^2 / 2).
CLOZE_INLINE vf normal_cdf(vf x, vf& bell) {
    bell = exp(x * x * -0.5f);
    vf t = 1.f / (abs(x) * 0.3f + 1.f);
    vf p = t * 0.03567487746477127f - 0.15720349550247192f;
    p = p * t + 0.20635418593883514f;
    p = p * t - 0.05368424206972122f;
    p = p * t + 0.12856192886829376f;
    p = p * t + 0.09991341084241867f;
    p = p * t + 0.12075396627187729f;
    p = p * t + 0.11962930113077164f;
    vf lower = bell * (p * t);
    return select(x < 0.f, lower, 1.f - lower);
}

CLOZE_INLINE vf gelu_erf(vf x, vf& slope) {
    vf bell;
    vf p = normal_cdf(x, bell);
    slope = p + x * 0.39894228f * bell;
    return x * p;
}

}  // namespace cloze

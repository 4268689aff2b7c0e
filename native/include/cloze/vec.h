#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// A vector of floats with the widest registers of the target. Arithmetic and comparisons are the compiler's vector
// extensions; a comparison gives a vi with all ones or all zeros in each lane. Intrinsics are used only for operations
// without an extension.
// CLOZE_LANES can be set to test another width on this machine.

#if !defined(CLOZE_LANES)
#if defined(__AVX512F__)
#define CLOZE_LANES 16
#elif defined(__AVX2__)
#define CLOZE_LANES 8
#else
#define CLOZE_LANES 4
#endif
#endif

#if CLOZE_LANES == 16 && defined(__AVX512F__)
#define CLOZE_X86(f128, f256, f512) f512
#elif CLOZE_LANES == 8 && defined(__AVX2__)
#define CLOZE_X86(f128, f256, f512) f256
#elif CLOZE_LANES == 4 && defined(__x86_64__)
#define CLOZE_X86(f128, f256, f512) f128
#endif

#define CLOZE_INLINE inline __attribute__((always_inline))

// gcc 12 warns of its own _mm512_undefined_ps() in the plain forms (PR 105593): the masked forms with a full mask are
// the same instructions.
#if CLOZE_LANES == 16 && defined(__AVX512F__)
#define CLOZE_FULL(name) [](auto... x) { return name(-1, x...); }
#else
#define CLOZE_FULL(name) 0
#endif

namespace cloze {

inline constexpr int lanes = CLOZE_LANES;

using vf [[gnu::vector_size(4 * CLOZE_LANES)]] = float;
using vi [[gnu::vector_size(4 * CLOZE_LANES)]] = int32_t;
using vu [[gnu::vector_size(4 * CLOZE_LANES)]] = uint32_t;
using vd [[gnu::vector_size(4 * CLOZE_LANES)]] = double;      // half as many lanes
using half_vf [[gnu::vector_size(2 * CLOZE_LANES)]] = float;  // converts to a vd
using loose_vf [[gnu::vector_size(4 * CLOZE_LANES), gnu::aligned(4), gnu::may_alias]] = float;
using loose_vi [[gnu::vector_size(4 * CLOZE_LANES), gnu::aligned(4), gnu::may_alias]] = int32_t;
using loose_half [[gnu::vector_size(2 * CLOZE_LANES), gnu::aligned(4), gnu::may_alias]] = float;

inline constexpr float infinity = std::numeric_limits<float>::infinity();

// ---- memory

CLOZE_INLINE vf broadcast(float x) {
    return x - vf{};
}
CLOZE_INLINE vi broadcast(int32_t x) {
    return x - vi{};
}
CLOZE_INLINE vu broadcast(uint32_t x) {
    return x - vu{};
}

CLOZE_INLINE vf load(const float* p) {
    return *reinterpret_cast<const loose_vf*>(p);
}
CLOZE_INLINE vi load(const int32_t* p) {
    return *reinterpret_cast<const loose_vi*>(p);
}
CLOZE_INLINE void store(float* p, vf x) {
    *reinterpret_cast<loose_vf*>(p) = x;
}
CLOZE_INLINE void store(int32_t* p, vi x) {
    *reinterpret_cast<loose_vi*>(p) = x;
}

// 0, 1, 2, ...
CLOZE_INLINE vi iota() {
#if CLOZE_LANES == 16
    return vi{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif CLOZE_LANES == 8
    return vi{0, 1, 2, 3, 4, 5, 6, 7};
#else
    return vi{0, 1, 2, 3};
#endif
}

// All ones in the first `count` lanes.
CLOZE_INLINE vi first(int64_t count) {
    return iota() < static_cast<int32_t>(count);
}

CLOZE_INLINE vf select(vi mask, vf yes, vf no) {
    return mask ? yes : no;
}
CLOZE_INLINE vi select(vi mask, vi yes, vi no) {
    return mask ? yes : no;
}

// Loads the first `count` lanes (0 <= count <= lanes), zero in the rest; no other memory is accessed.
CLOZE_INLINE vf load(const float* p, int64_t count) {
#if CLOZE_LANES == 16 && defined(__AVX512F__)
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
#elif CLOZE_LANES == 8 && defined(__AVX2__)
    return _mm256_maskload_ps(p, (__m256i)first(count));
#else
    vf x{};
    for (int64_t i = 0; i < count; i++) x[i] = p[i];
    return x;
#endif
}

CLOZE_INLINE vi load(const int32_t* p, int64_t count) {
#if CLOZE_LANES == 16 && defined(__AVX512F__)
    return (vi)_mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << count) - 1), p);
#elif CLOZE_LANES == 8 && defined(__AVX2__)
    return (vi)_mm256_maskload_epi32(p, (__m256i)first(count));
#else
    vi x{};
    for (int64_t i = 0; i < count; i++) x[i] = p[i];
    return x;
#endif
}

CLOZE_INLINE void store(float* p, vf x, int64_t count) {
#if CLOZE_LANES == 16 && defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), x);
#elif CLOZE_LANES == 8 && defined(__AVX2__)
    _mm256_maskstore_ps(p, (__m256i)first(count), x);
#else
    for (int64_t i = 0; i < count; i++) p[i] = x[i];
#endif
}

// Stores without using the caches; p must be aligned to the vector. Call stream_fence() after the last one.
CLOZE_INLINE void stream(float* p, vf x) {
#if defined(CLOZE_X86)
    CLOZE_X86(_mm_stream_ps, _mm256_stream_ps, _mm512_stream_ps)(p, x);
#else
    store(p, x);
#endif
}

CLOZE_INLINE void stream_fence() {
#if defined(CLOZE_X86)
    _mm_sfence();
#endif
}

// Number of floats before the first vector boundary at or after p.
CLOZE_INLINE int64_t before_boundary(const float* p) {
    return static_cast<int64_t>((-reinterpret_cast<uintptr_t>(p) % sizeof(vf)) / sizeof(float));
}

CLOZE_INLINE vd widen(const float* p) {
    return __builtin_convertvector(*reinterpret_cast<const loose_half*>(p), vd);
}

// ---- lane-wise

// If one of the two is NaN, the result is the second: max(bound, x) keeps the NaN of x.
CLOZE_INLINE vf max(vf a, vf b) {
#if defined(CLOZE_X86)
    return CLOZE_X86(_mm_max_ps, _mm256_max_ps, CLOZE_FULL(_mm512_maskz_max_ps))(a, b);
#else
    return a > b ? a : b;
#endif
}

CLOZE_INLINE vf min(vf a, vf b) {
#if defined(CLOZE_X86)
    return CLOZE_X86(_mm_min_ps, _mm256_min_ps, CLOZE_FULL(_mm512_maskz_min_ps))(a, b);
#else
    return a < b ? a : b;
#endif
}

CLOZE_INLINE vf sqrt(vf x) {
#if defined(CLOZE_X86)
    return CLOZE_X86(_mm_sqrt_ps, _mm256_sqrt_ps, CLOZE_FULL(_mm512_maskz_sqrt_ps))(x);
#elif defined(__aarch64__) && CLOZE_LANES == 4
    return (vf)vsqrtq_f32((float32x4_t)x);
#else
    for (int i = 0; i < lanes; i++) x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

CLOZE_INLINE vd sqrt(vd x) {
#if defined(CLOZE_X86)
    return CLOZE_X86(_mm_sqrt_pd, _mm256_sqrt_pd, CLOZE_FULL(_mm512_maskz_sqrt_pd))(x);
#else
    for (int i = 0; i < lanes / 2; i++) x[i] = __builtin_sqrt(x[i]);
    return x;
#endif
}

CLOZE_INLINE vf abs(vf x) {
    return (vf)((vi)x & 0x7fffffff);
}

// ---- across lanes, always in the same order: halves onto halves

template <typename V, typename F>
CLOZE_INLINE auto fold(V v, F combine) {
#if CLOZE_LANES == 16
    v = combine(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    v = combine(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    v = combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
#elif CLOZE_LANES == 8
    v = combine(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3));
    v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5));
    v = combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6));
#else
    v = combine(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
    v = combine(v, __builtin_shufflevector(v, v, 1, 0, 3, 2));
#endif
    return v[0];
}

CLOZE_INLINE float hsum(vf x) {
    return fold(x, [](vf a, vf b) { return a + b; });
}
CLOZE_INLINE float hmax(vf x) {
    return fold(x, [](vf a, vf b) { return max(a, b); });
}
CLOZE_INLINE double hsum(vd x) {
    double sum = 0;
    for (int i = 0; i < lanes / 2; i++) sum += x[i];
    return sum;
}

// ---- functions

// e^x within 2e-7 relative; 0 below -87, inf above 88.73, NaN for NaN. The shifted sum holds round(x / ln 2) in its
// low bits; the polynomial is 2 e^r, so that one exponent field covers everything from 0 to overflow.
CLOZE_INLINE vf exp(vf x) {
    constexpr float shift = 12582912.f + 126.f;
    x = min(broadcast(89.f), max(broadcast(-87.6f), x));
    vf z = x * 1.44269504f + shift;
    vf n = z - shift;
    vf r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vf p = r * 3.9751383e-4f + 2.7963999014e-3f;
    p = p * r + 1.66669038146e-2f;
    p = p * r + 8.3331591788e-2f;
    p = p * r + 3.3333332918e-1f;
    p = p * r + 1.00000002402f;
    p = p * (r * r) + (r + r + 2.f);
    return p * (vf)((vu)z << 23);
}

// ln x within 2e-7; -inf at 0, NaN below 0, correct for subnormals.
CLOZE_INLINE vf log(vf x) {
    vi tiny = x < 1.17549435e-38f;
    vf scaled = select(tiny, x * 8388608.f, x);
    vi bits = (vi)scaled;
    vi e = ((bits >> 23) & 0xff) - 126 - (tiny & 23);
    vf m = (vf)((bits & 0x007fffff) | 0x3f000000);
    vi low = m < 0.707106781f;
    e += low;
    m = m + select(low, m, vf{}) - 1.f;
    vf n = __builtin_convertvector(e, vf);
    vf q = m * m;
    vf p = m * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    p = p * m * q - n * 2.12194440e-4f - q * 0.5f;
    vf y = m + p + n * 0.693359375f;
    y = select(x < infinity, y, x);
    y = select(x == 0.f, broadcast(-infinity), y);
    return select(x < 0.f, broadcast(std::numeric_limits<float>::quiet_NaN()), y);
}

// tanh x within 5e-7: an odd rational function, 1 beyond the clamp.
CLOZE_INLINE vf tanh(vf x) {
    x = min(broadcast(7.90531110763549805f), max(broadcast(-7.90531110763549805f), x));
    vf q = x * x;
    vf a = q * -2.76076847742355e-16f + 2.00018790482477e-13f;
    a = a * q - 8.60467152213735e-11f;
    a = a * q + 5.12229709037114e-08f;
    a = a * q + 1.48572235717979e-05f;
    a = a * q + 6.37261928875436e-04f;
    a = a * q + 4.89352455891786e-03f;
    vf b = q * 1.19825839466702e-06f + 1.18534705686654e-04f;
    b = b * q + 2.26843463243900e-03f;
    b = b * q + 4.89352518554385e-03f;
    return x * a / b;
}

// erf x within 5e-7: an odd rational function, 1 from 4 on.
CLOZE_INLINE vf erf(vf x) {
    x = min(broadcast(4.f), max(broadcast(-4.f), x));
    vf q = x * x;
    vf a = q * -2.72614225801306e-10f + 2.77068142495902e-08f;
    a = a * q - 2.10102402082508e-06f;
    a = a * q - 5.69250639462346e-05f;
    a = a * q - 7.34990630326855e-04f;
    a = a * q - 2.95459980854025e-03f;
    a = a * q - 1.60960333262415e-02f;
    vf b = q * -1.45660718464996e-05f - 2.13374055278905e-04f;
    b = b * q - 1.68282697438203e-03f;
    b = b * q - 7.37332916720468e-03f;
    b = b * q - 1.42647390514189e-02f;
    return x * a / b;
}

// 1 / (1 + e^-x)
CLOZE_INLINE vf sigmoid(vf x) {
    return 1.f / (1.f + exp(-x));
}

}  // namespace cloze

#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define CLOZE_EXPORT(name)
#define CLOZE_SHARED(name) extern __shared__ __align__(1024) unsigned char name[]
#else
#include "emulation.h"
#endif

// The header of every kernel. A source is compiled once for each storage type: `real` is float, or bf16 if CLOZE_BF16
// is set; names of kernels of the second build end in _bf16. Activations, their gradients, matrices and tables are
// real; vectors, statistics, losses and gradients of parameters are float. All arithmetic is float. Sources that name
// CLOZE_TF32 are compiled a third time, with it: `real` is float, matrix multiplication is in tf32, names of kernels
// end in _tf32.

#define CLOZE_DEVICE __device__ __forceinline__
#define CLOZE_JOIN(a, b) a##b
#if defined(CLOZE_BF16)
#define CLOZE_NAME(name) CLOZE_JOIN(name, _bf16)
#elif defined(CLOZE_TF32)
#define CLOZE_NAME(name) CLOZE_JOIN(name, _tf32)
#else
#define CLOZE_NAME(name) name
#endif
#define CLOZE_EXPORT_NAME(name) CLOZE_EXPORT(name)

// A namespace for functions that differ by storage type although their parameters do not: on the host all are linked
// into one library.
#define CLOZE_STORAGE CLOZE_NAME(storage)

// A kernel with the name and the parameters of its Java interface.
#define CLOZE_KERNEL(name, ...)                               \
    extern "C" __global__ void CLOZE_NAME(name)(__VA_ARGS__); \
    CLOZE_EXPORT_NAME(CLOZE_NAME(name))                       \
    extern "C" __global__ void CLOZE_NAME(name)(__VA_ARGS__)

// A kernel whose registers must leave room for so many blocks of so many threads on a multiprocessor.
#define CLOZE_BOUNDED_KERNEL(name, threads, blocks, ...)                                         \
    extern "C" __global__ void __launch_bounds__(threads, blocks) CLOZE_NAME(name)(__VA_ARGS__); \
    CLOZE_EXPORT_NAME(CLOZE_NAME(name))                                                          \
    extern "C" __global__ void __launch_bounds__(threads, blocks) CLOZE_NAME(name)(__VA_ARGS__)

namespace cloze {

struct bf16 {
    uint16_t bits;
};

#if defined(CLOZE_BF16)
using real = bf16;
#else
using real = float;
#endif

constexpr uint32_t all_lanes = 0xffffffff;

// ---- wrong indices

// As in IndexFault of java/cuda. A kernel that reads indices gets it as its last parameter, a plan that says so.
enum class Argument : int {
    embedding_ids = 1,
    embedding_starts,
    gather_tokens_ids,
    restore_tokens_ids,
    targets,
    cached_attention_starts,
    rope_starts,
    masked_mse_mask,
    masked_l1_mask
};

// The first wrong index since the host last looked. It lies in memory of the host, which reads it when it has waited
// for the device: a fault costs no copy, and no step without one is slower. position -1: no row is hidden.
struct Fault {
    int count;
    Argument argument;
    int64_t position, value, bound;
};

CLOZE_DEVICE void note(Fault* fault, Argument argument, int64_t position, int64_t value, int64_t bound) {
    if (atomicAdd(&fault->count, 1) != 0) return;
    fault->argument = argument;
    fault->position = position;
    fault->value = value;
    fault->bound = bound;
}

// indices[position] if it is in [0, bound), else 0, with a note.
CLOZE_DEVICE int64_t index_at(const int32_t* indices, int64_t position, int64_t bound, Fault* fault,
                              Argument argument) {
    int64_t index = indices[position];
    if (index >= 0 && index < bound) return index;
    note(fault, argument, position, index, bound);
    return 0;
}

// ---- numbers

CLOZE_DEVICE uint32_t bits_of(float x) {
#if defined(__CUDACC__)
    return __float_as_uint(x);
#else
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return bits;
#endif
}
CLOZE_DEVICE float float_of(uint32_t bits) {
#if defined(__CUDACC__)
    return __uint_as_float(bits);
#else
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
#endif
}

CLOZE_DEVICE float widen(float x) {
    return x;
}
CLOZE_DEVICE float widen(bf16 x) {
    return float_of(uint32_t{x.bits} << 16);
}

CLOZE_DEVICE void narrow(float x, float& to) {
    to = x;
}
// To the nearest, ties to even; NaN stays NaN.
CLOZE_DEVICE void narrow(float x, bf16& to) {
#if defined(__CUDACC__)
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to.bits) : "f"(x));
#else
    uint32_t bits = bits_of(x);
    to.bits = x != x ? uint16_t(0x7fff) : uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
#endif
}

// ---- neighbouring elements

// K floats in registers; arithmetic is element by element.
template <int K>
struct Floats {
    float at[K];

    template <class F>
    CLOZE_DEVICE Floats map(F f) const {
        Floats y;
#pragma unroll
        for (int i = 0; i < K; i++) y.at[i] = f(at[i]);
        return y;
    }
    template <class F>
    CLOZE_DEVICE Floats with(const Floats& x, F f) const {
        Floats y;
#pragma unroll
        for (int i = 0; i < K; i++) y.at[i] = f(at[i], x.at[i]);
        return y;
    }
    CLOZE_DEVICE float sum() const {
        float total = 0;
#pragma unroll
        for (int i = 0; i < K; i++) total += at[i];
        return total;
    }
};

template <int K>
CLOZE_DEVICE Floats<K> operator+(const Floats<K>& a, const Floats<K>& b) {
    return a.with(b, [](float x, float y) { return x + y; });
}
template <int K>
CLOZE_DEVICE Floats<K> operator-(const Floats<K>& a, const Floats<K>& b) {
    return a.with(b, [](float x, float y) { return x - y; });
}
template <int K>
CLOZE_DEVICE Floats<K> operator*(const Floats<K>& a, const Floats<K>& b) {
    return a.with(b, [](float x, float y) { return x * y; });
}
template <int K>
CLOZE_DEVICE Floats<K> operator+(const Floats<K>& a, float b) {
    return a.map([=](float x) { return x + b; });
}
template <int K>
CLOZE_DEVICE Floats<K> operator-(const Floats<K>& a, float b) {
    return a.map([=](float x) { return x - b; });
}
template <int K>
CLOZE_DEVICE Floats<K> operator*(const Floats<K>& a, float b) {
    return a.map([=](float x) { return x * b; });
}

// K numbers: targets, masks.
template <int K>
struct Ints {
    int32_t at[K];
};

// K neighbours as in memory.
template <class T, int K>
struct Elements {
    T at[K];

    CLOZE_DEVICE Floats<K> floats() const {
        Floats<K> x;
#pragma unroll
        for (int i = 0; i < K; i++) x.at[i] = widen(at[i]);
        return x;
    }
};

// A step of K neighbours; memory is accessed 16 bytes at a time if K elements of the type are at least 16 bytes.
template <int K>
struct Step {
    static constexpr int width = K;

    template <class T>
    CLOZE_DEVICE Elements<T, K> fetch(const T* p) const {
        constexpr int bytes = K * int(sizeof(T));
        if constexpr (bytes % 16 == 0) {
            union {
                uint4 raw[bytes / 16];
                Elements<T, K> elements;
            } block;
#pragma unroll
            for (int i = 0; i < bytes / 16; i++) block.raw[i] = reinterpret_cast<const uint4*>(p)[i];
            return block.elements;
        } else {
            Elements<T, K> x;
#pragma unroll
            for (int i = 0; i < K; i++) x.at[i] = p[i];
            return x;
        }
    }
    template <class T>
    CLOZE_DEVICE Floats<K> load(const T* p) const {
        return fetch(p).floats();
    }

    CLOZE_DEVICE Ints<K> ints(const int32_t* p) const {
        if constexpr (K % 4 == 0) {
            union {
                uint4 raw[K / 4];
                Ints<K> numbers;
            } block;
#pragma unroll
            for (int i = 0; i < K / 4; i++) block.raw[i] = reinterpret_cast<const uint4*>(p)[i];
            return block.numbers;
        } else {
            Ints<K> x;
#pragma unroll
            for (int i = 0; i < K; i++) x.at[i] = p[i];
            return x;
        }
    }

    template <class T>
    CLOZE_DEVICE void store(T* p, const Floats<K>& x) const {
        constexpr int bytes = K * int(sizeof(T));
        if constexpr (bytes % 16 == 0) {
            union {
                uint4 raw[bytes / 16];
                T elements[K];
            } block;
#pragma unroll
            for (int i = 0; i < K; i++) narrow(x.at[i], block.elements[i]);
#pragma unroll
            for (int i = 0; i < bytes / 16; i++) reinterpret_cast<uint4*>(p)[i] = block.raw[i];
        } else {
#pragma unroll
            for (int i = 0; i < K; i++) narrow(x.at[i], p[i]);
        }
    }

    template <class T>
    CLOZE_DEVICE void put(T* p, const Floats<K>& x, bool add) const {
        store(p, add ? load(p) + x : x);
    }
};

// Elements of `real` in 16 bytes.
constexpr int pack = 16 / int(sizeof(real));

// True if all pointers can be accessed 16 bytes at a time; null can.
template <class... T>
CLOZE_DEVICE bool aligned(const T*... p) {
    return ((reinterpret_cast<uintptr_t>(p) | ...) & 15) == 0;
}

// ---- work of threads, warps and blocks

CLOZE_DEVICE int64_t thread_of_grid() {
    return int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
CLOZE_DEVICE int64_t threads_of_grid() {
    return int64_t{gridDim.x} * blockDim.x;
}
CLOZE_DEVICE int lane_of_warp() {
    return int(threadIdx.x & 31);
}
// One warp a row, all warps of the grid side by side.
CLOZE_DEVICE int64_t row_of_warp() {
    return thread_of_grid() / 32;
}

// f(i, step) over [0, n) with the members of a team of `size`, whole packs first if `whole`, then single elements.
template <class F>
CLOZE_DEVICE void each_of(int64_t me, int64_t size, int64_t n, bool whole, F&& f) {
    int64_t packed = whole ? n / pack * pack : 0;
    for (int64_t i = me * pack; i < packed; i += size * pack) f(i, Step<pack>{});
    for (int64_t i = packed + me; i < n; i += size) f(i, Step<1>{});
}
// The same with the grid.
template <class F>
CLOZE_DEVICE void each(int64_t n, bool whole, F&& f) {
    each_of(thread_of_grid(), threads_of_grid(), n, whole, f);
}
// The same with a warp.
template <class F>
CLOZE_DEVICE void each_lane(int64_t n, bool whole, F&& f) {
    each_of(lane_of_warp(), 32, n, whole, f);
}
// The same with a block.
template <class F>
CLOZE_DEVICE void each_thread(int64_t n, bool whole, F&& f) {
    each_of(threadIdx.x, blockDim.x, n, whole, f);
}

// ---- sums: every lane gets the result; the order is fixed

template <class T>
CLOZE_DEVICE T warp_sum(T x) {
#pragma unroll
    for (int i = 16; i > 0; i /= 2) x += __shfl_xor_sync(all_lanes, x, i);
    return x;
}
CLOZE_DEVICE float warp_max(float x) {
#pragma unroll
    for (int i = 16; i > 0; i /= 2) {
        float other = __shfl_xor_sync(all_lanes, x, i);
        x = other > x || other != other ? other : x;
    }
    return x;
}

// Over a block of whole warps; `shared` has an element for each warp and may be used again after the call.
template <class T>
CLOZE_DEVICE T block_sum(T x, T* shared) {
    x = warp_sum(x);
    if (lane_of_warp() == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    T total = 0;
    for (unsigned i = 0; i < blockDim.x / 32; i++) total += shared[i];
    __syncthreads();
    return total;
}
CLOZE_DEVICE float block_max(float x, float* shared) {
    x = warp_max(x);
    if (lane_of_warp() == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    float top = shared[0];
    for (unsigned i = 1; i < blockDim.x / 32; i++) top = shared[i] > top || shared[i] != shared[i] ? shared[i] : top;
    __syncthreads();
    return top;
}

// ---- random numbers

// Philox4x32-10 as in native/include/cloze/philox.h, bit for bit: key = seed, counter = (word0, word1, offset).
struct Philox {
    uint32_t key0, key1, word2, word3;

    CLOZE_DEVICE Philox(int64_t seed, int64_t offset)
        : key0(uint32_t(seed)), key1(uint32_t(seed >> 32)), word2(uint32_t(offset)), word3(uint32_t(offset >> 32)) {}

    // Number `lane` of the four of a counter.
    CLOZE_DEVICE uint32_t at(uint32_t word0, uint32_t word1, int lane) const {
        uint32_t numbers[4];
        at(word0, word1, numbers);
        return lane == 0 ? numbers[0] : lane == 1 ? numbers[1] : lane == 2 ? numbers[2] : numbers[3];
    }

    CLOZE_DEVICE void at(uint32_t word0, uint32_t word1, uint32_t (&numbers)[4]) const {
        uint32_t a = word0, b = word1, c = word2, d = word3, k0 = key0, k1 = key1;
#pragma unroll
        for (int round = 0; round < 10; round++) {
            uint32_t p = 0xD2511F53 * a, q = 0xCD9E8D57 * c;
            uint32_t high_p = __umulhi(0xD2511F53, a), high_q = __umulhi(0xCD9E8D57, c);
            a = high_q ^ b ^ k0;
            b = q;
            c = high_p ^ d ^ k1;
            d = p;
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        numbers[0] = a, numbers[1] = b, numbers[2] = c, numbers[3] = d;
    }
};

// [0, 1) in steps of 2^-24
CLOZE_DEVICE float uniform(uint32_t number) {
    return float(number >> 8) * 0x1p-24f;
}
CLOZE_DEVICE int32_t keep_threshold(float rate) {
    return int32_t(ceilf(rate * 0x1p24f));
}
CLOZE_DEVICE bool kept(uint32_t number, int32_t threshold) {
    return int32_t(number >> 8) >= threshold;
}

}  // namespace cloze

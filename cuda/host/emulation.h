#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <utility>

#include "fibers.h"

// The words of CUDA C++ that kernels use, for g++.

#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __shared__ static thread_local
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))

#define threadIdx (cloze::host::Block::current().thread())
#define blockIdx (cloze::host::Block::current().index)
#define blockDim (cloze::host::Block::current().extent)
#define gridDim (cloze::host::Block::current().grid)

#define CLOZE_SHARED(name) unsigned char* const name = cloze::host::Block::current().shared()

struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};

struct alignas(8) float2 {
    float x, y;
};

namespace cloze::host {

// Runs on this thread; returns what went wrong, or an empty string.
inline std::string run(dim3 grid, dim3 block, size_t shared, unsigned seed, const std::function<void()>& body) {
    static thread_local Block fibers;
    return fibers.run(grid, block, shared, seed, body);
}

template <class... P, size_t... i>
std::string launch(void (*kernel)(P...), void** arguments, dim3 grid, dim3 block, size_t shared, unsigned seed,
                   std::index_sequence<i...>) {
    return run(grid, block, shared, seed, [=] { kernel(*static_cast<std::remove_cv_t<P>*>(arguments[i])...); });
}

template <class... P>
std::string launch(void (*kernel)(P...), void** arguments, dim3 grid, dim3 block, size_t shared, unsigned seed) {
    return launch(kernel, arguments, grid, block, shared, seed, std::index_sequence_for<P...>{});
}

template <class... P>
std::vector<int> sizes(void (*)(P...)) {
    return {int(sizeof(P))...};
}

template <class T, class F>
T shuffle(int operation, uint32_t mask, T value, F source) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    uint32_t in[3] = {};
    std::memcpy(in, &value, sizeof value);
    auto& block = Block::current();
    in[2] = uint32_t(source(block.lane()));
    const uint32_t* out = block.exchange(operation, mask, in, 3, [](Warp& warp) {
        for (int lane = 0; lane < 32; lane++) {
            int from = int(warp.in[lane][2]);
            if (from < 0 || from > 31 || !(warp.mask >> from & 1)) from = lane;
            std::copy_n(warp.in[from], 2, warp.out[lane]);
        }
    });
    T result;
    std::memcpy(&result, out, sizeof result);
    return result;
}

}  // namespace cloze::host

// What the driver finds of a kernel: how to launch it, and the bytes of its parameters.
#define CLOZE_EXPORT(name)                                                                                         \
    extern "C" __attribute__((visibility("default"))) void cloze_host_##name(                                      \
        void** arguments, const dim3* grid, const dim3* block, size_t shared, unsigned seed, std::string* fault) { \
        *fault = cloze::host::launch(&name, arguments, *grid, *block, shared, seed);                               \
    }                                                                                                              \
    extern "C" __attribute__((visibility("default"))) void cloze_sizes_##name(std::vector<int>* sizes) {           \
        *sizes = cloze::host::sizes(&name);                                                                        \
    }

inline void __syncthreads() {
    cloze::host::Block::current().barrier(0, 0);
}
inline void __syncwarp(uint32_t mask = ~0u) {
    cloze::host::Block::current().exchange(1, mask, nullptr, 0, [](auto&) {});
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int x) {
    return cloze::host::shuffle(2, mask, value, [=](int lane) { return lane ^ x; });
}
template <class T>
T __shfl_down_sync(uint32_t mask, T value, int n) {
    return cloze::host::shuffle(3, mask, value, [=](int lane) { return lane + n; });
}
template <class T>
T __shfl_sync(uint32_t mask, T value, int from) {
    return cloze::host::shuffle(4, mask, value, [=](int) { return from; });
}

inline float rsqrtf(float x) {
    return 1.f / std::sqrt(x);
}
inline uint32_t __umulhi(uint32_t a, uint32_t b) {
    return uint32_t(uint64_t{a} * b >> 32);
}
using std::max;
using std::min;
inline uint32_t __ballot_sync(uint32_t mask, int predicate) {
    uint32_t in = predicate != 0;
    return *cloze::host::Block::current().exchange(5, mask, &in, 1, [](cloze::host::Warp& warp) {
        uint32_t votes = 0;
        for (int lane = 0; lane < 32; lane++)
            if (warp.mask >> lane & 1 && warp.in[lane][0]) votes |= 1u << lane;
        for (auto& out : warp.out) out[0] = votes;
    });
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
// Blocks run one after another, and a thread is left at nothing but a place where it waits.
inline int atomicAdd(int* to, int x) {
    return std::exchange(*to, *to + x);
}

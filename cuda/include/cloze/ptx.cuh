#pragma once

#include "cloze/device.cuh"

// Instructions that CUDA C++ has no function for, each with its meaning on the host.

namespace cloze {

// d [16, 8] += a [16, 16] b [16, 8] over a warp, bf16 with f32 sums. Lane l holds of a the rows l / 4 and l / 4 + 8 at
// k = 2 (l % 4) and that + 8, two a register; of b the column l / 4 at the same k; of d the rows of a at the columns
// 2 (l % 4) and that + 1.
CLOZE_DEVICE void multiply_add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(__CUDACC__)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    uint32_t in[10];
    std::memcpy(in, a, 16), std::memcpy(in + 4, b, 8), std::memcpy(in + 6, d, 16);
    const uint32_t* out = host::Block::current().exchange(6, all_lanes, in, 10, [](host::Warp& warp) {
        float x[16][16], y[16][8], sum[16][8];
        auto low = [](uint32_t pair) { return float_of(pair << 16); };
        auto high = [](uint32_t pair) { return float_of(pair & 0xffff0000); };
        for (int lane = 0; lane < 32; lane++) {
            int g = lane / 4, t = lane % 4 * 2;
            const uint32_t* words = warp.in[lane];
            for (int i = 0; i < 4; i++) {
                int row = g + i % 2 * 8, k = t + i / 2 * 8;
                x[row][k] = low(words[i]), x[row][k + 1] = high(words[i]);
            }
            for (int i = 0; i < 2; i++) y[t + i * 8][g] = low(words[4 + i]), y[t + i * 8 + 1][g] = high(words[4 + i]);
        }
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++)
                sum[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2] = float_of(warp.in[lane][6 + i]);
        for (int i = 0; i < 16; i++)
            for (int k = 0; k < 16; k++)
                for (int j = 0; j < 8; j++) sum[i][j] += x[i][k] * y[k][j];
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++) warp.out[lane][i] = bits_of(sum[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
    });
    std::memcpy(d, out, 16);
#endif
}

// Two neighbours in a register, each to the nearest.
CLOZE_DEVICE uint32_t bf16_pair(float low, float high) {
#if defined(__CUDACC__)
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
#else
    bf16 pair[2];
    narrow(low, pair[0]), narrow(high, pair[1]);
    return pair[0].bits | uint32_t{pair[1].bits} << 16;
#endif
}

// 2^x within 2^-22 of itself, 0 below 2^-126
CLOZE_DEVICE float power_of_two(float x) {
#if defined(__CUDACC__)
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return x < -126.f ? 0.f : std::exp2(x);
#endif
}

// 1 / x within 2^-23 of itself, 0 beyond 2^126
CLOZE_DEVICE float reciprocal(float x) {
#if defined(__CUDACC__)
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return std::fabs(x) > 0x1p126f ? std::copysign(0.f, x) : 1.f / x;
#endif
}

// To the nearest of 10 bits of mantissa, ties away from zero.
CLOZE_DEVICE uint32_t tf32_of(float x) {
#if defined(__CUDACC__)
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
#else
    return x != x ? 0x7fffffff : (bits_of(x) + 0x1000) & ~uint32_t{0x1fff};
#endif
}

// d [16, 8] += a [16, 8] b [8, 8] over a warp, tf32 with f32 sums. Lane l holds of a the rows l / 4 and l / 4 + 8 at
// k = l % 4 and that + 4; of b the column l / 4 at the same k; of d the same as for bf16.
CLOZE_DEVICE void multiply_add_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(__CUDACC__)
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    uint32_t in[10];
    std::memcpy(in, a, 16), std::memcpy(in + 4, b, 8), std::memcpy(in + 6, d, 16);
    const uint32_t* out = host::Block::current().exchange(7, all_lanes, in, 10, [](host::Warp& warp) {
        float x[16][8], y[8][8];
        auto factor = [](uint32_t bits) { return float_of(bits & ~uint32_t{0x1fff}); };
        for (int lane = 0; lane < 32; lane++) {
            int g = lane / 4, t = lane % 4;
            const uint32_t* words = warp.in[lane];
            for (int i = 0; i < 4; i++) x[g + i % 2 * 8][t + i / 2 * 4] = factor(words[i]);
            for (int i = 0; i < 2; i++) y[t + i * 4][g] = factor(words[4 + i]);
        }
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++) {
                float sum = float_of(warp.in[lane][6 + i]);
                for (int k = 0; k < 8; k++) sum += x[lane / 4 + i / 2 * 8][k] * y[k][lane % 4 * 2 + i % 2];
                warp.out[lane][i] = bits_of(sum);
            }
    });
    std::memcpy(d, out, 16);
#endif
}

// Four matrices of 8 rows of 16 bytes in shared memory; lanes 8 i to 8 i + 7 give the addresses of the rows of matrix
// i. Lane l gets of each the word l % 4 of row l / 4; transposed, of 16-bit elements, those of column l / 4 in the rows
// 2 (l % 4) and that + 1. A row is taken from its address with the bits of `turn` flipped, and `offset` bytes behind
// that.
template <bool transposed>
CLOZE_DEVICE void load_matrices(uint32_t (&to)[4], const void* row, uint32_t turn = 0, uint32_t offset = 0) {
#if defined(__CUDACC__)
    uint32_t at = (uint32_t(__cvta_generic_to_shared(row)) ^ turn) + offset;
    if constexpr (transposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
#else
    auto& block = host::Block::current();
    row = reinterpret_cast<const void*>((reinterpret_cast<uintptr_t>(row) ^ turn) + offset);
    if (reinterpret_cast<uintptr_t>(row) % 16) block.fail("a row of a matrix is not aligned to 16 bytes");
    uint32_t in[2];
    std::memcpy(in, &row, 8);
    const uint32_t* out = block.exchange(transposed ? 9 : 8, all_lanes, in, 2, [](host::Warp& warp) {
        auto element = [&](int matrix, int r, int c) {
            const uint16_t* p;
            std::memcpy(&p, warp.in[matrix * 8 + r], 8);
            return uint32_t{p[c]};
        };
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++) {
                int g = lane / 4, t = lane % 4 * 2;
                warp.out[lane][i] = transposed ? element(i, t, g) | element(i, t + 1, g) << 16
                                               : element(i, g, t) | element(i, g, t + 1) << 16;
            }
    });
    std::memcpy(to, out, 16);
#endif
}

// As many bytes of shared memory as it says, 16 or 4: so many from memory and then zeros. Both addresses are multiples
// of it. The bytes have arrived when wait_copies has waited for their group.
template <int size = 16>
CLOZE_DEVICE void copy_async(void* to, const void* from, int bytes) {
    static_assert(size == 16 || size == 4);
#if defined(__CUDACC__)
    auto at = uint32_t(__cvta_generic_to_shared(to));
    if constexpr (size == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
#else
    auto& block = host::Block::current();
    if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % size || bytes < 0 || bytes > size)
        block.fail("an asynchronous copy is not one of 16 or 4 aligned bytes");
    if (block.copies_land_at_once()) {
        std::memcpy(to, from, size_t(bytes));
        std::memset(static_cast<char*>(to) + bytes, 0, size_t(size - bytes));
    } else {
        auto& fiber = block.fiber();
        fiber.copies.push_back({to, from, bytes, fiber.group});
        fiber.copies.push_back({static_cast<char*>(to) + bytes, nullptr, size - bytes, fiber.group});
    }
#endif
}

// The copies of this thread since the last call are a group.
CLOZE_DEVICE void commit_copies() {
#if defined(__CUDACC__)
    asm volatile("cp.async.commit_group;" ::: "memory");
#else
    host::Block::current().fiber().group++;
#endif
}

// Waits for all but the newest groups of this thread; copies by other threads need a barrier, too.
template <int newest>
CLOZE_DEVICE void wait_copies() {
#if defined(__CUDACC__)
    asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory");
#else
    auto& fiber = host::Block::current().fiber();
    auto landed = [&](const host::Copy& copy) { return copy.group < fiber.group - newest; };
    for (const host::Copy& copy : fiber.copies) {
        if (!landed(copy)) continue;
        if (copy.from)
            std::memcpy(copy.to, copy.from, size_t(copy.bytes));
        else
            std::memset(copy.to, 0, size_t(copy.bytes));
    }
    std::erase_if(fiber.copies, landed);
#endif
}

}  // namespace cloze

#pragma once

#include "cloze/device.cuh"

// Instructions that CUDA C++ has no word for, each with its meaning on the host beside it.

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

}  // namespace cloze

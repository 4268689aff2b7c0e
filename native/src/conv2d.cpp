#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "cloze/export.h"
#include "cloze/gemm.h"
#include "cloze/loop.h"

// x [b, h, w, c], weight [m, p, q, c / groups], bias [m], y [b, down, across, m]: an implicit im2col: the matrices of
// windows are never stored, their panels are gathered from the images during packing. y = windows(x) weight^T, and
// dweight = dy^T windows(x). dx is a convolution of dy with the flipped weight: pixels with the same remainder modulo
// the stride use the same part of the weight, so each remainder is one matrix multiplication, without the zeros between
// strides.

using namespace cloze;

namespace {

// Row (image, i, j) holds the p x q pixels from (i step + y, j step + x), `dilation` apart, zero outside the image.
struct Windows {
    const float* image;  // [.., h, w, ld], of which the first c channels are used
    int64_t h, w, ld, c;
    int64_t down, across, step, y, x;
    int64_t p, q, dilation;

    int64_t columns() const { return p * q * c; }
};

void copy_or_zero(const float* from, float* to, int64_t n) {
    if (from)
        each(0, n, [&](int64_t i, auto step) { step.store(to + i, step.load(from + i)); });
    else
        each(0, n, [&](int64_t i, auto step) { step.store(to + i, vf{}); });
}

// Floats [at, at + count) of a row of the window, which starts at pixel x of a row of the image.
void window_row(const Windows& v, const float* line, int64_t x, int64_t at, int64_t count, float* to) {
    if (v.dilation == 1 && v.c == v.ld) {  // its pixels are contiguous
        int64_t begin = std::clamp<int64_t>(-x * v.c, at, at + count);
        int64_t end = std::clamp<int64_t>((v.w - x) * v.c, begin, at + count);
        copy_or_zero(nullptr, to, begin - at);
        copy_or_zero(line + x * v.c + begin, to + begin - at, end - begin);
        return copy_or_zero(nullptr, to + end - at, at + count - end);
    }
    int64_t s = at / v.c, channel = at % v.c;
    for (int64_t n; count > 0; count -= n, to += n, channel = 0, s++) {
        n = std::min(v.c - channel, count);
        int64_t pixel = x + s * v.dilation;
        copy_or_zero(pixel >= 0 && pixel < v.w ? line + pixel * v.ld + channel : nullptr, to, n);
    }
}

void gather_windows(const void* context, int64_t row, int64_t rows, int64_t at, int64_t count, float* to, int64_t ld) {
    auto& v = *static_cast<const Windows*>(context);
    if (count == 0) return;  // no row of the weight contributes to these pixels
    int64_t run = v.q * v.c, first = at / run, offset = at % run;
    int64_t j = row % v.across, i = row / v.across % v.down, image = row / (v.across * v.down);
    for (; rows > 0; rows--, to += ld) {
        const float* from = v.image + image * v.h * v.w * v.ld;
        int64_t r = first, begin = offset;
        for (int64_t n, done = 0; done < count; done += n, begin = 0, r++) {
            n = std::min(run - begin, count - done);
            int64_t y = i * v.step + v.y + r * v.dilation;
            if (y >= 0 && y < v.h)
                window_row(v, from + y * v.w * v.ld, j * v.step + v.x, begin, n, to + done);
            else
                copy_or_zero(nullptr, to + done, n);
        }
        if (++j == v.across) {
            j = 0;
            if (++i == v.down) i = 0, image++;
        }
    }
}

struct Convolution {
    int64_t b, h, w, c, m, p, q, stride, padding, dilation, groups;
    int64_t down = (h + 2 * padding - dilation * (p - 1) - 1) / stride + 1;
    int64_t across = (w + 2 * padding - dilation * (q - 1) - 1) / stride + 1;
    int64_t group_c = c / groups, group_m = m / groups, depth = p * q * group_c;

    int64_t rows() const { return b * down * across; }
    bool is_product() const { return p == 1 && q == 1 && stride == 1 && padding == 0; }

    Windows windows(const float* x, int64_t group) const {
        return {x + group * group_c, h, w, c, group_c, down, across, stride, -padding, -padding, p, q, dilation};
    }
};

// The rows of the weight that contribute to pixels at `rest`, `rest` + stride, ... along one axis, the last row first,
// and the start of the first pixel's window in dy.
struct Taps {
    int64_t count, first, apart;  // row first + i apart
    int64_t dilation, begin;

    Taps(const Convolution& v, int64_t side, int64_t rest) {
        int64_t common = std::gcd(v.stride, v.dilation);
        apart = v.stride / common, dilation = v.dilation / common;
        for (first = 0; first < apart && (rest + v.padding - first * v.dilation) % v.stride != 0;) first++;
        count = first < apart && first < side ? (side - first + apart - 1) / apart : 0;
        begin = (rest + v.padding - first * v.dilation) / v.stride - (count - 1) * dilation;
    }
};

float* room(Slot slot, int64_t floats) {
    float* memory = scratch(slot, size_t(floats));
    if (memory || floats == 0) return memory;
    std::fputs("cloze: no memory left for a convolution\n", stderr);
    std::abort();
}

// The pixels of a group's dx with one remainder.
struct Rest {
    const Convolution& v;
    int64_t group, y, x;
    bool add;
    Taps rows{v, v.p, y}, columns{v, v.q, x};
    int64_t down = (v.h - y + v.stride - 1) / v.stride, across = (v.w - x + v.stride - 1) / v.stride;
    int64_t depth = rows.count * columns.count * v.group_m;
    const float* sums = nullptr;  // if their layout differs from dx, [images, down, across, c / groups]
    float* dx = nullptr;          // of the first image

    // [taps, m / groups, c / groups]
    const float* turned(const float* weight) const {
        float* to = room(Slot::weights, depth * v.group_c);
        int64_t taps = rows.count * columns.count;
        parallel_blocks(taps * v.group_m, 64, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i++) {
                int64_t tap = i / v.group_m, m = group * v.group_m + i % v.group_m;
                int64_t r = rows.first + (rows.count - 1 - tap / columns.count) * rows.apart;
                int64_t s = columns.first + (columns.count - 1 - tap % columns.count) * columns.apart;
                copy(weight + ((m * v.p + r) * v.q + s) * v.group_c, to + i * v.group_c, v.group_c);
            }
        });
        return to;
    }

    // For Product: copies a tile of sums to its place in dx.
    static void scatter(const void* context, int64_t row, int64_t column, int64_t count, int64_t columns) {
        auto& to = *static_cast<const Rest*>(context);
        auto& v = to.v;
        for (int64_t i = row; i < row + count; i++) {
            int64_t j = i % to.across * v.stride + to.x, line = i / to.across % to.down * v.stride + to.y;
            int64_t image = i / (to.across * to.down);
            float* out = to.dx + ((image * v.h + line) * v.w + j) * v.c + to.group * v.group_c + column;
            const float* from = to.sums + i * v.group_c + column;
            each(0, columns, [&](int64_t k, auto step) { step.put(out + k, step.load(from + k), to.add); });
        }
    }

    void run(const float* weight, const float* dy, float* to) {
        constexpr int64_t most = 4 << 20;  // floats of sums
        int64_t one = down * across;
        if (one == 0 || v.group_c == 0) return;
        bool direct = v.stride == 1;
        int64_t images = direct ? v.b : std::max<int64_t>(1, most / (one * v.group_c));
        const float* right = turned(weight);
        for (int64_t image = 0; image < v.b; image += images) {
            int64_t count = std::min(images, v.b - image);
            const float* from = dy + image * v.down * v.across * v.m + group * v.group_m;
            dx = to + image * v.h * v.w * v.c;
            Windows windows{from, v.down,     v.across,      v.m,        v.group_m,     down,         across,
                            1,    rows.begin, columns.begin, rows.count, columns.count, rows.dilation};
            Gather gather{gather_windows, &windows};
            Product product{count * one, v.group_c, depth, from, v.m, false, right, v.group_c, false, dx, v.c, add};
            if (!v.is_product()) product.gather_a = &gather;
            if (direct) {
                product.c = dx + group * v.group_c;
            } else {
                product.c = room(Slot::images, count * one * v.group_c), product.ldc = v.group_c, product.add = false;
                sums = product.c, product.finish = scatter, product.context = this;
            }
            gemm(product);
        }
    }
};

}  // namespace

CLOZE_EXPORT int64_t conv2d_forward(const float* x, const float* weight, const float* bias, float* y, int64_t b,
                                    int64_t h, int64_t w, int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride,
                                    int64_t padding, int64_t dilation, int64_t groups) noexcept try {
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    for (int64_t group = 0; group < groups; group++) {
        Windows windows = v.windows(x, group);
        Gather gather{gather_windows, &windows};
        Product product{v.rows(),
                        v.group_m,
                        v.depth,
                        windows.image,
                        c,
                        false,
                        weight + group * v.group_m * v.depth,
                        v.depth,
                        true,
                        y + group * v.group_m,
                        m};
        if (!v.is_product()) product.gather_a = &gather;
        if (bias) product.bias = bias + group * v.group_m;
        gemm(product);
    }
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t conv2d_backward(const float* x, const float* weight, const float* dy, float* dx, float* dweight,
                                     float* dbias, int64_t b, int64_t h, int64_t w, int64_t c, int64_t m, int64_t p,
                                     int64_t q, int64_t stride, int64_t padding, int64_t dilation, int64_t groups,
                                     int64_t accumulate) noexcept try {
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    if (dx)
        for (int64_t group = 0; group < groups; group++)
            for (int64_t i = 0; i < std::min(stride, h); i++)
                for (int64_t j = 0; j < std::min(stride, w); j++)
                    Rest{v, group, i, j, (accumulate & 1) != 0}.run(weight, dy, dx);
    bool with_dweight = dweight && m > 0 && v.depth > 0;
    for (int64_t group = 0; with_dweight && group < groups; group++) {
        Windows windows = v.windows(x, group);
        Gather gather{gather_windows, &windows};
        Product product{v.group_m,
                        v.depth,
                        v.rows(),
                        dy + group * v.group_m,
                        m,
                        true,
                        windows.image,
                        c,
                        false,
                        dweight + group * v.group_m * v.depth,
                        v.depth,
                        (accumulate & 2) != 0};
        if (!v.is_product()) product.gather_b = &gather;
        if (dbias) product.row_sums = dbias + group * v.group_m;
        product.add_row_sums = (accumulate & 4) != 0;
        gemm(product);
    }
    if (dbias && !with_dweight) column_sums(dy, v.rows(), m, m, dbias, (accumulate & 4) != 0);
    return ok;
}
CLOZE_CATCH

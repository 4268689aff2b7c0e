#include "cloze/columns.cuh"
#include "cloze/gathered.cuh"
#include "cloze/gemm.cuh"

// x [b, h, w, c], weight [m, p, q, c / groups], bias [m], y [b, down, across, m]: multiplication by matrices of windows
// that are never stored, see native/src/conv2d.cpp. y = windows(x) weight^T; dx, for the pixels of each remainder
// modulo the stride, = windows(dy) times the part of the weight that reaches them; dweight = dy^T windows(x), its sum
// over all windows in parts, whose number depends on the shape alone. blockIdx.y is the group, with the remainder or
// the part. _bias: y += bias, after cuDNN's convolution.

using namespace cloze;

#if defined(CLOZE_BF16)
using Product = TensorSums<bf16>;
#elif defined(CLOZE_TF32)
using Product = TensorSums<float>;
#else
using Product = ExactSums;
#endif

namespace {

constexpr int in_chunk = pack;

// Row (image, i, j) is the window of p x q pixels at (i step + y, j step + x), `dilation` apart, zero outside.
template <bool k_is_inner>
struct Windows {
    static constexpr bool along_k = k_is_inner;
    using Element = real;
    using Source = GatheredPanel<Windows>;

    const real* image;  // [.., h, w, ld], of which the first c channels are used
    int64_t h, w, ld, c;
    int64_t down, across, step, y, x;
    int64_t p, q, dilation;
    int64_t first;  // row
    bool whole;

    struct Row {
        const real* image;
        int64_t y, x;
    };
    struct Place {
        int64_t r, s, c;
    };

    CLOZE_DEVICE Row row(int64_t i) const {
        i += first;
        int64_t line = i / across, number = line / down;
        return {image + number * h * w * ld, (line - number * down) * step + y, (i - line * across) * step + x};
    }
    CLOZE_DEVICE Place place(int64_t k) const {
        int64_t tap = k / c, r = tap / q;
        return {r * dilation, (tap - r * q) * dilation, k - tap * c};
    }
    CLOZE_DEVICE const real* at(const Row& row, const Place& place) const {
        int64_t i = row.y + place.r, j = row.x + place.s;
        return i >= 0 && i < h && j >= 0 && j < w ? row.image + (i * w + j) * ld + place.c : nullptr;
    }
    CLOZE_DEVICE const real* start() const { return image; }
};

CLOZE_DEVICE int64_t tiles(int64_t n) {
    return (n + gemm_side - 1) / gemm_side;
}

struct Convolution {
    int64_t b, h, w, c, m, p, q, stride, padding, dilation, groups;
    int64_t down = (h + 2 * padding - dilation * (p - 1) - 1) / stride + 1;
    int64_t across = (w + 2 * padding - dilation * (q - 1) - 1) / stride + 1;
    int64_t group_c = c / groups, group_m = m / groups, depth = p * q * group_c;

    CLOZE_DEVICE int64_t rows() const { return b * down * across; }

    template <bool along_k>
    CLOZE_DEVICE Windows<along_k> windows(const real* x, int64_t group, int64_t first) const {
        return {x + group * group_c,
                h,
                w,
                c,
                group_c,
                down,
                across,
                stride,
                -padding,
                -padding,
                p,
                q,
                dilation,
                first,
                aligned(x) && group_c % in_chunk == 0};
    }

    // Parts of the sum over windows, as in ConvolutionLaunches: enough for 256 blocks, but each with at least 256
    // windows.
    CLOZE_DEVICE int64_t parts() const {
        int64_t wanted = 256 / max(groups * tiles(group_m) * tiles(depth), int64_t{1});
        return max(min(wanted, (rows() + 255) / 256), int64_t{1});
    }
};

// The rows of the weight that reach pixels at `rest`, `rest` + stride, ... along one axis, the last row first, and the
// beginning of the first of these pixels' windows on dy.
struct Taps {
    int64_t count, first, apart;  // row first + i apart
    int64_t dilation, begin;

    CLOZE_DEVICE Taps(const Convolution& v, int64_t side, int64_t rest) {
        int64_t common = min(v.stride, v.dilation);
        while (v.stride % common || v.dilation % common) common--;
        apart = v.stride / common, dilation = v.dilation / common;
        for (first = 0; first < apart && (rest + v.padding - first * v.dilation) % v.stride != 0;) first++;
        count = first < apart && first < side ? (side - first + apart - 1) / apart : 0;
        begin = (rest + v.padding - first * v.dilation) / v.stride - (count - 1) * dilation;
    }
    CLOZE_DEVICE int64_t row(int64_t i) const { return first + (count - 1 - i) * apart; }
};

// Row (tap, m) is that of the weight at that tap.
struct Turned {
    static constexpr bool along_k = false;
    using Element = real;
    using Source = GatheredPanel<Turned>;
    using Row = const real*;
    using Place = int64_t;

    const real* weight;  // of the group
    Taps rows, columns;
    int64_t p, q, m, c;
    bool whole;

    CLOZE_DEVICE Row row(int64_t k) const {
        int64_t tap = k / m, r = tap / columns.count;
        int64_t at = ((k - tap * m) * p + rows.row(r)) * q + columns.row(tap - r * columns.count);
        return weight + at * c;
    }
    CLOZE_DEVICE Place place(int64_t j) const { return j; }
    CLOZE_DEVICE const real* at(Row row, Place place) const { return row + place; }
    CLOZE_DEVICE const real* start() const { return weight; }
};

}  // namespace

CLOZE_KERNEL(conv2d_forward, const real* x, const real* weight, const float* bias, real* y, int64_t b, int64_t h,
             int64_t w, int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride, int64_t padding, int64_t dilation,
             int64_t groups) {
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    int64_t group = blockIdx.y, first = group * v.group_m;
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        if (bias) sum = sum + step.load(bias + first + column);
        step.store(y + row * m + first + column, sum);
    };
    gemm<Product>(v.rows(), v.group_m, v.depth, v.windows<true>(x, group, 0),
                  Rows<real>{weight + first * v.depth, v.depth}, aligned(bias, y), finish);
}

CLOZE_KERNEL(conv2d_forward_bias, const real*, const real*, const float* bias, real* y, int64_t b, int64_t h, int64_t w,
             int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride, int64_t padding, int64_t dilation,
             int64_t groups) {
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    each(v.rows() * m, aligned(bias, y) && m % pack == 0,
         [&](int64_t i, auto step) { step.store(y + i, step.load(y + i) + step.load(bias + i % m)); });
}

CLOZE_KERNEL(conv2d_backward, const real*, const real* weight, const real* dy, real* dx, float*, float*, int64_t b,
             int64_t h, int64_t w, int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride, int64_t padding,
             int64_t dilation, int64_t groups, int64_t accumulate, float*) {
    if (!dx) return;
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    int64_t group = blockIdx.y / (stride * stride), rest = blockIdx.y % (stride * stride);
    int64_t line = rest / stride, pixel = rest % stride;
    int64_t down = (h - line + stride - 1) / stride, across = (w - pixel + stride - 1) / stride;
    if (line >= h || pixel >= w || blockIdx.x >= tiles(b * down * across) * tiles(v.group_c)) return;
    Taps rows(v, p, line), columns(v, q, pixel);
    const real *from = dy + group * v.group_m, *part = weight + group * v.group_m * v.depth;
    Windows<true> windows{from,
                          v.down,
                          v.across,
                          m,
                          v.group_m,
                          down,
                          across,
                          1,
                          rows.begin,
                          columns.begin,
                          rows.count,
                          columns.count,
                          rows.dilation,
                          0,
                          aligned(dy) && v.group_m % in_chunk == 0};
    Turned turned{part, rows, columns, p, q, v.group_m, v.group_c, aligned(weight) && v.group_c % in_chunk == 0};
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        int64_t i = row / across, image = i / down;
        int64_t at = (image * h + (i - image * down) * stride + line) * w + (row - i * across) * stride + pixel;
        step.put(dx + at * c + group * v.group_c + column, sum, accumulate & 1);
    };
    gemm<Product>(b * down * across, v.group_c, rows.count * columns.count * v.group_m, windows, turned, aligned(dx),
                  finish);
}

CLOZE_KERNEL(conv2d_backward_weight, const real* x, const real*, const real* dy, real*, float* dweight, float*,
             int64_t b, int64_t h, int64_t w, int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride,
             int64_t padding, int64_t dilation, int64_t groups, int64_t, float* scratch) {
    if (!dweight) return;
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    int64_t parts = v.parts(), group = blockIdx.y / parts, part = blockIdx.y % parts;
    int64_t size = (v.rows() + parts - 1) / parts, begin = min(part * size, v.rows());
    float* to = scratch + (part * m + group * v.group_m) * v.depth;
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        step.store(to + row * v.depth + column, sum);
    };
    gemm<Product>(v.group_m, v.depth, min(size, v.rows() - begin), Columns<real>{dy + begin * m + group * v.group_m, m},
                  v.windows<false>(x, group, begin), aligned(scratch), finish);
}

CLOZE_KERNEL(conv2d_backward_weight_sum, const real*, const real*, const real*, real*, float* dweight, float*,
             int64_t b, int64_t h, int64_t w, int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride,
             int64_t padding, int64_t dilation, int64_t groups, int64_t accumulate, float* scratch) {
    if (!dweight) return;
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    int64_t size = m * v.depth, parts = v.parts();
    each(size, aligned(dweight, scratch) && size % pack == 0, [&](int64_t i, auto step) {
        auto sum = step.load(scratch + i);
        for (int64_t part = 1; part < parts; part++) sum = sum + step.load(scratch + part * size + i);
        step.put(dweight + i, sum, accumulate & 2);
    });
}

CLOZE_KERNEL(conv2d_backward_columns, const real*, const real*, const real* dy, real*, float*, float* dbias, int64_t b,
             int64_t h, int64_t w, int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride, int64_t padding,
             int64_t dilation, int64_t groups, int64_t, float* scratch) {
    if (!dbias) return;
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    column_partials<1>(v.rows(), m, aligned(dy), scratch,
                       [&](int64_t at, int64_t, auto step, auto& sum) { sum[0] = sum[0] + step.load(dy + at); });
}

CLOZE_KERNEL(conv2d_backward_reduce, const real*, const real*, const real*, real*, float*, float* dbias, int64_t b,
             int64_t h, int64_t w, int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride, int64_t padding,
             int64_t dilation, int64_t groups, int64_t accumulate, float* scratch) {
    Convolution v{b, h, w, c, m, p, q, stride, padding, dilation, groups};
    if (dbias) reduce_columns<1>(v.rows(), m, scratch, 0, dbias, accumulate & 4);
}

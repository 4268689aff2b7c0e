#pragma once

#include "cloze/columns.cuh"
#include "cloze/row.cuh"

// Common code of layer_norm.cu (centred) and rms_norm.cu (without the mean): h = (s - mean) rstd;
// y = h weight + bias; dx = rstd (g - mean(g) - h mean(g h)), g = dy weight; dweight = sum dy h, dbias = sum dy.
//
// Rows of at most 1024 elements stay in registers: in forward a warp takes two rows and reads the weights once; in
// backward a warp takes rows one after another and keeps its sums of columns, so that all is read and written once.
// Longer rows are read again: in forward from the caches, in backward from memory for the sums of columns.

namespace cloze {
inline namespace CLOZE_STORAGE {
// x rounded to `real`
CLOZE_DEVICE float stored(float x) {
    real kept;
    narrow(x, kept);
    return widen(kept);
}

struct NormForward {
    const real *x, *residual;
    const float *weight, *bias;
    real *y, *sum;
    float *mean, *rstd;
    int64_t n, d;
    float epsilon;
};

struct NormBackward {
    const real* s;
    const float *weight, *mean, *rstd;
    const real *dy, *dsum;
    real* dx;
    int64_t n, d;
    bool add;
    float* scratch;  // [chunks, sums, d]
};

constexpr int rows_of_warp = 2;

// Blocks on a multiprocessor in backward: rows of float32 take twice the registers, and from sm_100 on two blocks need
// a few too many.
#if defined(CLOZE_BF16) && (!defined(__CUDA_ARCH__) || __CUDA_ARCH__ < 1000)
constexpr int norm_blocks = 2;
#else
constexpr int norm_blocks = 1;
#endif

// As java/cuda launches them: a block for each chunk of rows in registers, else as in columns.cuh.
CLOZE_DEVICE int64_t norm_chunks(int64_t n, int64_t d) {
    if (d > longest_row) return column_chunks(n);
    int64_t chunks = (n + 15) / 16;
    return chunks < 264 ? chunks : 264;
}

template <bool centred, int K>
CLOZE_DEVICE Floats<K> less(const Floats<K>& s, float mean) {
    if constexpr (centred)
        return s - mean;
    else
        return s;
}

template <bool centred, class Step>
CLOZE_DEVICE void norm_forward_rows(const NormForward& v, int64_t first) {
    Row<Step> s[rows_of_warp];
    int rows = v.n - first < rows_of_warp ? int(v.n - first) : rows_of_warp;
    float average[rows_of_warp] = {}, scale[rows_of_warp];
#pragma unroll
    for (int r = 0; r < rows_of_warp; r++)
        if (r < rows)
            s[r].each(v.d, [&](int step, int i) { s[r].at[step] = Step{}.load(v.x + (first + r) * v.d + i); });
    if (v.residual)
#pragma unroll
        for (int r = 0; r < rows_of_warp; r++)
            if (r < rows)
                s[r].each(v.d, [&](int step, int i) {
                    int64_t at = (first + r) * v.d + i;
                    auto both = s[r].at[step] + Step{}.load(v.residual + at);
                    Step{}.store(v.sum + at, both);
                    s[r].at[step] = both.map([](float x) { return stored(x); });  // as backward reads it
                });
#pragma unroll
    for (int r = 0; r < rows_of_warp; r++) {
        if (r >= rows) break;
        float total = 0, square = 0;
        if constexpr (centred) {
            s[r].each(v.d, [&](int step, int) { total += s[r].at[step].sum(); });
            average[r] = warp_sum(total) / float(v.d);
        }
        // a second pass: E[s^2] - mean^2 cancels if the mean is large
        s[r].each(v.d, [&](int step, int) {
            auto part = less<centred>(s[r].at[step], average[r]);
            square += (part * part).sum();
        });
        scale[r] = 1.f / sqrtf(warp_sum(square) / float(v.d) + v.epsilon);
        if (lane_of_warp() == 0) {
            if constexpr (centred) v.mean[first + r] = average[r];
            v.rstd[first + r] = scale[r];
        }
    }
    s[0].each(v.d, [&](int step, int i) {
        auto weight = Step{}.load(v.weight + i);
        auto bias = v.bias ? Step{}.load(v.bias + i) : Floats<Step::width>{};
#pragma unroll
        for (int r = 0; r < rows_of_warp; r++) {
            if (r >= rows) break;
            auto normal = less<centred>(s[r].at[step], average[r]) * scale[r] * weight;
            Step{}.store(v.y + (first + r) * v.d + i, v.bias ? normal + bias : normal);
        }
    });
}

template <bool centred>
CLOZE_DEVICE void norm_forward_long_row(const NormForward& v, int64_t row, bool whole) {
    const real* s = v.x + row * v.d;
    if (v.residual) {
        const real* other = v.residual + row * v.d;
        real* to = v.sum + row * v.d;
        each_lane(v.d, whole,
                  [&](int64_t i, auto step) { step.store(to + i, step.load(s + i) + step.load(other + i)); });
        s = to;  // as stored; a lane reads what it wrote itself
    }
    float total = 0, average = 0, square = 0;
    if constexpr (centred) {
        each_lane(v.d, whole, [&](int64_t i, auto step) { total += step.load(s + i).sum(); });
        average = warp_sum(total) / float(v.d);
    }
    each_lane(v.d, whole, [&](int64_t i, auto step) {
        auto part = less<centred>(step.load(s + i), average);
        square += (part * part).sum();
    });
    float scale = 1.f / sqrtf(warp_sum(square) / float(v.d) + v.epsilon);
    if (lane_of_warp() == 0) {
        if constexpr (centred) v.mean[row] = average;
        v.rstd[row] = scale;
    }
    real* out = v.y + row * v.d;
    each_lane(v.d, whole, [&](int64_t i, auto step) {
        auto normal = less<centred>(step.load(s + i), average) * scale * step.load(v.weight + i);
        step.store(out + i, v.bias ? normal + step.load(v.bias + i) : normal);
    });
}

template <bool centred>
CLOZE_DEVICE void norm_forward(const NormForward& v) {
    int64_t first = row_of_warp() * rows_of_warp;
    if (first >= v.n) return;
    bool whole = aligned(v.x, v.residual, v.weight, v.bias, v.y, v.sum) && v.d % pack == 0;
    if (v.d > longest_row)
        for (int64_t row = first; row < v.n && row < first + rows_of_warp; row++)
            norm_forward_long_row<centred>(v, row, whole);
    else if (whole)
        norm_forward_rows<centred, Step<pack>>(v, first);
    else
        norm_forward_rows<centred, Step<1>>(v, first);
}

// The sums of the warps of a block, in their order, for 32 steps of columns at a time.
template <int sums, class Step>
CLOZE_DEVICE void norm_columns(const NormBackward& v, const Row<Step> (&sum)[sums]) {
    constexpr int columns = 32 * Step::width;
    __shared__ float partial[sums][8][columns];
    int lane = lane_of_warp() * Step::width, warp = int(threadIdx.x / 32);
#pragma unroll
    for (int s = 0; s < Row<Step>::steps; s++) {
        if (s * columns >= v.d) break;
        __syncthreads();  // the columns before have been added
#pragma unroll
        for (int k = 0; k < sums; k++)
#pragma unroll
            for (int i = 0; i < Step::width; i++) partial[k][warp][lane + i] = sum[k].at[s].at[i];
        __syncthreads();
        for (int i = int(threadIdx.x); i < columns && s * columns + i < v.d; i += 256)
#pragma unroll
            for (int k = 0; k < sums; k++) {
                float total = 0;
#pragma unroll
                for (int j = 0; j < 8; j++) total += partial[k][j][i];
                v.scratch[(int64_t{blockIdx.x} * sums + k) * v.d + s * columns + i] = total;
            }
    }
}

template <bool centred, class Step>
CLOZE_DEVICE void norm_backward_rows(const NormBackward& v) {
    constexpr int sums = centred ? 2 : 1;
    Row<Step> sum[sums] = {};
    for (int64_t row = row_of_warp(); row < v.n; row += threads_of_grid() / 32) {
        Row<Step, Elements<real, Step::width>> s, dy;
        int64_t at = row * v.d;
        s.each(v.d, [&](int step, int i) {
            s.at[step] = Step{}.fetch(v.s + at + i);
            dy.at[step] = Step{}.fetch(v.dy + at + i);
        });
        float average = centred ? v.mean[row] : 0.f, scale = v.rstd[row], g_sum = 0, gh_sum = 0;
        auto normal = [&](int step) { return less<centred>(s.at[step].floats(), average) * scale; };
        s.each(v.d, [&](int step, int i) {
            auto weight = Step{}.load(v.weight + i);
#pragma unroll
            for (int j = 0; j < Step::width; j++) {
                float out = widen(dy.at[step].at[j]), value = widen(s.at[step].at[j]);
                float h = (centred ? value - average : value) * scale, g = out * weight.at[j];
                sum[0].at[step].at[j] += out * h;
                gh_sum += g * h;
                if constexpr (centred) {
                    sum[1].at[step].at[j] += out;
                    g_sum += g;
                }
            }
        });
        if (!v.dx) continue;
        float gh_mean = warp_sum(gh_sum) / float(v.d), g_mean = 0;
        if constexpr (centred) g_mean = warp_sum(g_sum) / float(v.d);
        s.each(v.d, [&](int step, int i) {
            auto g = less<centred>(dy.at[step].floats() * Step{}.load(v.weight + i), g_mean);
            auto back = (g - normal(step) * gh_mean) * scale;
            if (v.dsum) back = back + Step{}.load(v.dsum + at + i);
            Step{}.put(v.dx + at + i, back, v.add);
        });
    }
    norm_columns<sums>(v, sum);
}

template <bool centred>
CLOZE_DEVICE void norm_backward_long_row(const NormBackward& v, int64_t row, bool whole) {
    float average = centred ? v.mean[row] : 0.f, scale = v.rstd[row], g_sum = 0, gh_sum = 0;
    int64_t at = row * v.d;
    each_lane(v.d, whole, [&](int64_t i, auto step) {
        auto g = step.load(v.dy + at + i) * step.load(v.weight + i);
        g_sum += g.sum();
        gh_sum += (g * (less<centred>(step.load(v.s + at + i), average) * scale)).sum();
    });
    float gh_mean = warp_sum(gh_sum) / float(v.d), g_mean = 0;
    if constexpr (centred) g_mean = warp_sum(g_sum) / float(v.d);
    each_lane(v.d, whole, [&](int64_t i, auto step) {
        auto h = less<centred>(step.load(v.s + at + i), average) * scale;
        auto g = less<centred>(step.load(v.dy + at + i) * step.load(v.weight + i), g_mean);
        auto back = (g - h * gh_mean) * scale;
        if (v.dsum) back = back + step.load(v.dsum + at + i);
        step.put(v.dx + at + i, back, v.add);
    });
}

// Short rows that are not whole packs: each block reads its own again for the columns.
template <bool centred>
CLOZE_DEVICE void norm_backward_odd_rows(const NormBackward& v) {
    constexpr int sums = centred ? 2 : 1;
    if (v.dx)
        for (int64_t row = row_of_warp(); row < v.n; row += threads_of_grid() / 32)
            norm_backward_long_row<centred>(v, row, false);
    for (int64_t i = threadIdx.x; i < v.d; i += blockDim.x) {
        float sum[sums] = {};
        for (int64_t row = int64_t{blockIdx.x} * 8; row < v.n; row += row % 8 < 7 ? 1 : int64_t{gridDim.x} * 8 - 7) {
            float dy = widen(v.dy[row * v.d + i]), s = widen(v.s[row * v.d + i]);
            sum[0] += dy * ((centred ? s - v.mean[row] : s) * v.rstd[row]);
            if constexpr (centred) sum[1] += dy;
        }
#pragma unroll
        for (int k = 0; k < sums; k++) v.scratch[(int64_t{blockIdx.x} * sums + k) * v.d + i] = sum[k];
    }
}

template <bool centred>
CLOZE_DEVICE void norm_backward(const NormBackward& v) {
    bool whole = aligned(v.s, v.weight, v.dy, v.dsum, v.dx) && v.d % pack == 0;
    if (v.d > longest_row) {
        int64_t row = row_of_warp();
        if (row < v.n && v.dx) norm_backward_long_row<centred>(v, row, whole);
    } else if (whole) {
        norm_backward_rows<centred, Step<pack>>(v);
    } else {
        norm_backward_odd_rows<centred>(v);
    }
}
}  // namespace CLOZE_STORAGE
}  // namespace cloze

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cloze/export.h"

// attention_bench [seconds a shape]: useful GFLOP/s of attention forward and backward and of decoding at one thread, by
// CPU time, the quartile of the runs. Causal counts half of the scores, backward 2.5 times the forward.

CLOZE_EXPORT int64_t threads_set(int64_t n);
CLOZE_EXPORT void* memory_map(int64_t bytes);
CLOZE_EXPORT int64_t attention_forward(const float*, const int32_t*, float*, float*, int64_t, int64_t, int64_t, int64_t,
                                       int64_t, int64_t, int64_t, float, float, int64_t, int64_t);
CLOZE_EXPORT int64_t attention_backward(const float*, const int32_t*, const float*, const float*, const float*, float*,
                                        int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, float, float,
                                        int64_t, int64_t, int64_t);
CLOZE_EXPORT int64_t cached_attention_forward(const float*, const int32_t*, float*, float*, float*, int64_t, int64_t,
                                              int64_t, int64_t, int64_t, int64_t, int64_t, float);

namespace {

double seconds_a_shape = 0.5;

double cpu() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

float* array(int64_t n) {
    auto x = static_cast<float*>(memory_map(n * 4));
    for (int64_t i = 0; i < n; i++) x[i] = float(std::rand()) / float(RAND_MAX) * 2 - 1;
    return x;
}

template <class F>
double quartile(F&& f) {
    std::vector<double> times;
    for (double end = cpu() + seconds_a_shape / 2; cpu() < end || times.size() < 5;) {
        double begin = cpu();
        f();
        times.push_back(cpu() - begin);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 4];
}

void attention(int64_t b, int64_t heads, int64_t t, int64_t width, bool causal, float rate) {
    int64_t wide = heads * width;
    float *qkv = array(b * t * 3 * wide), *dqkv = array(b * t * 3 * wide);
    float *y = array(b * t * wide), *dy = array(b * t * wide), *lse = array(b * heads * t);
    float scale = 1 / std::sqrt(float(width));
    double forward = quartile(
        [&] { attention_forward(qkv, nullptr, y, lse, b, t, heads, heads, width, causal, 0, scale, rate, 1, 1); });
    double backward = quartile([&] {
        attention_backward(qkv, nullptr, y, lse, dy, dqkv, b, t, heads, heads, width, causal, 0, scale, rate, 1, 1, 0);
    });
    double work = 4e-9 * double(b * heads * t * t * width) / (causal ? 2 : 1);
    std::printf(
        "B%-2d H%-2d T%-4d D%-3d %s rate %.1f  forward %8.0f us %5.1f GFLOP/s  backward %8.0f us %5.1f GFLOP/s\n",
        int(b), int(heads), int(t), int(width), causal ? "causal" : "none  ", double(rate), forward * 1e6,
        work / forward, backward * 1e6, 2.5 * work / backward);
}

void decode(int64_t b, int64_t heads, int64_t kv_heads, int64_t length, int64_t width) {
    float *qkv = array(b * (heads + 2 * kv_heads) * width), *y = array(b * heads * width);
    float *keys = array(b * (length + 1) * kv_heads * width), *values = array(b * (length + 1) * kv_heads * width);
    std::vector<int32_t> starts(static_cast<size_t>(b), static_cast<int32_t>(length));
    double time = quartile([&] {
        cached_attention_forward(qkv, starts.data(), keys, values, y, b, 1, length + 1, heads, kv_heads, width, 0,
                                 0.1f);
    });
    std::printf("decode B%-2d H%d/%d length %-5d D%-3d %8.1f us %5.1f GB/s of cache\n", int(b), int(heads),
                int(kv_heads), int(length), int(width), time * 1e6,
                8e-9 * double(b * length * kv_heads * width) / time);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) seconds_a_shape = std::atof(argv[1]);
    threads_set(1);
    attention(8, 6, 256, 64, true, 0);
    attention(64, 3, 17, 64, false, 0);
    attention(64, 4, 65, 32, false, 0);
    attention(4, 12, 64, 64, true, 0);
    attention(2, 12, 197, 64, false, 0);
    attention(1, 12, 1024, 64, true, 0);
    attention(2, 8, 256, 128, false, 0);
    attention(8, 6, 256, 64, true, 0.1f);
    decode(1, 12, 12, 1024, 64);
    decode(8, 12, 12, 1024, 64);
    decode(1, 32, 8, 4096, 128);
    decode(1, 6, 6, 256, 64);
}

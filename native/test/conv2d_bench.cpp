// GFLOP/s of convolutions at one thread by CPU time, beside those of products of the same sizes in turns.
//   conv2d_bench [rounds]

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "cloze/export.h"
#include "cloze/gemm.h"

CLOZE_EXPORT int64_t threads_set(int64_t n);
CLOZE_EXPORT void* memory_map(int64_t bytes);
CLOZE_EXPORT int64_t conv2d_forward(const float* x, const float* weight, const float* bias, float* y, int64_t b,
                                    int64_t h, int64_t w, int64_t c, int64_t m, int64_t p, int64_t q, int64_t stride,
                                    int64_t padding, int64_t dilation, int64_t groups);
CLOZE_EXPORT int64_t conv2d_backward(const float* x, const float* weight, const float* dy, float* dx, float* dweight,
                                     float* dbias, int64_t b, int64_t h, int64_t w, int64_t c, int64_t m, int64_t p,
                                     int64_t q, int64_t stride, int64_t padding, int64_t dilation, int64_t groups,
                                     int64_t accumulate);

using namespace cloze;

namespace {

struct Shape {
    const char* name;
    int64_t b, h, c, m, p, stride, padding, groups;
};

constexpr Shape shapes[] = {{"ResNet 56 x 56 x 64, 3 x 3", 4, 56, 64, 64, 3, 1, 1, 1},
                            {"ResNet 28 x 28 x 128, 3 x 3", 4, 28, 128, 128, 3, 1, 1, 1},
                            {"ResNet 56 x 56 x 128, 3 x 3 by 2", 4, 56, 128, 128, 3, 2, 1, 1},
                            {"ResNet 224 x 224 x 3, 7 x 7 by 2", 2, 224, 3, 64, 7, 2, 3, 1},
                            {"AlexNet 227 x 227 x 3, 11 x 11 by 4", 4, 227, 3, 96, 11, 4, 0, 1},
                            {"AlexNet 27 x 27 x 96, 5 x 5", 4, 27, 96, 256, 5, 1, 2, 1},
                            {"AlexNet 27 x 27 x 96, 5 x 5, 2 groups", 4, 27, 96, 256, 5, 1, 2, 2},
                            {"AlexNet 13 x 13 x 256, 3 x 3", 8, 13, 256, 384, 3, 1, 1, 1}};

float* floats(int64_t n) {
    auto x = static_cast<float*>(memory_map(n * 4));
    for (int64_t i = 0; i < n; i++) x[i] = float(i % 1023) * 1e-3f - 0.5f;
    return x;
}

struct Run {
    std::function<void()> work;
    std::vector<double> seconds;

    void once() {
        timespec t, u;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        work();
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &u);
        seconds.push_back(double(u.tv_sec - t.tv_sec) + 1e-9 * double(u.tv_nsec - t.tv_nsec));
    }
    double median() {
        std::sort(seconds.begin(), seconds.end());
        return seconds[seconds.size() / 2];
    }
};

}  // namespace

int main(int argc, char** argv) {
    int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
    threads_set(1);
    std::printf("%-40s %24s %24s %24s\n", "convolution / product, GFLOP/s", "y", "dx", "dweight");
    for (const Shape& s : shapes) {
        int64_t out = (s.h + 2 * s.padding - s.p) / s.stride + 1, n = s.b * out * out, k = s.p * s.p * s.c / s.groups;
        float *x = floats(s.b * s.h * s.h * s.c), *weight = floats(s.m * k), *y = floats(n * s.m);
        float *dx = floats(s.b * s.h * s.h * s.c), *dweight = floats(s.m * k), *rows = floats(n * k);
        auto forward = [&] {
            conv2d_forward(x, weight, nullptr, y, s.b, s.h, s.h, s.c, s.m, s.p, s.p, s.stride, s.padding, 1, s.groups);
        };
        auto backward = [&](float* to_x, float* to_weight) {
            conv2d_backward(x, weight, y, to_x, to_weight, nullptr, s.b, s.h, s.h, s.c, s.m, s.p, s.p, s.stride,
                            s.padding, 1, s.groups, 0);
        };
        int64_t m = s.m / s.groups;
        Run runs[] = {{forward, {}},
                      {[&] {
                           gemm({n, m, k, rows, k, false, weight, k, true, y, m});
                       },
                       {}},
                      {[&] { backward(dx, nullptr); }, {}},
                      {[&] {
                           gemm({n, k, m, y, m, false, weight, k, false, rows, k});
                       },
                       {}},
                      {[&] { backward(nullptr, dweight); }, {}},
                      {[&] {
                           gemm({m, k, n, y, m, true, rows, k, false, dweight, k});
                       },
                       {}}};
        for (int round = 0; round < rounds; round++)
            for (Run& run : runs) run.once();
        double work = 2e-9 * double(n) * double(m) * double(k);
        std::printf("%-40s", s.name);
        for (int i = 0; i < 6; i += 2) {
            double ours = work * double(s.groups) / runs[i].median(), product = work / runs[i + 1].median();
            std::printf(" %7.1f / %6.1f = %3.0f %%", ours, product, 100 * ours / product);
        }
        std::printf("\n");
        std::fflush(stdout);
    }
}

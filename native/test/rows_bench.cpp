#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "cloze/export.h"

// CPU time of the row kernels at the shapes of the README's table, best of the rounds, interleaved: every round runs
// every case once. Usage: rows_bench [threads] [rounds] [word in the name]. GB/s counts each array once a use.

CLOZE_EXPORT int64_t threads_set(int64_t n);
CLOZE_EXPORT void* memory_map(int64_t bytes);
CLOZE_EXPORT int64_t layer_norm_forward(const float*, const float*, const float*, const float*, float*, float*, float*,
                                        float*, int64_t, int64_t, float);
CLOZE_EXPORT int64_t layer_norm_backward(const float*, const float*, const float*, const float*, const float*,
                                         const float*, float*, float*, float*, int64_t, int64_t, int64_t);
CLOZE_EXPORT int64_t rms_norm_forward(const float*, const float*, const float*, float*, float*, float*, int64_t,
                                      int64_t, float);
CLOZE_EXPORT int64_t rms_norm_backward(const float*, const float*, const float*, const float*, const float*, float*,
                                       float*, int64_t, int64_t, int64_t);
CLOZE_EXPORT int64_t gelu_forward(const float*, float*, int64_t, int64_t);
CLOZE_EXPORT int64_t gelu_backward(const float*, const float*, float*, int64_t, int64_t, int64_t);
CLOZE_EXPORT int64_t swi_glu_forward(const float*, float*, int64_t, int64_t);
CLOZE_EXPORT int64_t swi_glu_backward(const float*, const float*, float*, int64_t, int64_t, int64_t);
CLOZE_EXPORT int64_t rope_forward(const float*, const int32_t*, float*, int64_t, int64_t, int64_t, int64_t, int64_t,
                                  float);
CLOZE_EXPORT int64_t add_backward(const float*, float*, float*, int64_t, int64_t, int64_t);
CLOZE_EXPORT int64_t dropout_forward(const float*, float*, int64_t, float, int64_t, int64_t);
CLOZE_EXPORT int64_t softmax_cross_entropy_forward(float*, const int32_t*, float*, float*, int64_t, int64_t, int64_t,
                                                   int64_t, float, int64_t);
CLOZE_EXPORT int64_t embedding_backward(const int32_t*, const int32_t*, const float*, float*, float*, int64_t, int64_t,
                                        int64_t, int64_t, int64_t, int64_t);
CLOZE_EXPORT int64_t adam_w_step(const float*, float*, float*, float*, int64_t, float, float, float, float, float,
                                 float, float, float);
CLOZE_EXPORT int64_t gradient_norm_squared(const float*, float*, int64_t);
CLOZE_EXPORT int64_t gradients_add(const float*, float*, int64_t);
CLOZE_EXPORT int64_t init_normal(float*, int64_t, float, float, int64_t, int64_t);

namespace {

struct Case {
    std::string name;
    double bytes;  // read and written
    std::function<void()> run;
    double best = 1e30;
};

double seconds(clockid_t clock) {
    timespec t;
    clock_gettime(clock, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

float* array(int64_t n, uint32_t seed, float low = -1, float high = 1) {
    auto x = static_cast<float*>(memory_map(n * 4));
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        x[i] = low + (high - low) * float(seed >> 8) * 0x1p-24f;
    }
    return x;
}

void norms(std::vector<Case>& cases, int64_t n, int64_t d) {
    float *x = array(n * d, 1), *y = array(n * d, 2), *dy = array(n * d, 3), *sum = array(n * d, 4);
    float *w = array(d, 5), *b = array(d, 6), *dw = array(d, 7), *db = array(d, 8);
    float *mean = array(n, 9), *rstd = array(n, 10, 1, 2);
    std::string at = " " + std::to_string(n) + "x" + std::to_string(d);
    double bytes = 4.0 * double(n * d);
    cases.push_back({"layer_norm forward" + at, 2 * bytes,
                     [=] { layer_norm_forward(x, nullptr, w, b, y, nullptr, mean, rstd, n, d, 1e-5f); }});
    cases.push_back({"layer_norm forward, residual" + at, 4 * bytes,
                     [=] { layer_norm_forward(x, dy, w, b, y, sum, mean, rstd, n, d, 1e-5f); }});
    cases.push_back({"layer_norm backward" + at, 3 * bytes,
                     [=] { layer_norm_backward(x, w, mean, rstd, dy, nullptr, y, dw, db, n, d, 0); }});
    cases.push_back(
        {"rms_norm forward" + at, 2 * bytes, [=] { rms_norm_forward(x, nullptr, w, y, nullptr, rstd, n, d, 1e-5f); }});
    cases.push_back(
        {"rms_norm backward" + at, 3 * bytes, [=] { rms_norm_backward(x, w, rstd, dy, nullptr, y, dw, n, d, 0); }});
}

void activations(std::vector<Case>& cases) {
    int64_t n = 2048, d = 1536, all = n * d;
    float *x = array(all, 1, -4, 4), *y = array(all, 2), *dy = array(all, 3), *db = array(d, 4);
    double bytes = 4.0 * double(all);
    for (int64_t form : {1, 2}) {
        std::string name = form == 1 ? "gelu erf" : "gelu tanh";
        cases.push_back({name + " forward 2048x1536", 2 * bytes, [=] { gelu_forward(x, y, all, form); }});
        cases.push_back({name + " backward 2048x1536", 3 * bytes, [=] { gelu_backward(x, dy, y, all, form, 0); }});
    }
    cases.push_back({"swi_glu forward 2048x768", 1.5 * bytes, [=] { swi_glu_forward(x, y, n, d / 2); }});
    cases.push_back({"swi_glu backward 2048x768", 2.5 * bytes, [=] { swi_glu_backward(x, dy, y, n, d / 2, 0); }});
    cases.push_back({"dropout forward 2048x1536", 2 * bytes, [=] { dropout_forward(x, y, all, 0.1f, 1, 2); }});
    cases.push_back({"add backward, columns 2048x1536", bytes, [=] { add_backward(x, nullptr, db, n, d, 0); }});
    cases.push_back(
        {"rope 8x256, 8 heads of 64", 2 * bytes, [=] { rope_forward(x, nullptr, y, 8, 256, 8, 8, 64, 1e4f); }});
    cases.push_back({"init_normal 2048x1536", bytes, [=] { init_normal(y, all, 0, 1, 1, 2); }});
}

void cross_entropy(std::vector<Case>& cases, int64_t n, int64_t v) {
    float *x = array(n * v, 1), *loss = array(1, 2), *rows = array(n, 3);
    auto targets = static_cast<int32_t*>(memory_map(n * 4));
    for (int64_t i = 0; i < n; i++) targets[i] = int32_t(i * 7919 % v);
    std::string at = " " + std::to_string(n) + "x" + std::to_string(v);
    for (int64_t gradient : {0, 1})
        cases.push_back({(gradient ? "cross-entropy and gradient" : "cross-entropy") + at,
                         4.0 * double(n * v * (1 + gradient)),
                         [=] { softmax_cross_entropy_forward(x, targets, loss, rows, n, v, v, -100, 0, gradient); }});
}

void parameters(std::vector<Case>& cases, int64_t n) {
    float *g = array(n, 1), *w = array(n, 2), *m = array(n, 3), *v = array(n, 4, 0, 1), *out = array(1, 5);
    double bytes = 4.0 * double(n);
    cases.push_back({"adam_w 10.65 M", 7 * bytes,
                     [=] { adam_w_step(g, w, m, v, n, 1e-4f, 0.9f, 0.95f, 1e-8f, 0.1f, 1.5f, 1.2f, 1); }});
    cases.push_back({"gradients_add 10.65 M (the DRAM)", 3 * bytes, [=] { gradients_add(g, m, n); }});
    cases.push_back({"gradient_norm 10.65 M", bytes, [=] { gradient_norm_squared(g, out, n); }});
    auto ids = static_cast<int32_t*>(memory_map(2048 * 4));
    for (int i = 0; i < 2048; i++) ids[i] = i * 7919 % 256;
    cases.push_back({"embedding backward 8x256 x384 of 256", 3.0 * 4 * 2048 * 384,
                     [=] { embedding_backward(ids, nullptr, g, m, v, 8, 256, 256, 384, 256, 0); }});
}

}  // namespace

int main(int argc, char** argv) {
    int64_t threads = argc > 1 ? std::atoll(argv[1]) : 1, rounds = argc > 2 ? std::atoll(argv[2]) : 20;
    std::string word = argc > 3 ? argv[3] : "";
    threads_set(threads);
    std::vector<Case> cases;
    norms(cases, 2048, 384);
    norms(cases, 1088, 192);
    norms(cases, 8192, 768);
    activations(cases);
    cross_entropy(cases, 2048, 256);
    cross_entropy(cases, 256, 50257);
    parameters(cases, 10650000);
    clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    for (int64_t round = 0; round <= rounds; round++)
        for (auto& one : cases) {
            if (one.name.find(word) == std::string::npos) continue;
            double start = seconds(clock);
            one.run();
            one.best = std::min(one.best, seconds(clock) - start);
        }
    for (auto& one : cases)
        if (one.best < 1e29)
            std::printf("%-42s %10.0f us %7.1f GB/s\n", one.name.c_str(), 1e6 * one.best, 1e-9 * one.bytes / one.best);
}

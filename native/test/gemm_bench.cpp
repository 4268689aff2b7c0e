// GFLOP/s at one thread by CPU time, competitors interleaved, beside the FMA peak of the same moment.
//   gemm_bench [libdnnl.so.3|-] [libtorch_cpu.so|-] [rounds] [only shapes that contain this]

#include <dlfcn.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cloze/export.h"
#include "cloze/gemm.h"
#include "cloze/vec.h"

CLOZE_EXPORT int64_t threads_set(int64_t n);
CLOZE_EXPORT void* memory_map(int64_t bytes);

using namespace cloze;

namespace {

double cpu_seconds() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

// Independent multiply-adds in registers.
double peak() {
    constexpr int chains = lanes == 16 ? 28 : 12;
    vf sum[chains], x = broadcast(1.0001f), y = broadcast(0.5f);
    for (int j = 0; j < chains; j++) sum[j] = broadcast(float(j));  // equal chains would be merged
    double begin = cpu_seconds();
    int64_t n = 1 << 20;
    for (int64_t i = 0; i < n; i++) {
        asm volatile("" : "+x"(x));
#pragma GCC unroll 28
        for (int j = 0; j < chains; j++) sum[j] += x * y;
    }
    double seconds = cpu_seconds() - begin;
    vf total{};
    for (auto s : sum) total += s;
    volatile float sink = hsum(total);
    (void)sink;
    return 2e-9 * chains * lanes * double(n) / seconds;
}

using DnnlSgemm = int (*)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t,
                          float, float*, int64_t);
using Sgemm = void (*)(const char*, const char*, const int*, const int*, const int*, const float*, const float*,
                       const int*, const float*, const int*, const float*, float*, const int*);
DnnlSgemm dnnl;
Sgemm mkl;

void run_dnnl(const Product& p) {
    dnnl(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', p.n, p.m, p.k, 1, p.a, p.lda, p.b, p.ldb, 0, p.c, p.ldc);
}

void run_mkl(const Product& p) {  // column major: the transposed product
    int n = int(p.n), m = int(p.m), k = int(p.k), lda = int(p.lda), ldb = int(p.ldb), ldc = int(p.ldc);
    float one = 1, zero = 0;
    mkl(p.transpose_b ? "T" : "N", p.transpose_a ? "T" : "N", &m, &n, &k, &one, p.b, &ldb, p.a, &lda, &zero, p.c, &ldc);
}

void single(void* library) {
    if (auto set = (void (*)(int))dlsym(library, "omp_set_num_threads")) set(1);
    if (auto set = (void (*)(int))dlsym(library, "MKL_Set_Num_Threads")) set(1);
}

void* open(const char* path) {
    if (!path || std::string(path) == "-") return nullptr;
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return std::fprintf(stderr, "%s\n", dlerror()), nullptr;
    single(library);
    return library;
}

float* floats(int64_t n) {
    auto x = static_cast<float*>(memory_map(n * 4));
    for (int64_t i = 0; i < n; i++) x[i] = float(i % 1023) * 1e-3f - 0.5f;
    return x;
}

struct Competitor {
    const char* name;
    void (*run)(const Product&);
    std::vector<double> rates;
};

double median(std::vector<double> x) {
    std::sort(x.begin(), x.end());
    return x[x.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
    setenv("OMP_NUM_THREADS", "1", 1);
    setenv("MKL_NUM_THREADS", "1", 1);
    threads_set(1);
    std::vector<Competitor> all = {{"ours", gemm, {}}};
    if (void* library = open(argc > 1 ? argv[1] : nullptr)) {
        dnnl = (DnnlSgemm)dlsym(library, "dnnl_sgemm");
        all.push_back({"onednn", run_dnnl, {}});
    }
    if (void* library = open(argc > 2 ? argv[2] : nullptr)) {
        mkl = (Sgemm)dlsym(library, "sgemm_");
        if (mkl) all.push_back({"mkl", run_mkl, {}});
    }
    int rounds = argc > 3 ? std::atoi(argv[3]) : 7;
    std::string only = argc > 4 ? argv[4] : "";
    int64_t shapes[][3] = {{2048, 1152, 384}, {2048, 384, 384}, {2048, 1536, 384}, {2048, 384, 1536}, {2048, 256, 384},
                           {256, 2304, 768},  {256, 3072, 768}, {256, 768, 3072},  {256, 50257, 768}, {1088, 576, 192},
                           {1088, 768, 192},  {1088, 192, 768}, {1088, 192, 192},  {4160, 512, 128},  {4160, 128, 512},
                           {4160, 384, 128},  {1, 2304, 768},   {4, 2304, 768},    {16, 1536, 384},   {32, 1536, 384},
                           {64, 1536, 384}};
    std::printf("%-18s %-3s %7s", "n x m x k", "", "peak");
    for (auto& c : all) std::printf(" %7s   %%  ", c.name);
    std::printf("\n");
    for (auto [n, m, k] : shapes) {
        std::string name = std::to_string(n) + "x" + std::to_string(m) + "x" + std::to_string(k);
        if (name.find(only) == std::string::npos) continue;
        float *x = floats(n * k), *w = floats(m * k), *y = floats(n * m);
        float *dx = floats(n * k), *dw = floats(m * k);
        Product products[] = {{n, m, k, x, k, false, w, k, true, y, m},
                              {n, k, m, y, m, false, w, k, false, dx, k},
                              {m, k, n, y, m, true, x, k, false, dw, k}};
        const char* labels[] = {"y", "dx", "dw"};
        for (int which = 0; which < 3; which++) {
            double flop = 2e-9 * double(n) * double(m) * double(k);
            int repeat = std::max(1, int(0.6 / flop));
            std::vector<double> peaks;
            for (auto& c : all) c.rates.clear(), c.run(products[which]);
            for (int round = 0; round < rounds; round++) {
                peaks.push_back(peak());
                for (auto& c : all) {
                    double begin = cpu_seconds();
                    for (int i = 0; i < repeat; i++) c.run(products[which]);
                    c.rates.push_back(flop * repeat / (cpu_seconds() - begin));
                }
            }
            double top = median(peaks);
            std::printf("%-18s %-3s %7.1f", name.c_str(), labels[which], top);
            for (auto& c : all) std::printf(" %7.1f %5.1f", median(c.rates), 100 * median(c.rates) / top);
            std::printf("\n");
            std::fflush(stdout);
        }
        // The process ends soon: the maps stay.
    }
}

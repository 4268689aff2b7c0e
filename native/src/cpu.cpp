#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "cloze/export.h"

// The level of this machine: 0 baseline, 1 AVX2 (x86-64-v3), 2 AVX-512 (x86-64-v4). Includes the operating system's
// support for the wide registers.
CLOZE_EXPORT int64_t cpu_level() noexcept {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4")) return 2;
    if (__builtin_cpu_supports("x86-64-v3")) return 1;
#endif
    return 0;
}

namespace {

std::string features() {
    std::string all;
#if defined(__x86_64__)
    __builtin_cpu_init();
#define CLOZE_FEATURE(name) \
    if (__builtin_cpu_supports(name)) all += all.empty() ? name : " " name
    CLOZE_FEATURE("sse4.2");
    CLOZE_FEATURE("avx");
    CLOZE_FEATURE("fma");
    CLOZE_FEATURE("avx2");
    CLOZE_FEATURE("avx512f");
    CLOZE_FEATURE("avx512bw");
    CLOZE_FEATURE("avx512dq");
    CLOZE_FEATURE("avx512vl");
    CLOZE_FEATURE("avx512bf16");
    CLOZE_FEATURE("avx512vnni");
#undef CLOZE_FEATURE
#elif defined(__aarch64__)
    all = "neon";
#endif
    return all;
}

std::string model_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.rfind("model name", 0) != 0) continue;
        size_t at = line.find(": ");
        if (at != std::string::npos) return line.substr(at + 2);
    }
#if defined(__x86_64__)
    return "x86-64 processor";
#elif defined(__aarch64__)
    return "aarch64 processor";
#else
    return "processor";
#endif
}

}  // namespace

// "model name\nfeatures", truncated to capacity, always zero-terminated.
CLOZE_EXPORT int64_t cpu_describe(char* out, int64_t capacity) noexcept try {
    if (capacity <= 0) return cloze::ok;
    std::string text = model_name() + "\n" + features();
    size_t size = std::min<size_t>(text.size(), size_t(capacity) - 1);
    std::memcpy(out, text.data(), size);
    out[size] = 0;
    return cloze::ok;
}
CLOZE_CATCH

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

// What the parts of the stand-in for cuDNN share.

extern "C" bool cloze_host_inside(uint64_t p, size_t bytes);
extern "C" int cloze_host_enqueue(void* stream, const std::function<int()>* work);

namespace cloze::cudnn {

enum Status : int {
    success = 0,
    bad_param = 2000,
    null_pointer = 2002,
    misaligned = 2003,
    insufficient = 2006,
    shape_mismatch = 2008,
    not_supported = 3000,
    unsupported_layout = 3004,
    internal_error = 4000,
    execution_failed = 5000
};
enum Type : int { f32 = 0, bf16 = 9 };
enum Math : int { by_default = 0, tensor_op = 1, allow_conversion = 2, fma_alone = 3 };

constexpr uint64_t alignment = 16;

// What a tensor descriptor and a filter descriptor hold: a filter has k in the place of n.
struct Tensor {
    int type = -1;
    int64_t n = 0, c = 0, h = 0, w = 0;

    size_t elements() const { return size_t(n * c * h * w); }
    size_t bytes() const { return elements() * (type == bf16 ? 2 : 4); }
    int64_t at(int64_t i, int64_t y, int64_t x, int64_t channel) const { return ((i * h + y) * w + x) * c + channel; }
};

struct Handle {
    void* stream = nullptr;
};

// A factor as tensor cores take it.
inline float tf32(float value) {
    if (value != value) return value;
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    bits = (bits + 0x1000) & ~uint32_t{0x1fff};
    return std::memcpy(&value, &bits, 4), value;
}

// What a descriptor holds; nothing yet, if there is none.
template <class T>
T told(const T* descriptor) {
    return descriptor ? *descriptor : T{};
}

int create(auto** made) {
    return made ? (*made = new std::remove_reference_t<decltype(**made)>, success) : null_pointer;
}

// The status that the next call that computes answers; bytes of workspace that each says it needs.
inline std::atomic<int> failing{0};
inline std::atomic<size_t> workspace_bytes{4096};

}  // namespace cloze::cudnn

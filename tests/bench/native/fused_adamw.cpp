// libtorch's fused AdamW, which its C++ frontend and so its Java API do not offer, without libtorch's headers.

#include <dlfcn.h>

#include <cstdint>

#include "cloze/export.h"

namespace {

// c10::ArrayRef<Tensor>: by value in two registers, as this is.
struct Tensors {
    const void* data;
    uint64_t size;
};

// std::optional<Tensor>
struct OptionalTensor {
    void* tensor;
    bool present;
};

// params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, lr, beta1, beta2, weight_decay, eps, amsgrad, maximize,
// grad_scale, found_inf
using FusedAdamW = void (*)(Tensors, Tensors, Tensors, Tensors, Tensors, Tensors, double, double, double, double,
                            double, bool, bool, const OptionalTensor*, const OptionalTensor*);

constexpr char symbol[] =
    "_ZN2at4_ops13_fused_adamw_4callEN3c108ArrayRefINS_6TensorEEES5_S5_S5_S5_S5_dddddbb"
    "RKSt8optionalIS4_ES9_";

FusedAdamW found = nullptr;

// Of a std::vector<at::Tensor>: begin and end, each tensor one pointer.
Tensors tensors(const void* vector) {
    auto ends = static_cast<const char* const*>(vector);
    return {ends[0], uint64_t(ends[1] - ends[0]) / sizeof(void*)};
}

}  // namespace

// 1 if the libtorch of this process has it.
CLOZE_EXPORT int64_t fused_adamw_open() {
    void* torch = dlopen("libtorch_cpu.so", RTLD_NOLOAD | RTLD_LAZY);
    found = torch ? reinterpret_cast<FusedAdamW>(dlsym(torch, symbol)) : nullptr;
    return found != nullptr;
}

// All std::vector<at::Tensor>*; steps counts updates, one f32 scalar a parameter.
CLOZE_EXPORT void fused_adamw_step(const void* weights, const void* gradients, const void* m, const void* v,
                                   const void* steps, double lr, double beta1, double beta2, double decay,
                                   double epsilon) {
    OptionalTensor none{nullptr, false};
    found(tensors(weights), tensors(gradients), tensors(m), tensors(v), {nullptr, 0}, tensors(steps), lr, beta1, beta2,
          decay, epsilon, false, false, &none, &none);
}

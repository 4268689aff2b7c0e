// A stand-in libcudnn.so.9 over the memory of the stand-in driver: naive convolutions of tensors in NHWC, and a check
// of every argument, answered with cuDNN's numbers. Functions have the version that JCudnn was linked against, see
// cudnn.map. Algorithms that are said to give other bits each time do so, transforms lose digits, tf32 rounds
// factors; all need a workspace and spoil it.

#include "cudnn.h"

#include <cmath>
#include <limits>
#include <memory>

using namespace cloze::cudnn;

namespace {

enum Direction : int { forward, input, weight };

constexpr int nhwc = 1, cross_correlation = 1;

struct Window {
    int pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    int groups = 1, math = by_default;
    bool set = false;
};

struct Perf {
    int algorithm, status;
    float time;
    size_t memory;
    int deterministic, math, reserved[3];
};
static_assert(sizeof(Perf) == 48);

struct Advice {
    int algorithm, status;
    bool deterministic, transforms;
};

// What the heuristics say of each direction, the best first: with traps before what may be taken.
constexpr Advice advised[3][4] = {
    {{7, unsupported_layout, true, true},
     {6, success, true, true},
     {1, success, true, false},
     {0, success, true, false}},
    {{0, success, false, false},
     {5, unsupported_layout, true, true},
     {4, success, true, true},
     {1, success, true, false}},
    {{3, success, false, false}, {0, success, false, false}, {5, success, true, true}, {1, success, true, false}}};

std::atomic<int> allowed{-1};
std::atomic<uint64_t> done{0};

float read(const Tensor& t, uint64_t p, int64_t i) {
    if (t.type == f32) return reinterpret_cast<const float*>(p)[i];
    uint32_t bits = uint32_t{reinterpret_cast<const uint16_t*>(p)[i]} << 16;
    float x;
    return std::memcpy(&x, &bits, 4), x;
}

void write(const Tensor& t, uint64_t p, int64_t i, float x) {
    if (t.type == f32) return void(reinterpret_cast<float*>(p)[i] = x);
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    auto rounded = uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    reinterpret_cast<uint16_t*>(p)[i] = x != x ? uint16_t(0x7fff) : rounded;
}

// A convolution with its data.
struct Problem {
    Direction direction;
    Tensor x, w, y;
    Window window;
    uint64_t px = 0, pw = 0, py = 0;
    float alpha = 1, beta = 0;
    bool backwards = false;   // order of sums
    bool transforms = false;  // which lose digits

    const Tensor& result() const { return direction == forward ? y : direction == input ? x : w; }
    uint64_t to() const { return direction == forward ? py : direction == input ? px : pw; }

    float factor(const Tensor& t, uint64_t p, int64_t i) const {
        float value = read(t, p, i);
        return t.type != f32 || (window.math == fma_alone && !transforms) ? value : tf32(value);
    }

    // Calls f with where x, w and y meet, for all that goes into them, in order.
    template <class F>
    void each(F f) const {
        int64_t group_c = w.c, group_m = w.n / window.groups;
        auto of = [&](int64_t i, int64_t m, int64_t row, int64_t column) {
            for (int64_t r = 0; r < w.h; r++)
                for (int64_t s = 0; s < w.w; s++)
                    for (int64_t c = 0; c < w.c; c++) {
                        int64_t a = row * window.stride_h - window.pad_h + r * window.dilation_h;
                        int64_t b = column * window.stride_w - window.pad_w + s * window.dilation_w;
                        if (a < 0 || a >= x.h || b < 0 || b >= x.w) continue;
                        f(x.at(i, a, b, m / group_m * group_c + c), w.at(m, r, s, c), y.at(i, row, column, m));
                    }
        };
        int64_t count = y.n * y.h * y.w;
        for (int64_t k = 0; k < count; k++) {
            int64_t at = backwards ? count - 1 - k : k;
            for (int64_t m = 0; m < y.c; m++) of(at / (y.h * y.w), m, at / y.w % y.h, at % y.w);
        }
    }

    int run() const {
        size_t size = result().elements();
        std::unique_ptr<float[]> sums(new float[size]());
        each([&](int64_t ix, int64_t iw, int64_t iy) {
            float a = direction == input ? factor(y, py, iy) : factor(x, px, ix);
            float b = direction == weight ? factor(y, py, iy) : factor(w, pw, iw);
            sums[size_t(direction == forward ? iy : direction == input ? ix : iw)] += a * b;
        });
        for (size_t i = 0; i < size; i++) {
            float before = beta != 0 ? beta * read(result(), to(), int64_t(i)) : 0;
            write(result(), to(), int64_t(i), alpha * sums[i] + before);
        }
        return success;
    }
};

int64_t outputs(int64_t extent, int64_t side, int pad, int stride, int dilation) {
    return (extent + 2 * pad - dilation * (side - 1) - 1) / stride + 1;
}

int judge(const Handle* handle, const Problem& p) {
    const Window& v = p.window;
    if (!handle || !v.set || p.x.type < 0 || p.w.type < 0 || p.y.type < 0) return bad_param;
    if (p.x.type != p.w.type || p.x.type != p.y.type) return bad_param;
    if (p.x.c != p.w.c * v.groups || p.w.n % v.groups || p.x.n != p.y.n || p.y.c != p.w.n) return shape_mismatch;
    bool fits = p.y.h == outputs(p.x.h, p.w.h, v.pad_h, v.stride_h, v.dilation_h) &&
                p.y.w == outputs(p.x.w, p.w.w, v.pad_w, v.stride_w, v.dilation_w);
    return fits ? success : shape_mismatch;
}

int advise(const Handle* handle, const Problem& p, int wanted, int* count, Perf* to) {
    if (!count || !to || wanted < 1) return bad_param;
    *count = 0;
    if (int status = judge(handle, p)) return status;
    for (const Advice& a : advised[p.direction]) {
        if (!(allowed >> a.algorithm & 1) || *count == wanted) continue;
        to[(*count)++] = {a.algorithm,   a.status, a.status ? -1.f : 1.f, workspace_bytes, int{a.deterministic},
                          p.window.math, {}};
    }
    return *count ? success : not_supported;
}

int needs(const Handle* handle, const Problem& p, int algorithm, size_t* bytes) {
    if (!bytes) return null_pointer;
    if (int status = judge(handle, p)) return status;
    for (const Advice& a : advised[p.direction])
        if (a.algorithm == algorithm && !a.status) return *bytes = workspace_bytes, success;
    return not_supported;
}

int convolve(const Handle* handle, Problem p, const float* alpha, const float* beta, int algorithm, uint64_t workspace,
             size_t bytes) {
    size_t least = 0;
    if (int status = needs(handle, p, algorithm, &least)) return status;
    if (!alpha || !beta || !p.px || !p.pw || !p.py || (bytes && !workspace)) return null_pointer;
    if ((p.px | p.pw | p.py | workspace) % alignment) return misaligned;
    if (bytes < least) return insufficient;
    if (int status = failing.exchange(0)) return status;
    if (!handle->stream) return execution_failed;
    if (!cloze_host_inside(p.px, p.x.bytes()) || !cloze_host_inside(p.pw, p.w.bytes()) ||
        !cloze_host_inside(p.py, p.y.bytes()) || !cloze_host_inside(workspace, bytes))
        return execution_failed;
    p.alpha = *alpha, p.beta = *beta;
    for (const Advice& a : advised[p.direction])
        if (a.algorithm == algorithm) p.backwards = !a.deterministic && done % 2, p.transforms = a.transforms;
    done++;
    std::function<int()> work = [p, workspace, bytes] {
        std::memset(reinterpret_cast<void*>(workspace), 0xff, bytes);
        return p.run();
    };
    return cloze_host_enqueue(handle->stream, &work) ? execution_failed : success;
}

int tell(Tensor* t, int format, int type, int n, int c, int h, int w) {
    if (!t) return null_pointer;
    if (n < 1 || c < 1 || h < 1 || w < 1 || (type != f32 && type != bf16)) return bad_param;
    if (format != nhwc) return not_supported;  // by this stand-in
    if (int64_t{n} * c * h > std::numeric_limits<int>::max() / w) return not_supported;
    return *t = {type, n, c, h, w}, success;
}

}  // namespace

extern "C" {

size_t cudnnGetVersion() {
    return 90100;
}
const char* cudnnGetErrorString(int status) {
    switch (status) {
        case success:
            return "CUDNN_STATUS_SUCCESS";
        case bad_param:
            return "CUDNN_STATUS_BAD_PARAM";
        case null_pointer:
            return "CUDNN_STATUS_BAD_PARAM_NULL_POINTER";
        case misaligned:
            return "CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER";
        case insufficient:
            return "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT";
        case shape_mismatch:
            return "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH";
        case not_supported:
            return "CUDNN_STATUS_NOT_SUPPORTED";
        case internal_error:
            return "CUDNN_STATUS_INTERNAL_ERROR";
        case execution_failed:
            return "CUDNN_STATUS_EXECUTION_FAILED";
        default:
            return "CUDNN_UNKNOWN_STATUS";
    }
}

int cudnnCreate(Handle** handle) {
    return create(handle);
}
int cudnnDestroy(Handle* handle) {
    return delete handle, success;
}
int cudnnSetStream(Handle* handle, void* stream) {
    return handle ? (handle->stream = stream, success) : bad_param;
}

int cudnnCreateTensorDescriptor(Tensor** t) {
    return create(t);
}
int cudnnDestroyTensorDescriptor(Tensor* t) {
    return delete t, success;
}
int cudnnSetTensor4dDescriptor(Tensor* t, int format, int type, int n, int c, int h, int w) {
    return tell(t, format, type, n, c, h, w);
}
int cudnnCreateFilterDescriptor(Tensor** t) {
    return create(t);
}
int cudnnDestroyFilterDescriptor(Tensor* t) {
    return delete t, success;
}
int cudnnSetFilter4dDescriptor(Tensor* t, int type, int format, int k, int c, int h, int w) {
    return tell(t, format, type, k, c, h, w);
}

int cudnnCreateConvolutionDescriptor(Window** v) {
    return create(v);
}
int cudnnDestroyConvolutionDescriptor(Window* v) {
    return delete v, success;
}
int cudnnSetConvolution2dDescriptor(Window* v, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h,
                                    int dilation_w, int mode, int compute) {
    if (!v) return null_pointer;
    if (pad_h < 0 || pad_w < 0 || stride_h < 1 || stride_w < 1 || dilation_h < 1 || dilation_w < 1) return bad_param;
    if (mode != cross_correlation || compute != f32) return bad_param;
    *v = {pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w, 1, by_default, true};
    return success;
}
int cudnnSetConvolutionGroupCount(Window* v, int groups) {
    return v && groups > 0 ? (v->groups = groups, success) : bad_param;
}
int cudnnSetConvolutionMathType(Window* v, int math) {
    return v && math >= by_default && math <= fma_alone ? (v->math = math, success) : bad_param;
}

int cudnnGetConvolutionForwardAlgorithm_v7(Handle* handle, const Tensor* x, const Tensor* w, const Window* v,
                                           const Tensor* y, int wanted, int* count, Perf* to) {
    return advise(handle, {forward, told(x), told(w), told(y), told(v)}, wanted, count, to);
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(Handle* handle, const Tensor* w, const Tensor* dy, const Window* v,
                                                const Tensor* dx, int wanted, int* count, Perf* to) {
    return advise(handle, {input, told(dx), told(w), told(dy), told(v)}, wanted, count, to);
}
int cudnnGetConvolutionBackwardFilterAlgorithm_v7(Handle* handle, const Tensor* x, const Tensor* dy, const Window* v,
                                                  const Tensor* dw, int wanted, int* count, Perf* to) {
    return advise(handle, {weight, told(x), told(dw), told(dy), told(v)}, wanted, count, to);
}

int cudnnGetConvolutionForwardWorkspaceSize(Handle* handle, const Tensor* x, const Tensor* w, const Window* v,
                                            const Tensor* y, int algorithm, size_t* bytes) {
    return needs(handle, {forward, told(x), told(w), told(y), told(v)}, algorithm, bytes);
}
int cudnnGetConvolutionBackwardDataWorkspaceSize(Handle* handle, const Tensor* w, const Tensor* dy, const Window* v,
                                                 const Tensor* dx, int algorithm, size_t* bytes) {
    return needs(handle, {input, told(dx), told(w), told(dy), told(v)}, algorithm, bytes);
}
int cudnnGetConvolutionBackwardFilterWorkspaceSize(Handle* handle, const Tensor* x, const Tensor* dy, const Window* v,
                                                   const Tensor* dw, int algorithm, size_t* bytes) {
    return needs(handle, {weight, told(x), told(dw), told(dy), told(v)}, algorithm, bytes);
}

int cudnnConvolutionForward(Handle* handle, const float* alpha, const Tensor* x, uint64_t px, const Tensor* w,
                            uint64_t pw, const Window* v, int algorithm, uint64_t workspace, size_t bytes,
                            const float* beta, const Tensor* y, uint64_t py) {
    return convolve(handle, {forward, told(x), told(w), told(y), told(v), px, pw, py}, alpha, beta, algorithm,
                    workspace, bytes);
}
int cudnnConvolutionBackwardData(Handle* handle, const float* alpha, const Tensor* w, uint64_t pw, const Tensor* dy,
                                 uint64_t pdy, const Window* v, int algorithm, uint64_t workspace, size_t bytes,
                                 const float* beta, const Tensor* dx, uint64_t pdx) {
    return convolve(handle, {input, told(dx), told(w), told(dy), told(v), pdx, pw, pdy}, alpha, beta, algorithm,
                    workspace, bytes);
}
int cudnnConvolutionBackwardFilter(Handle* handle, const float* alpha, const Tensor* x, uint64_t px, const Tensor* dy,
                                   uint64_t pdy, const Window* v, int algorithm, uint64_t workspace, size_t bytes,
                                   const float* beta, const Tensor* dw, uint64_t pdw) {
    return convolve(handle, {weight, told(x), told(dw), told(dy), told(v), px, pdw, pdy}, alpha, beta, algorithm,
                    workspace, bytes);
}

// Which algorithms it advises, a bit each by its number; all at first.
void cloze_host_algorithms(int mask) {
    allowed = mask;
}
// Bytes of workspace that each algorithm and each layer says it needs.
void cloze_host_workspace(int kibibytes) {
    workspace_bytes = size_t(kibibytes) << 10;
}
// The status that the next call that computes answers.
void cloze_host_status(int status) {
    failing = status;
}
// How many convolutions it has been asked for.
uint64_t cloze_host_convolutions() {
    return done;
}

}  // extern "C"

// Layers of LSTM of the stand-in libcudnn.so.9: naive, in f32, with a check of every argument. Matrices in the buffer
// of weights begin at multiples of 32 bytes, in an order of its own; what is kept for backward is spread by tokens
// first, and says how far the calls have come that must follow one another.

#include <cmath>
#include <vector>

#include "cudnn.h"

using namespace cloze::cudnn;

namespace {

constexpr int lstm = 2, standard = 0, no_bias = 0, input_bias = 1, batch_major_unpacked = 2, padded_io = 1;
constexpr int gates = 4;

struct Dropout {
    bool set = false;
};

struct Layer {
    bool set = false, bias = false;
    int math = by_default;
    int64_t in = 0, hidden = 0;
};

struct Data {
    bool set = false;
    int64_t t = 0, b = 0, columns = 0;

    size_t bytes() const { return size_t(t * b * columns) * sizeof(float); }
};

std::atomic<uint64_t> done{0};

constexpr int64_t padded(int64_t floats) {
    return (floats + 7) / 8 * 8;
}

// Where the buffer of weights has what, in floats.
struct Weights {
    Layer layer;

    int64_t matrix(int id) const {  // those of the hidden state come first
        int64_t of_hidden = padded(layer.hidden * layer.hidden), of_input = padded(layer.hidden * layer.in);
        return id >= gates ? (id - gates) * of_hidden : gates * of_hidden + id * of_input;
    }
    int64_t bias(int id) const { return matrix(gates - 1) + padded(layer.hidden * layer.in) + id * layer.hidden; }
    size_t bytes() const { return size_t(bias(layer.bias ? gates : 0)) * sizeof(float); }
};

enum Phase : uint32_t { forward_done = 0x10000001, data_done };

// [t, b, ..]: gates, then cells, behind a word.
struct Kept {
    float* memory;
    int64_t b, t, hidden;

    static size_t bytes(const Layer& layer, const Data& x) {
        return size_t(64 + 5 * x.t * x.b * layer.hidden) * sizeof(float) + 1024;
    }
    uint32_t& phase() const { return *reinterpret_cast<uint32_t*>(memory); }
    float* gate(int64_t row, int64_t token) const { return memory + 64 + (token * b + row) * gates * hidden; }
    float* cell(int64_t row, int64_t token) const { return memory + 64 + (gates * t * b + token * b + row) * hidden; }
};

float sigmoid(float x) {
    return 1 / (1 + std::exp(-x));
}

struct Problem {
    Layer layer;
    Data x;
    uint64_t px = 0, py = 0, ph = 0, pc = 0, weights = 0, kept = 0;

    const float* floats(uint64_t p, int64_t at) const { return reinterpret_cast<const float*>(p) + at; }
    float* written(uint64_t p, int64_t at) const { return reinterpret_cast<float*>(p) + at; }
    const float* matrix(uint64_t from, int id) const { return floats(from, Weights{layer}.matrix(id)); }
    Kept memory() const { return {written(kept, 0), x.b, x.t, layer.hidden}; }
    float factor(float value) const { return layer.math == fma_alone ? value : tf32(value); }

    const float* input(int64_t row, int64_t token) const { return floats(px, (row * x.t + token) * layer.in); }
    const float* before(int64_t row, int64_t token) const {
        return token ? floats(py, (row * x.t + token - 1) * layer.hidden) : floats(ph, row * layer.hidden);
    }

    float dot(const float* a, const float* b, int64_t n) const {
        float sum = 0;
        for (int64_t i = 0; i < n; i++) sum += factor(a[i]) * factor(b[i]);
        return sum;
    }

    int forward(uint64_t last_h, uint64_t last_c) const {
        int64_t hidden = layer.hidden;
        Kept k = memory();
        for (int64_t row = 0; row < x.b; row++)
            for (int64_t token = 0; token < x.t; token++) {
                float *gate = k.gate(row, token), *cell = k.cell(row, token);
                const float* earlier = token ? k.cell(row, token - 1) : floats(pc, row * hidden);
                for (int id = 0; id < gates; id++)
                    for (int64_t j = 0; j < hidden; j++) {
                        float sum = dot(input(row, token), matrix(weights, id) + j * layer.in, layer.in) +
                                    dot(before(row, token), matrix(weights, gates + id) + j * hidden, hidden);
                        if (layer.bias) sum += *floats(weights, Weights{layer}.bias(id) + j);
                        gate[id * hidden + j] = id == 2 ? std::tanh(sum) : sigmoid(sum);
                    }
                for (int64_t j = 0; j < hidden; j++) {
                    cell[j] = gate[hidden + j] * earlier[j] + gate[j] * gate[2 * hidden + j];
                    *written(py, (row * x.t + token) * hidden + j) = gate[3 * hidden + j] * std::tanh(cell[j]);
                }
                if (token < x.t - 1) continue;
                std::memcpy(written(last_h, row * hidden), before(row, x.t), size_t(hidden) * sizeof(float));
                std::memcpy(written(last_c, row * hidden), cell, size_t(hidden) * sizeof(float));
            }
        k.phase() = forward_done;
        return success;
    }

    // Gradients of gates take the places of the gates.
    int backward(uint64_t dy, uint64_t dlast_h, uint64_t dlast_c, uint64_t dx, uint64_t dh, uint64_t dc) const {
        int64_t hidden = layer.hidden;
        Kept k = memory();
        if (k.phase() != forward_done) return execution_failed;
        for (int64_t row = 0; row < x.b; row++) {
            std::vector<float> to_h(size_t(hidden), 0.f), to_c(size_t(hidden), 0.f);
            if (dlast_h) std::memcpy(to_h.data(), floats(dlast_h, row * hidden), to_h.size() * sizeof(float));
            if (dlast_c) std::memcpy(to_c.data(), floats(dlast_c, row * hidden), to_c.size() * sizeof(float));
            for (int64_t token = x.t - 1; token >= 0; token--) {
                float *gate = k.gate(row, token), *cell = k.cell(row, token);
                const float* earlier = token ? k.cell(row, token - 1) : floats(pc, row * hidden);
                for (int64_t j = 0; j < hidden; j++) {
                    float i = gate[j], f = gate[hidden + j], g = gate[2 * hidden + j], o = gate[3 * hidden + j];
                    float squashed = std::tanh(cell[j]);
                    float out = to_h[size_t(j)] + *floats(dy, (row * x.t + token) * hidden + j);
                    float inner = to_c[size_t(j)] + out * o * (1 - squashed * squashed);
                    gate[j] = inner * g * i * (1 - i), gate[hidden + j] = inner * earlier[j] * f * (1 - f);
                    gate[2 * hidden + j] = inner * i * (1 - g * g);
                    gate[3 * hidden + j] = out * squashed * o * (1 - o);
                    to_c[size_t(j)] = inner * f;
                }
                auto back = [&](int first, int64_t columns, float* to) {
                    for (int64_t column = 0; column < columns; column++) {
                        float sum = 0;
                        for (int64_t j = 0; j < gates * hidden; j++)
                            sum += factor(gate[j]) *
                                   factor(matrix(weights, first + int(j / hidden))[j % hidden * columns + column]);
                        to[column] = sum;
                    }
                };
                back(gates, hidden, to_h.data());
                back(0, layer.in, written(dx, (row * x.t + token) * layer.in));
            }
            if (dh) std::memcpy(written(dh, row * hidden), to_h.data(), to_h.size() * sizeof(float));
            if (dc) std::memcpy(written(dc, row * hidden), to_c.data(), to_c.size() * sizeof(float));
        }
        k.phase() = data_done;
        return success;
    }

    // Adds to what is there.
    int backward_weights(uint64_t to) const {
        int64_t hidden = layer.hidden;
        Kept k = memory();
        if (k.phase() != data_done) return execution_failed;
        for (int64_t row = 0; row < x.b; row++)
            for (int64_t token = 0; token < x.t; token++)
                for (int64_t j = 0; j < gates * hidden; j++) {
                    float slope = k.gate(row, token)[j];
                    auto add = [&](int first, const float* factors, int64_t columns) {
                        float* line =
                            written(to, Weights{layer}.matrix(first + int(j / hidden)) + j % hidden * columns);
                        for (int64_t i = 0; i < columns; i++) line[i] += factor(slope) * factor(factors[i]);
                    };
                    add(0, input(row, token), layer.in);
                    add(gates, before(row, token), hidden);
                    if (layer.bias) *written(to, Weights{layer}.bias(0) + j) += slope;
                }
        return success;
    }
};

bool fits(const Layer& layer, const Data& x, const Data& y, const Tensor& h, const Tensor& c) {
    auto state = [&](const Tensor& s) {
        return s.type == f32 && s.n == 1 && s.c == x.b && s.h == layer.hidden && s.w == 1;
    };
    return layer.set && x.set && y.set && x.columns == layer.in && y.columns == layer.hidden && x.b == y.b &&
           x.t == y.t && state(h) && state(c);
}

struct Buffers {
    uint64_t lengths;
    size_t weight_bytes;
    uint64_t weights;
    size_t workspace_size;
    uint64_t workspace;
    size_t kept_bytes;
    uint64_t kept;
};

// Checks what all calls have, and runs; `needed` are tensors that must be there, `more` those that may be missing.
int run(const Handle* handle, const Problem& p, const Buffers& has,
        std::initializer_list<std::pair<uint64_t, size_t>> needed,
        std::initializer_list<std::pair<uint64_t, size_t>> more, std::function<int()> call) {
    if (!handle) return bad_param;
    if (has.lengths) return bad_param;  // this stand-in wants none, as cuDNN does not look at them
    if (has.weight_bytes < Weights{p.layer}.bytes() || has.workspace_size < workspace_bytes ||
        has.kept_bytes < Kept::bytes(p.layer, p.x))
        return insufficient;
    if (int status = failing.exchange(0)) return status;
    if (!handle->stream) return execution_failed;
    auto check = [](uint64_t at, size_t bytes, bool may_miss) -> int {
        if (!at) return may_miss ? success : null_pointer;
        if (at % alignment) return misaligned;
        return cloze_host_inside(at, bytes) ? success : execution_failed;
    };
    for (auto [at, bytes] : needed)
        if (int status = check(at, bytes, false)) return status;
    for (auto [at, bytes] : more)
        if (int status = check(at, bytes, true)) return status;
    if (int status = check(has.weights, has.weight_bytes, false)) return status;
    if (int status = check(has.workspace, has.workspace_size, false)) return status;
    if (int status = check(has.kept, has.kept_bytes, false)) return status;
    done++;
    std::function<int()> work = [call, has] {
        std::memset(reinterpret_cast<void*>(has.workspace), 0xff, has.workspace_size);
        return call();
    };
    return cloze_host_enqueue(handle->stream, &work) ? execution_failed : success;
}

}  // namespace

extern "C" {

int cudnnSetTensorNdDescriptor(Tensor* t, int type, int rank, const int* dims, const int* strides) {
    if (!t || !dims || !strides) return null_pointer;
    if (rank != 3 || type != f32) return not_supported;  // by this stand-in
    if (dims[0] < 1 || dims[1] < 1 || dims[2] < 1) return bad_param;
    if (strides[2] != 1 || strides[1] != dims[2] || strides[0] != dims[1] * dims[2]) return bad_param;
    return *t = {type, dims[0], dims[1], dims[2], 1}, success;
}

int cudnnCreateDropoutDescriptor(Dropout** d) {
    return create(d);
}
int cudnnDestroyDropoutDescriptor(Dropout* d) {
    return delete d, success;
}
int cudnnSetDropoutDescriptor(Dropout* d, Handle* handle, float rate, uint64_t, size_t, unsigned long long) {
    return d && handle && rate == 0 ? (d->set = true, success) : bad_param;
}

int cudnnCreateRNNDescriptor(Layer** l) {
    return create(l);
}
int cudnnDestroyRNNDescriptor(Layer* l) {
    return delete l, success;
}
int cudnnSetRNNDescriptor_v8(Layer* l, int algorithm, int cell, int bias, int direction, int input_mode, int type,
                             int math_type, int math, int in, int hidden, int projection, int layers,
                             const Dropout* dropout, unsigned flags) {
    if (!l || !dropout || !dropout->set) return bad_param;
    if (algorithm != standard || cell != lstm || direction || input_mode || layers != 1) return not_supported;
    if (type != f32 || math_type != f32 || flags != padded_io || projection != hidden) return bad_param;
    if (in < 1 || hidden < 1 || (bias != no_bias && bias != input_bias)) return bad_param;
    if (math != by_default && math != fma_alone) return bad_param;
    return *l = {true, bias == input_bias, math, in, hidden}, success;
}

int cudnnCreateRNNDataDescriptor(Data** d) {
    return create(d);
}
int cudnnDestroyRNNDataDescriptor(Data* d) {
    return delete d, success;
}
int cudnnSetRNNDataDescriptor(Data* d, int type, int layout, int tokens, int batch, int columns, const int* lengths,
                              const void*) {
    if (!d || !lengths) return null_pointer;
    if (type != f32 || layout != batch_major_unpacked || tokens < 1 || batch < 1 || columns < 1) return bad_param;
    for (int i = 0; i < batch; i++)
        if (lengths[i] != tokens) return not_supported;  // by this stand-in
    return *d = {true, tokens, batch, columns}, success;
}

int cudnnGetRNNWeightSpaceSize(Handle* handle, const Layer* l, size_t* bytes) {
    if (!handle || !l || !l->set || !bytes) return bad_param;
    return *bytes = Weights{*l}.bytes(), success;
}
int cudnnGetRNNTempSpaceSizes(Handle* handle, const Layer* l, int training, const Data* x, size_t* workspace,
                              size_t* kept) {
    if (!handle || !l || !l->set || !x || !x->set || training != 1 || !workspace || !kept) return bad_param;
    return *workspace = workspace_bytes, *kept = Kept::bytes(*l, *x), success;
}
int cudnnGetRNNWeightParams(Handle* handle, const Layer* l, int pseudo_layer, size_t bytes, uint64_t base, int id,
                            Tensor* matrix, uint64_t* at_matrix, Tensor* bias, uint64_t* at_bias) {
    if (!handle || !l || !l->set || pseudo_layer || id < 0 || id >= 2 * gates || !base) return bad_param;
    if (!matrix || !bias || !at_matrix || !at_bias || bytes < Weights{*l}.bytes()) return bad_param;
    Weights weights{*l};
    *matrix = {f32, 1, l->hidden, id < gates ? l->in : l->hidden, 1};
    *at_matrix = base + uint64_t(weights.matrix(id)) * sizeof(float);
    *bias = {f32, 1, l->hidden, 1, 1};
    *at_bias = l->bias && id < gates ? base + uint64_t(weights.bias(id)) * sizeof(float) : 0;
    return success;
}

int cudnnRNNForward(Handle* handle, const Layer* layer, int training, uint64_t lengths, const Data* x, uint64_t px,
                    const Data* y, uint64_t py, const Tensor* h, uint64_t ph, uint64_t last_h, const Tensor* c,
                    uint64_t pc, uint64_t last_c, size_t weight_bytes, uint64_t weights, size_t workspace_size,
                    uint64_t workspace, size_t kept_bytes, uint64_t kept) {
    if (training != 1 || !fits(told(layer), told(x), told(y), told(h), told(c))) return bad_param;
    Problem p{*layer, *x, px, py, ph, pc, weights, kept};
    return run(handle, p, {lengths, weight_bytes, weights, workspace_size, workspace, kept_bytes, kept},
               {{px, x->bytes()}, {py, y->bytes()}},
               {{ph, h->bytes()}, {pc, c->bytes()}, {last_h, h->bytes()}, {last_c, c->bytes()}},
               [=] { return p.forward(last_h, last_c); });
}
int cudnnRNNBackwardData_v8(Handle* handle, const Layer* layer, uint64_t lengths, const Data* y, uint64_t py,
                            uint64_t dy, const Data* x, uint64_t dx, const Tensor* h, uint64_t ph, uint64_t dlast_h,
                            uint64_t dh, const Tensor* c, uint64_t pc, uint64_t dlast_c, uint64_t dc,
                            size_t weight_bytes, uint64_t weights, size_t workspace_size, uint64_t workspace,
                            size_t kept_bytes, uint64_t kept) {
    if (!fits(told(layer), told(x), told(y), told(h), told(c))) return bad_param;
    Problem p{*layer, *x, 0, py, ph, pc, weights, kept};
    size_t state = h->bytes();
    return run(handle, p, {lengths, weight_bytes, weights, workspace_size, workspace, kept_bytes, kept},
               {{py, y->bytes()}, {dy, y->bytes()}, {dx, x->bytes()}},
               {{ph, state}, {pc, state}, {dlast_h, state}, {dlast_c, state}, {dh, state}, {dc, state}},
               [=] { return p.backward(dy, dlast_h, dlast_c, dx, dh, dc); });
}
int cudnnRNNBackwardWeights_v8(Handle* handle, const Layer* layer, int mode, uint64_t lengths, const Data* x,
                               uint64_t px, const Tensor* h, uint64_t ph, const Data* y, uint64_t py,
                               size_t weight_bytes, uint64_t dweights, size_t workspace_size, uint64_t workspace,
                               size_t kept_bytes, uint64_t kept) {
    if (mode || !fits(told(layer), told(x), told(y), told(h), told(h))) return bad_param;
    Problem p{*layer, *x, px, py, ph, 0, 0, kept};
    return run(handle, p, {lengths, weight_bytes, dweights, workspace_size, workspace, kept_bytes, kept},
               {{px, x->bytes()}, {py, y->bytes()}}, {{ph, h->bytes()}}, [=] { return p.backward_weights(dweights); });
}

// How many calls of layers it has been asked for.
uint64_t cloze_host_layers() {
    return done;
}

}  // extern "C"

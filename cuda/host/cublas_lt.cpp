// A stand-in libcublasLt.so.13 over the memory of the stand-in driver: naive matrix multiplication, and a check of
// every argument, answered with cuBLAS's numbers. cloze_host_epilogues() tells which epilogues it has, all at first.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

extern "C" bool cloze_host_inside(uint64_t p, size_t bytes);
extern "C" int cloze_host_answer_of(const char* function);
extern "C" int cloze_host_enqueue(void* stream, const std::function<int()>* work);

namespace {

enum Status : int { success = 0, invalid_value = 7, execution_failed = 13, not_supported = 15 };
enum Type : int { f32 = 0, bf16 = 14 };
enum Compute : int { exact = 68, tf32 = 77 };
enum Epilogue : int { plain = 1, relu = 2, with_bias = 4, gelu = 32, with_aux = 128, bias_of_b = 512 };

constexpr uint64_t context_mark = 0xc0b1a5, algorithm_mark = 0xa160;

struct Operation {
    int compute, scale, transposes_a = 0, transposes_b = 0, epilogue = plain;
    uint64_t bias = 0, aux = 0;
    int64_t aux_lead = 0;
};

struct Layout {
    int type;
    uint64_t rows, columns;
    int64_t lead;

    size_t element() const { return type == bf16 ? 2 : 4; }
    size_t bytes() const { return ((columns - 1) * uint64_t(lead) + rows) * element(); }
};

struct Preference {
    uint64_t workspace = 0;
    uint32_t alignment[4] = {256, 256, 256, 256};
};

// What the heuristics promised, in the 64 bytes of an algorithm.
struct Algorithm {
    uint64_t mark;
    const Operation* operation;
    const Layout* layouts[3];
    uint64_t workspace;
    uint32_t alignment[4];
};
static_assert(sizeof(Algorithm) <= 64);

struct Result {
    uint64_t algorithm[8];
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};
static_assert(sizeof(Result) == 96);

int epilogues = -1;
uint64_t done = 0;

float read(const Layout& layout, uint64_t p, uint64_t i) {
    if (layout.type == f32) return reinterpret_cast<const float*>(p)[i];
    uint32_t bits = uint32_t{reinterpret_cast<const uint16_t*>(p)[i]} << 16;
    float x;
    return std::memcpy(&x, &bits, 4), x;
}

void write(const Layout& layout, uint64_t p, uint64_t i, float x) {
    if (layout.type == f32) return void(reinterpret_cast<float*>(p)[i] = x);
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    auto rounded = uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    reinterpret_cast<uint16_t*>(p)[i] = x != x ? uint16_t(0x7fff) : rounded;
}

float factor(int compute, float x) {
    if (compute != tf32 || x != x) return x;
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    bits = (bits + 0x1000) & ~uint32_t{0x1fff};
    return std::memcpy(&x, &bits, 4), x;
}

float gelu_tanh(float x) {
    return 0.5f * x * (1 + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
}

// op(A) or op(B) as lines of factors along the depth
std::vector<float> lines(const Layout& layout, uint64_t p, bool depth_first, uint64_t count, uint64_t depth,
                         int compute) {
    std::vector<float> to(count * depth);
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t k = 0; k < depth; k++) {
            uint64_t at = depth_first ? i * uint64_t(layout.lead) + k : k * uint64_t(layout.lead) + i;
            to[i * depth + k] = factor(compute, read(layout, p, at));
        }
    return to;
}

bool fits(const Operation& o, const Layout& a, const Layout& b, const Layout& d) {
    uint64_t rows = o.transposes_a ? a.columns : a.rows, depth = o.transposes_a ? a.rows : a.columns;
    uint64_t depth_b = o.transposes_b ? b.columns : b.rows, columns = o.transposes_b ? b.rows : b.columns;
    return rows == d.rows && columns == d.columns && depth == depth_b && a.type == b.type &&
           (a.type == d.type || d.type == f32) && (o.compute == exact || a.type == f32);
}

bool aligned(uint64_t p, uint32_t to) {
    return p % to == 0;
}

// Whether the pointers of the epilogue are as it wants them.
bool ready(const Operation& o, const Layout& d) {
    uint64_t biases = o.epilogue & bias_of_b ? d.columns : d.rows;
    if (o.epilogue & (with_bias | bias_of_b) && !cloze_host_inside(o.bias, biases * d.element())) return false;
    if (!(o.epilogue & with_aux)) return true;
    Layout aux{d.type, d.rows, d.columns, o.aux_lead};
    return o.aux_lead % 8 == 0 && o.aux_lead >= int64_t(d.rows) && cloze_host_inside(o.aux, aux.bytes());
}

struct Matrix {
    const Layout& layout;
    uint64_t p;
};

void multiply(const Operation& o, Matrix a, Matrix b, Matrix d, float beta) {
    uint64_t depth = o.transposes_a ? a.layout.rows : a.layout.columns;
    auto left = lines(a.layout, a.p, o.transposes_a, d.layout.rows, depth, o.compute);
    auto right = lines(b.layout, b.p, !o.transposes_b, d.layout.columns, depth, o.compute);
    for (uint64_t j = 0; j < d.layout.columns; j++) {
        float total = 0;
        for (uint64_t k = 0; k < depth; k++) total += right[j * depth + k];
        if (o.epilogue & bias_of_b) write(d.layout, o.bias, j, total);
        for (uint64_t i = 0; i < d.layout.rows; i++) {
            float sum = 0;
            for (uint64_t k = 0; k < depth; k++) sum += left[i * depth + k] * right[j * depth + k];
            uint64_t at = j * uint64_t(d.layout.lead) + i;
            if (beta != 0) sum += beta * read(d.layout, d.p, at);
            if (o.epilogue & with_bias) sum += read(d.layout, o.bias, i);
            if (o.epilogue & with_aux) write(d.layout, o.aux, j * uint64_t(o.aux_lead) + i, sum);
            if (o.epilogue & gelu) sum = gelu_tanh(sum);
            if (o.epilogue & relu) sum = sum > 0 ? sum : sum == sum ? 0 : sum;
            write(d.layout, d.p, at, sum);
        }
    }
}

// Where an attribute goes, and how many bytes it has.
struct Place {
    void* to;
    size_t bytes;
};

Place place(Operation& o, int attribute) {
    switch (attribute) {
        case 3:
            return {&o.transposes_a, 4};
        case 4:
            return {&o.transposes_b, 4};
        case 7:
            return {&o.epilogue, 4};
        case 8:
            return {&o.bias, 8};
        case 11:
            return {&o.aux, 8};
        case 12:
            return {&o.aux_lead, 8};
        default:
            return {nullptr, 0};
    }
}

Place place(Preference& p, int attribute) {
    if (attribute == 1) return {&p.workspace, 8};
    if (attribute >= 5 && attribute <= 8) return {&p.alignment[attribute - 5], 4};
    return {nullptr, 0};
}

int set(Place place, const void* from, size_t bytes) {
    if (!place.to || place.bytes != bytes) return invalid_value;
    return std::memcpy(place.to, from, bytes), success;
}

}  // namespace

extern "C" {

int cublasLtCreate(void** context) {
    if (int result = cloze_host_answer_of("cublasLtCreate")) return result;
    return *context = new uint64_t{context_mark}, success;
}
int cublasLtDestroy(void* context) {
    return delete static_cast<uint64_t*>(context), success;
}
size_t cublasLtGetVersion() {
    return 130000;
}

int cublasLtMatmulDescCreate(Operation** operation, int compute, int scale) {
    if ((compute != exact && compute != tf32) || scale != f32) return invalid_value;
    return *operation = new Operation{compute, scale}, success;
}
int cublasLtMatmulDescDestroy(Operation* operation) {
    return delete operation, success;
}
int cublasLtMatmulDescSetAttribute(Operation* operation, int attribute, const void* from, size_t bytes) {
    return set(place(*operation, attribute), from, bytes);
}

int cublasLtMatrixLayoutCreate(Layout** layout, int type, uint64_t rows, uint64_t columns, int64_t lead) {
    if ((type != f32 && type != bf16) || !rows || !columns || lead < int64_t(rows)) return invalid_value;
    return *layout = new Layout{type, rows, columns, lead}, success;
}
int cublasLtMatrixLayoutDestroy(Layout* layout) {
    return delete layout, success;
}

int cublasLtMatmulPreferenceCreate(Preference** preference) {
    return *preference = new Preference, success;
}
int cublasLtMatmulPreferenceDestroy(Preference* preference) {
    return delete preference, success;
}
int cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute, const void* from, size_t bytes) {
    return set(place(*preference, attribute), from, bytes);
}

int cublasLtMatmulAlgoGetHeuristic(uint64_t* context, const Operation* o, const Layout* a, const Layout* b,
                                   const Layout* c, const Layout* d, const Preference* preference, int wanted,
                                   Result* results, int* found) {
    *found = 0;
    if (*context != context_mark || wanted < 1 || c != d || !fits(*o, *a, *b, *d)) return invalid_value;
    if ((o->epilogue & ~epilogues) || !ready(*o, *d)) return not_supported;
    Algorithm algorithm{algorithm_mark, o, {a, b, d}, 1 << 20, {}};
    if (preference->workspace < algorithm.workspace) return not_supported;
    std::memcpy(algorithm.alignment, preference->alignment, sizeof algorithm.alignment);
    *results = {{}, size_t(algorithm.workspace), success, 1, {}};
    std::memcpy(results->algorithm, &algorithm, sizeof algorithm);
    return *found = 1, success;
}

int cublasLtMatmul(uint64_t* context, const Operation* o, const float* alpha, uint64_t a, const Layout* layout_a,
                   uint64_t b, const Layout* layout_b, const float* beta, uint64_t c, const Layout* layout_c,
                   uint64_t d, const Layout* layout_d, const Algorithm* algorithm, uint64_t workspace,
                   size_t workspace_bytes, void* stream) {
    if (*context != context_mark || algorithm->mark != algorithm_mark || algorithm->operation != o ||
        algorithm->layouts[0] != layout_a || algorithm->layouts[1] != layout_b || algorithm->layouts[2] != layout_d)
        return invalid_value;
    if (*alpha != 1 || c != d || layout_c != layout_d || !stream || workspace_bytes < algorithm->workspace ||
        !aligned(workspace, 256) || !cloze_host_inside(workspace, workspace_bytes))
        return invalid_value;
    const uint32_t* alignment = algorithm->alignment;
    if (!aligned(a, alignment[0]) || !aligned(b, alignment[1]) || !aligned(c, alignment[2]) ||
        !aligned(d, alignment[3]) || !ready(*o, *layout_d))
        return invalid_value;
    if (!cloze_host_inside(a, layout_a->bytes()) || !cloze_host_inside(b, layout_b->bytes()) ||
        !cloze_host_inside(d, layout_d->bytes()))
        return execution_failed;
    std::function<int()> work = [o = *o, a = Matrix{*layout_a, a}, b = Matrix{*layout_b, b}, d = Matrix{*layout_d, d},
                                 beta = *beta] { return multiply(o, a, b, d, beta), int(success); };
    done++;
    return cloze_host_enqueue(stream, &work) ? execution_failed : success;
}

void cloze_host_epilogues(int mask) {
    epilogues = mask;
}
// How many products it has been asked for.
uint64_t cloze_host_products() {
    return done;
}

}  // extern "C"

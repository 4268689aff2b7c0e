#include "cloze/choices.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "cloze/export.h"

CLOZE_EXPORT void* memory_map(int64_t bytes) noexcept;
CLOZE_EXPORT void memory_unmap(void* memory, int64_t bytes) noexcept;

namespace cloze {
namespace {

enum Library : int64_t { own, onednn };

// transpose_a, transpose_b, n, m, k
using Class = std::array<int64_t, 5>;
using Table = std::map<Class, Library>;

std::mutex writer;
std::atomic<const Table*> current{nullptr};  // replaced, never modified, so readers need no lock
std::atomic<bool> tuning{false};

Class class_of(const Product& p) {
    return {p.transpose_a, p.transpose_b, p.n, p.m, p.k};
}

void put(const Table& more) {
    std::lock_guard<std::mutex> lock(writer);
    auto next = new Table(more);
    if (auto old = current.load()) next->insert(old->begin(), old->end());
    static std::vector<const Table*>& kept = *new std::vector<const Table*>;
    kept.push_back(next);
    current = next;
}

double best_seconds(const Product& p, void (*run)(const Product&), double best) {
    auto begin = std::chrono::steady_clock::now();
    run(p);
    return std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

// Measures on separate operands, since the real call may add to C and must run once. Best of five interleaved runs
// after a warm-up.
Library fastest(Product p) {
    int64_t a = p.transpose_a ? p.k * p.n : p.n * p.k, b = p.m * p.k, c = p.n * p.m;
    p.lda = p.transpose_a ? p.n : p.k, p.ldb = p.transpose_b ? p.k : p.m, p.ldc = p.m;
    int64_t bytes = (a + b + c) * int64_t{sizeof(float)};
    auto memory = static_cast<float*>(memory_map(bytes));
    if (!memory) return own;
    std::fill_n(memory, a + b, 0.25f);
    p.a = memory, p.b = memory + a, p.c = memory + a + b;
    p.bias = nullptr, p.row_sums = nullptr, p.finish = nullptr, p.prepare = nullptr, p.add = false;
    double ours = 1e9, theirs = 1e9;
    for (int round = 0; round < 6; round++) {
        ours = best_seconds(p, own_gemm, round ? ours : 1e9);
        theirs = best_seconds(p, onednn_gemm, round ? theirs : 1e9);
    }
    memory_unmap(memory, bytes);
    return theirs < 0.97 * ours ? onednn : own;
}

}  // namespace

bool by_choice(const Product& p) {
    const Table* table = current.load(std::memory_order_acquire);
    bool tune = tuning.load(std::memory_order_relaxed);
    if (!table && !tune) return false;
    Library library = own;
    if (auto found = table ? table->find(class_of(p)) : Table::const_iterator(); table && found != table->end())
        library = found->second;
    else if (tune && onednn_is_open())
        put({{class_of(p), library = fastest(p)}});
    if (library != onednn || !onednn_is_open()) return false;
    onednn_gemm(p);
    return true;
}

}  // namespace cloze

// 1: from now on, a shape without a choice is timed once and keeps the faster library. 0, the default: no timing.
CLOZE_EXPORT void products_tune(int64_t on) noexcept {
    cloze::tuning = on != 0;
}

// One line per shape, "transpose_a transpose_b n m k library", library 0 is ours, 1 is oneDNN. Zero-terminated and
// truncated to capacity. Returns the size of the whole text in bytes.
CLOZE_EXPORT int64_t product_choices_export(char* out, int64_t capacity) noexcept try {
    std::ostringstream text;
    if (auto table = cloze::current.load())
        for (auto& [shape, library] : *table) {
            for (int64_t x : shape) text << x << ' ';
            text << library << '\n';
        }
    std::string all = text.str();
    if (capacity > 0) {
        size_t size = std::min(all.size(), size_t(capacity - 1));
        std::memcpy(out, all.data(), size);
        out[size] = 0;
    }
    return int64_t(all.size()) + 1;
}
CLOZE_CATCH

// Adds the output of product_choices_export to the table and overrides existing entries, to repeat the bits of that
// run. Returns the number of shapes; -1 if the text is malformed, without changes; -2 if it needs oneDNN, which is not
// open.
CLOZE_EXPORT int64_t product_choices_import(const char* text) noexcept try {
    cloze::Table table;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        cloze::Class shape;
        int64_t library;
        for (int64_t& x : shape) words >> x;
        std::string rest;
        if (!(words >> library) || library < 0 || library > 1 || words >> rest) return -1;
        if (library == cloze::onednn && !cloze::onednn_is_open()) return -2;
        table[shape] = cloze::Library(library);
    }
    if (!table.empty()) cloze::put(table);
    return int64_t(table.size());
}
CLOZE_CATCH

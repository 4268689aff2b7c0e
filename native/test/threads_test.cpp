#include "cloze/threads.h"

#include <atomic>
#include <thread>

#include "check.h"

CLOZE_EXPORT int64_t threads_get();
CLOZE_EXPORT void* memory_map(int64_t bytes);
CLOZE_EXPORT void memory_unmap(void* memory, int64_t bytes);
CLOZE_EXPORT int64_t cpu_level();
CLOZE_EXPORT int64_t cpu_describe(char* out, int64_t capacity);

using namespace cloze;

TEST(every_task_runs_once_at_any_thread_count) {
    for (int64_t n : {1, 2, 5}) {
        threads_set(n);
        CHECK(threads_get() == n);
        for (int round = 0; round < 300; round++) {
            std::vector<int> hits(size_t(round % 37), 0);
            parallel(int64_t(hits.size()), [&](int64_t i) { hits[size_t(i)]++; });
            for (int hit : hits) CHECK(hit == 1);
        }
    }
}

TEST(work_is_shared_with_the_workers) {
    threads_set(2);
    std::atomic<int> here{0}, elsewhere{0};
    auto self = std::this_thread::get_id();
    for (int round = 0; round < 20 && elsewhere == 0; round++)
        parallel(50, [&](int64_t) {
            std::this_thread::sleep_for(std::chrono::microseconds(200));
            (std::this_thread::get_id() == self ? here : elsewhere)++;
        });
    CHECK(here > 0);
    CHECK(elsewhere > 0);
}

TEST(a_nested_call_runs_inline) {
    threads_set(3);
    std::atomic<int64_t> sum{0};
    parallel(20, [&](int64_t i) {
        auto self = std::this_thread::get_id();
        parallel(10, [&](int64_t j) {
            CHECK(std::this_thread::get_id() == self);
            sum += i * j;
        });
    });
    CHECK(sum == 190 * 45);
}

TEST(many_callers_all_finish) {
    threads_set(2);
    std::atomic<int64_t> sum{0};
    std::vector<std::thread> callers;
    for (int c = 0; c < 4; c++)
        callers.emplace_back([&] {
            for (int round = 0; round < 500; round++) parallel(7, [&](int64_t i) { sum += i; });
        });
    for (auto& caller : callers) caller.join();
    CHECK(sum == 4 * 500 * 21);
}

TEST(the_thread_count_changes_while_others_call) {
    std::atomic<bool> stop{false};
    std::atomic<int64_t> wrong{0};
    std::thread caller([&] {
        while (!stop) {
            std::atomic<int64_t> sum{0};
            parallel(11, [&](int64_t i) { sum += i; });
            if (sum != 55) wrong++;
        }
    });
    for (int n = 0; n < 40; n++) threads_set(1 + n % 4);
    stop = true;
    caller.join();
    CHECK(wrong == 0);
    CHECK((threads_set(0), threads_get() == 1));
}

TEST(blocks_cover_the_range_once) {
    threads_set(3);
    for (int64_t n : {0, 1, 63, 64, 65, 1000}) {
        std::vector<int> hits(size_t(n), 0);
        parallel_blocks(n, 64, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i++) hits[size_t(i)]++;
        });
        for (int hit : hits) CHECK(hit == 1);
    }
}

TEST(mapped_memory_is_aligned_zero_and_spread) {
    auto first = static_cast<unsigned char*>(memory_map(4 << 20)),
         second = static_cast<unsigned char*>(memory_map(4 << 20));
    CHECK((reinterpret_cast<uintptr_t>(first) - reinterpret_cast<uintptr_t>(second)) % 4096 != 0);
    memory_unmap(first, 4 << 20);
    memory_unmap(second, 4 << 20);
    for (int64_t bytes : {int64_t{1}, int64_t{2} << 20, int64_t{5000000}}) {
        auto memory = static_cast<unsigned char*>(memory_map(bytes));
        CHECK(memory && reinterpret_cast<uintptr_t>(memory) % 64 == 0);
        CHECK(memory[0] == 0 && memory[bytes - 1] == 0);
        memory[bytes - 1] = 1;
        memory_unmap(memory, bytes);
    }
    CHECK(memory_map(0) == nullptr);
    CHECK(memory_map(INT64_MAX) == nullptr);
    memory_unmap(nullptr, 0);
}

TEST(scratch_is_kept_and_grows) {
    float* small = scratch(Slot::test, 100);
    CHECK(small && scratch(Slot::test, 50) == small);
    float* large = scratch(Slot::test, 3 << 20);
    CHECK(large);
    large[(3 << 20) - 1] = 1;
    CHECK(scratch(Slot::test, 100) == large);
}

TEST(the_processor_is_described) {
    char text[200], cut[5];
    cpu_describe(text, sizeof text);
    CHECK(std::strchr(text, '\n') != nullptr);
    cpu_describe(cut, sizeof cut);
    CHECK(std::strlen(cut) == 4 && std::strncmp(cut, text, 4) == 0);
    CHECK(cpu_level() >= 0 && cpu_level() <= 2);
}

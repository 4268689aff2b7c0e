#include "cloze/threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cloze/failure.h"

namespace cloze {
namespace {

constexpr auto spin_time = std::chrono::microseconds(30);
constexpr int64_t most_threads = 4096;

inline void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spins for spin_time, then sleeps, until value differs from old.
template <class T>
T wait_change(const std::atomic<T>& value, T old) {
    auto end = std::chrono::steady_clock::now() + spin_time;
    do {
        for (int i = 0; i < 64; i++) {
            T now = value.load();
            if (now != old) return now;
            pause();
        }
    } while (std::chrono::steady_clock::now() < end);
    value.wait(old);
    return value.load();
}

// A worker enters (members), checks for an open job, runs tasks until none is left, and leaves. The caller closes the
// job and waits until members is 0, so it never waits for a sleeping worker, and the fields of a job change only while
// no worker can read them.
class Pool {
  public:
    ~Pool() = delete;

    int64_t size() { return size_.load(std::memory_order_relaxed); }

    void resize(int64_t n) {
        if (n > most_threads) {
            char text[100];
            std::snprintf(text, sizeof(text), "threads must be at most %lld, but they are %lld",
                          static_cast<long long>(most_threads), static_cast<long long>(n));
            throw Failure(Kind::value, text);
        }
        std::lock_guard<std::mutex> lock(caller_);
        int64_t before = size();
        stop();
        if (start(std::max<int64_t>(n, 1))) return;
        int64_t started = static_cast<int64_t>(workers_.size());
        stop();
        if (!start(before)) size_ = static_cast<int64_t>(workers_.size()) + 1;
        char text[200];
        std::snprintf(text, sizeof(text), "threads must be fewer: of %lld the system started %lld, and no more",
                      static_cast<long long>(n), static_cast<long long>(started + 1));
        throw Failure(Kind::value, text);
    }

    void run(int64_t tasks, void (*task)(void*, int64_t), void* context) {
        if (size() < 2 || inside_ || !caller_.try_lock()) {
            for (int64_t i = 0; i < tasks; i++) task(context, i);
            return;
        }
        if (workers_.empty()) start(size());  // with fewer workers the same work is done, with the same bits
        task_ = task, context_ = context, tasks_ = tasks;
        next_.store(0, std::memory_order_relaxed);
        open_ = true;
        epoch_++;
        epoch_.notify_all();
        inside_ = true;
        work();
        inside_ = false;
        open_ = false;
        for (int32_t left = members_; left != 0;) left = wait_change(members_, left);
        std::exception_ptr thrown = std::exchange(thrown_, nullptr);
        caller_.unlock();
        if (thrown) std::rethrow_exception(thrown);
    }

  private:
    // Returns false if the system refused a thread; those before it run.
    bool start(int64_t n) {
        size_ = n;
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);  // the JVM's signals must go to its own threads
        uint32_t epoch = epoch_;
        bool started = true;
        try {
            for (int64_t i = 1; i < n; i++) workers_.emplace_back([this, i, epoch] { live(i, epoch); });
        } catch (const std::exception&) {
            started = false;
        }
        pthread_sigmask(SIG_SETMASK, &old, nullptr);
        return started;
    }

    void stop() {
        stop_ = true;
        epoch_++;
        epoch_.notify_all();
        for (auto& worker : workers_) worker.join();
        workers_.clear();
        stop_ = false;
    }

    void live(int64_t index, uint32_t epoch) {
        inside_ = true;
#if defined(__linux__)
        pthread_setname_np(pthread_self(), ("cloze-" + std::to_string(index)).c_str());
#endif
        for (;;) {
            epoch = wait_change(epoch_, epoch);
            if (stop_) return;
            members_++;
            if (open_) work();
            if (members_.fetch_sub(1) == 1) members_.notify_all();
        }
    }

    void work() {
        try {
            for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) task_(context_, i);
        } catch (...) {
            std::lock_guard<std::mutex> lock(throwing_);
            if (!thrown_) thrown_ = std::current_exception();
            next_.store(tasks_, std::memory_order_relaxed);
        }
    }

    static thread_local bool inside_;  // in a worker, or in a caller during a job
    std::mutex caller_, throwing_;
    std::exception_ptr thrown_;  // the first of a job, written under throwing_
    std::vector<std::thread> workers_;
    std::atomic<int64_t> size_{std::max<int64_t>(std::thread::hardware_concurrency(), 1)};
    void (*task_)(void*, int64_t) = nullptr;
    void* context_ = nullptr;
    int64_t tasks_ = 0;
    alignas(64) std::atomic<int64_t> next_{0};
    alignas(64) std::atomic<uint32_t> epoch_{0};
    std::atomic<bool> open_{false};
    std::atomic<bool> stop_{false};
    alignas(64) std::atomic<int32_t> members_{0};
};

thread_local bool Pool::inside_ = false;

// Never destroyed: workers may still sleep in it when the process exits.
Pool& pool() {
    static Pool& pool = *new Pool;
    return pool;
}

}  // namespace

int64_t threads() {
    return pool().size();
}

void run(int64_t tasks, void (*task)(void*, int64_t), void* context) {
    pool().run(tasks, task, context);
}

}  // namespace cloze

CLOZE_EXPORT int64_t threads_set(int64_t n) noexcept try {
    cloze::pool().resize(n);
    return cloze::ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t threads_get() noexcept {
    return cloze::threads();
}

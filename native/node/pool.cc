// SPDX-License-Identifier: MIT
#include "pool.h"

#include <algorithm>
#include <thread>

namespace simdgres {

void Job::Work() {
    for (;;) {
        const std::size_t unit = next_.fetch_add(1, std::memory_order_relaxed);
        if (unit >= units_)
            return;
        if (!is_cancelled())
            RunUnit(unit);
        // Release what this unit wrote, acquire what the others wrote: the last one sees all of it.
        if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == units_)
            OnDone();
    }
}

Pool &Pool::Shared() {
    static Pool *pool = new Pool;
    return *pool;
}

Pool::Pool() : size_(std::max(1u, std::thread::hardware_concurrency())) {
    for (std::size_t i = 0; i < size_; i++)
        std::thread([this] { Serve(); }).detach();
}

void Pool::Submit(const std::shared_ptr<Job> &job, std::size_t threads) {
    const std::size_t helpers = std::min(threads, size_);
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        jobs_.insert(jobs_.end(), helpers, job);
    }
    if (helpers == 1)
        has_jobs_.notify_one();
    else
        has_jobs_.notify_all();
}

void Pool::Serve() {
    for (;;) {
        std::shared_ptr<Job> job;
        {
            std::unique_lock<std::mutex> lock(mutex_);
            has_jobs_.wait(lock, [this] { return !jobs_.empty(); });
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        job->Work();
    }
}

} // namespace simdgres

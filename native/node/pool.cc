// SPDX-License-Identifier: MIT
#include "pool.h"

#include <algorithm>
#include <system_error>
#include <thread>

namespace simdgres {

bool Job::WorkOnUnit() {
    const std::size_t unit = next_.fetch_add(1, std::memory_order_relaxed);
    if (unit >= units_)
        return false;
    if (!is_cancelled())
        RunUnit(unit);
    // Release what this unit wrote, acquire what the others wrote: the last one sees all of it.
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == units_)
        OnDone();
    return true;
}

void Job::Work() {
    while (WorkOnUnit()) {
    }
}

Pool &Pool::Shared() {
    static Pool *pool = new Pool;
    return *pool;
}

Pool::Pool() {
    const std::size_t wanted = std::max(1u, std::thread::hardware_concurrency());
    try {
        for (; size_ < wanted; size_++)
            std::thread([this] { Serve(); }).detach();
    } catch (const std::system_error &) {
        // A limit on processes (ulimit -u, pids of a container) is lower than the number of processors. Those
        // that have started use this object, so it must not go away.
        if (size_ == 0)
            throw;
    }
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
    std::shared_ptr<Job> job;
    for (;;) {
        {
            std::unique_lock<std::mutex> lock(mutex_);
            if (job != nullptr)
                jobs_.push_back(std::move(job)); // the next in line may be another job
            has_jobs_.wait(lock, [this] { return !jobs_.empty(); });
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        if (!job->WorkOnUnit())
            job.reset();
    }
}

} // namespace simdgres

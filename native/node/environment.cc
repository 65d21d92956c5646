// SPDX-License-Identifier: MIT
#include "environment.h"

#include <system_error>
#include <thread>
#include <utility>

namespace simdgres {
namespace {

// What Node keeps for the environment; jobs keep the Environment itself.
struct InstanceData {
    std::shared_ptr<Environment> environment;
};

} // namespace

void Environment::Start(Napi::Env env) {
    auto environment = std::make_shared<Environment>(env);
    environment->queue_ = Queue::New(env, "simdgres", 0, 1, environment.get());
    environment->queue_.Unref(env);
    env.SetInstanceData(new InstanceData{environment});
    // Hooks run last added first: this one runs before the queue's own, which frees the queue.
    const napi_status status = napi_add_env_cleanup_hook(env, End, environment.get());
    NAPI_THROW_IF_FAILED_VOID(env, status);
}

std::shared_ptr<Environment> Environment::Of(Napi::Env env) {
    return env.GetInstanceData<InstanceData>()->environment;
}

void Environment::Begin(Job &job) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        running_.insert(&job);
    }
    if (pending_++ == 0)
        queue_.Ref(env_);
}

void Environment::Submit(const std::shared_ptr<Job> &job, std::size_t threads) {
    Pool &pool = Pool::Shared(); // first: it may throw
    Begin(*job);
    pool.Submit(job, threads);
}

void Environment::SubmitAlone(const std::shared_ptr<Job> &job) {
    Begin(*job);
    try {
        std::thread([job] { job->Work(); }).detach();
    } catch (const std::system_error &) {
        const std::lock_guard<std::mutex> lock(mutex_);
        running_.erase(job.get());
        if (--pending_ == 0)
            queue_.Unref(env_);
        throw;
    }
}

void Environment::Finish(Job &job, Task task) {
    auto queued = std::make_unique<Task>(std::move(task));
    const std::lock_guard<std::mutex> lock(mutex_);
    running_.erase(&job);
    // The lock is held so that the environment cannot end, and free the queue, during the call.
    if (!has_ended_ && queue_.NonBlockingCall(queued.get()) == napi_ok)
        (void)queued.release();
}

// env is null when the environment ends with tasks in the queue; self may be gone by then.
void Environment::CallTask(Napi::Env env, Napi::Function, Environment *self, Task *task) {
    const std::unique_ptr<Task> owned(task);
    if (env == nullptr)
        return;
    if (--self->pending_ == 0)
        self->queue_.Unref(env);
    (*owned)(env);
}

void Environment::End(void *data) {
    auto *self = static_cast<Environment *>(data);
    const std::lock_guard<std::mutex> lock(self->mutex_);
    self->has_ended_ = true;
    for (Job *job : self->running_)
        job->Cancel();
}

} // namespace simdgres

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>

#include <napi.h>

#include "pool.h"

namespace simdgres {

// One JavaScript environment (the main thread or a worker): brings results of the pool back to its thread,
// and outlives it for jobs that end later. A job of an environment that has ended is cancelled and its
// result dropped.
class Environment {
  public:
    using Task = std::function<void(Napi::Env)>;

    // Once per environment, when the addon is loaded.
    static void Start(Napi::Env env);
    static std::shared_ptr<Environment> Of(Napi::Env env);

    explicit Environment(napi_env env) : env_(env) {}

    // On the JavaScript thread: submits the job, and keeps the event loop alive until its task has run.
    // Throws std::system_error, with nothing changed, where there is no thread for it.
    void Submit(const std::shared_ptr<Job> &job, std::size_t threads);

    // The same on a thread of its own, for work that waits for a disk.
    void SubmitAlone(const std::shared_ptr<Job> &job);

    // On any thread, once per submitted job, after its last unit: task runs on the JavaScript thread.
    void Finish(Job &job, Task task);

  private:
    void Begin(Job &job);
    static void CallTask(Napi::Env env, Napi::Function, Environment *self, Task *task);
    static void End(void *self);
    using Queue = Napi::TypedThreadSafeFunction<Environment, Task, CallTask>;

    napi_env env_;
    Queue queue_;
    std::size_t pending_ = 0; // JavaScript thread only
    std::mutex mutex_;        // of what follows
    bool has_ended_ = false;
    std::unordered_set<Job *> running_;
};

} // namespace simdgres

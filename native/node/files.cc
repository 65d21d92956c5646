// SPDX-License-Identifier: MIT
#include "files.h"

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "arguments.h"
#include "environment.h"
#include "file_error.h"
#include "file_work.h"
#include "set_file.h"
#include "set_handle.h"

namespace simdgres {
namespace {

std::string ReadPath(const Napi::Value &value) {
    std::string path = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
    if (path.empty() || path.find('\0') != std::string::npos)
        throw InvalidArgument(value.Env(), "Expected the path of a file");
    return path;
}

bool ReadFlag(const char *name, const Napi::Value &value) {
    return ReadInteger(name, value, 0, 1) == 1;
}

Napi::Error ErrorOf(Napi::Env env, const std::exception_ptr &failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const FileError &error) {
        Napi::Error made = Napi::Error::New(env, error.what());
        made.Set("code", error.code);
        made.Set("hint", error.hint);
        return made;
    } catch (const std::bad_alloc &) {
        return Napi::Error::New(env, "out of memory");
    } catch (const std::exception &error) {
        return Napi::Error::New(env, error.what());
    }
}

// Off the event loop: work, and then what `give` makes of it.
Napi::Value Run(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> give) {
    const auto environment = Environment::Of(env);
    const auto deferred = Napi::Promise::Deferred::New(env);
    const auto job =
        std::make_shared<FileWork>(std::move(work), [environment, deferred, give](FileWork &ended) {
            environment->Finish(ended, [deferred, give, ended = ended.shared_from_this()](Napi::Env env) {
                if (ended->failure() != nullptr)
                    deferred.Reject(ErrorOf(env, ended->failure()).Value());
                else
                    deferred.Resolve(give(env));
            });
        });
    environment->SubmitAlone(job);
    return deferred.Promise();
}

// (handle, path) => Promise<void>
Napi::Value SaveSetAs(const Napi::CallbackInfo &info) {
    auto snapshot = OpenHandle(info[0]).set->snapshot();
    std::string path = ReadPath(info[1]);
    return Run(
        info.Env(),
        [snapshot = std::move(snapshot), path = std::move(path)] { SaveSet(path, Fold(*snapshot)); },
        [](Napi::Env env) { return env.Undefined(); });
}

// (path, verifies: 0 or 1) => Promise<handle of a set>
Napi::Value StartOpen(const Napi::CallbackInfo &info) {
    const auto opened = std::make_shared<SavedSet>();
    std::string path = ReadPath(info[0]);
    const bool verifies = ReadFlag("verify", info[1]);
    return Run(
        info.Env(), [opened, path = std::move(path), verifies] { *opened = OpenSet(path, verifies); },
        [opened](Napi::Env env) { return HandleOf(env, std::move(*opened)); });
}

// (path, verifies: 0 or 1) => handle of a set
Napi::Value OpenSetNow(const Napi::CallbackInfo &info) {
    const std::string path = ReadPath(info[0]);
    const bool verifies = ReadFlag("verify", info[1]);
    SavedSet opened;
    try {
        opened = OpenSet(path, verifies);
    } catch (const std::exception &) {
        throw ErrorOf(info.Env(), std::current_exception());
    }
    return HandleOf(info.Env(), std::move(opened));
}

} // namespace

void AddFileFunctions(Napi::Env env, Napi::Object exports) {
    exports.Set("saveSet", Napi::Function::New<SaveSetAs>(env, "saveSet"));
    exports.Set("startOpen", Napi::Function::New<StartOpen>(env, "startOpen"));
    exports.Set("openSet", Napi::Function::New<OpenSetNow>(env, "openSet"));
}

} // namespace simdgres

// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <napi.h>

#include "arguments.h"

namespace simdgres {

// A native object that JavaScript holds: an object with a tag of its own, so that nothing else passes for one, neither
// another kind of handle nor another addon's. Owned has kTag, kName, and Release(env), which runs before it is deleted.
template <typename Owned> class Handle {
  public:
    static Napi::Object New(Napi::Env env, std::unique_ptr<Owned> owned) {
        Napi::Object object = Napi::Object::New(env);
        const napi_status status = napi_wrap(env, object, owned.get(), Delete, nullptr, nullptr);
        NAPI_THROW_IF_FAILED(env, status, object);
        (void)owned.release();
        object.TypeTag(&Owned::kTag);
        return object;
    }

    // Throws a JavaScript error for anything else.
    static Owned &Of(const Napi::Value &value) {
        const Napi::Env env = value.Env();
        void *owned = nullptr;
        if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&Owned::kTag) ||
            napi_unwrap(env, value, &owned) != napi_ok)
            throw InvalidArgument(env, std::string("Expected the handle of ") + Owned::kName);
        return *static_cast<Owned *>(owned);
    }

  private:
    static void Delete(napi_env env, void *data, void *) {
        const std::unique_ptr<Owned> owned(static_cast<Owned *>(data));
        owned->Release(env);
    }
};

} // namespace simdgres

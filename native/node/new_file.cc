// SPDX-License-Identifier: MIT
#include "new_file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_error.h"

namespace simdgres {
namespace {

// Through a link that is there, so that the link stays one.
std::string Resolve(const std::string &path) {
    char *const resolved = realpath(path.c_str(), nullptr);
    if (resolved == nullptr)
        return path;
    std::string name(resolved);
    std::free(resolved);
    return name;
}

std::string FolderOf(const std::string &path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// At random: in containers processes have the same number, and may share a folder.
std::string TemporaryName(const std::string &path) {
    std::random_device random;
    char name[32];
    std::snprintf(name, sizeof name, ".%08x%08x.tmp", static_cast<unsigned>(random()),
                  static_cast<unsigned>(random()));
    return path + name;
}

// make: of a name, 0 or more, or -1 and errno. Under a name that is not there yet.
template <typename Make> int UnderTemporaryName(const std::string &path, std::string &name, Make make) {
    int made = -1;
    for (int attempt = 0; attempt < 16; attempt++) {
        name = TemporaryName(path);
        made = make(name.c_str());
        if (made >= 0 || errno != EEXIST)
            break;
    }
    return made;
}

int OpenUnnamed(const std::string &folder, mode_t mode) {
#ifdef O_TMPFILE
    return open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
#else
    (void)folder, (void)mode;
    return -1;
#endif
}

} // namespace

NewFile::NewFile(const std::string &path) : path_(Resolve(path)), folder_(FolderOf(path_)), file_(-1) {
    struct stat status {};
    const bool replaces = stat(path_.c_str(), &status) == 0;
    if (replaces && !S_ISREG(status.st_mode))
        throw FileError("ERR_INVALID_ARGUMENT", path + " is there already and is not a file",
                        "Pass the path of a file.");
    const mode_t mode = replaces ? 0600 : 0666;
    file_ = OpenUnnamed(folder_, mode);
    std::string name;
    if (file_ < 0) {
        file_ = UnderTemporaryName(path_, name, [mode](const char *named) {
            return open(named, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        });
        if (file_ < 0)
            throw SystemFailure("write", path_, errno);
    }
    // Whoever could not read the old file cannot read this one.
    if (replaces && fchmod(file_, status.st_mode & 0777) != 0) {
        const int error = errno;
        close(file_);
        if (!name.empty())
            (void)unlink(name.c_str());
        throw SystemFailure("write", path_, error);
    }
    temporary_ = std::move(name);
}

NewFile::~NewFile() {
    close(file_);
    if (!temporary_.empty())
        (void)unlink(temporary_.c_str());
}

void NewFile::Write(std::size_t offset, const void *data, std::size_t bytes) {
    const char *at = static_cast<const char *>(data);
    while (bytes > 0) {
        const ssize_t written = pwrite(file_, at, bytes, static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            throw SystemFailure("write", path_, written < 0 ? errno : ENOSPC);
        at += written;
        offset += static_cast<std::size_t>(written);
        bytes -= static_cast<std::size_t>(written);
    }
}

void NewFile::Extend(std::size_t bytes) {
    if (ftruncate(file_, static_cast<off_t>(bytes)) != 0)
        throw SystemFailure("write", path_, errno);
}

void NewFile::Publish() {
    if (fsync(file_) != 0)
        throw SystemFailure("write", path_, errno);
    if (temporary_.empty()) {
        // A link never replaces a file; a rename does.
        const std::string own = "/proc/self/fd/" + std::to_string(file_);
        std::string name;
        if (UnderTemporaryName(path_, name, [&own](const char *named) {
                return linkat(AT_FDCWD, own.c_str(), AT_FDCWD, named, AT_SYMLINK_FOLLOW);
            }) != 0)
            throw SystemFailure("write", path_, errno);
        temporary_ = std::move(name);
    }
    if (rename(temporary_.c_str(), path_.c_str()) != 0)
        throw SystemFailure("write", path_, errno);
    temporary_.clear();
    // The name, too, is on the disk. Some file systems refuse it and keep it all the same.
    const int folder = open(folder_.c_str(), O_RDONLY | O_CLOEXEC);
    if (folder >= 0) {
        (void)fsync(folder);
        close(folder);
    }
}

} // namespace simdgres

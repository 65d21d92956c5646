// SPDX-License-Identifier: MIT
#include "new_file.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

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

std::string TemporaryName(const std::string &path) {
    static std::atomic<unsigned> count{0};
    return path + "." + std::to_string(getpid()) + "-" + std::to_string(count++) + ".tmp";
}

int OpenUnnamed(const std::string &folder) {
#ifdef O_TMPFILE
    return open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
#else
    (void)folder;
    return -1;
#endif
}

} // namespace

NewFile::NewFile(const std::string &path) : path_(Resolve(path)), folder_(FolderOf(path_)), file_(-1) {
    struct stat status {};
    if (stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
        throw FileError("ERR_INVALID_ARGUMENT", path + " is there already and is not a file",
                        "Pass the path of a file.");
    file_ = OpenUnnamed(folder_);
    if (file_ >= 0)
        return;
    temporary_ = TemporaryName(path_);
    file_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file_ < 0)
        throw SystemFailure("write", path_, errno);
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
        const std::string own = "/proc/self/fd/" + std::to_string(file_), name = TemporaryName(path_);
        if (linkat(AT_FDCWD, own.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
            throw SystemFailure("write", path_, errno);
        temporary_ = name;
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

#pragma once

#include "base/error.hpp"

#include <algorithm>
#include <signal.h>
#include <string>
#include <vector>

namespace chronoknock::io {

/// What is to become of some files: their new texts, and which are to go. It is done in this order, so that a
/// reader, or a kill between two of them, finds no file that names another that is not there (yet, or any
/// more).
struct file_changes {
    struct file {
        std::string path;
        std::string text;
        bool is_new = false; ///< it must not be there yet; else its text is replaced
    };
    std::vector<file> written;
    std::vector<std::string> gone;

    /// The new text of a file; none: it stays as it is.
    const std::string* text_of(const std::string& path) const {
        const auto found = std::ranges::find(written, path, &file::path);
        return found == written.end() ? nullptr : &found->text;
    }
    bool takes_away(const std::string& path) const { return std::ranges::find(gone, path) != gone.end(); }
};

/// Changes that are made and can be taken back. A file that is new gets mode 0600, and the folders it needs
/// 0700; one that was there keeps its owner and mode, and whoever reads it meanwhile finds the old text or
/// the new one, whole. Until they are kept or taken back, SIGINT, SIGTERM and SIGHUP wait.
class made_changes {
public:
    /// Makes all or none of them. An error names the file.
    static result<made_changes> make(const file_changes& wanted);
    made_changes(made_changes&&) noexcept;
    made_changes& operator=(made_changes&&) = delete;
    /// Takes back what was not kept.
    ~made_changes();

    /// They stay; what was to go is deleted.
    void keep();

private:
    struct step {
        enum class kind { folder, fresh, changed, aside } what;
        std::string path;
        std::string before = {}; ///< the old text, or where the file was put aside
    };

    made_changes();
    result<void> write(const file_changes::file& f);
    result<void> put_aside(const std::string& path);
    void take_back();

    std::vector<step> steps_;
    sigset_t signals_{};
    bool open_ = true;
};

/// Deletes from a folder what changes that a kill ended had put aside there (it may hold secrets). Nobody
/// must be changing files there meanwhile (folder_lock).
void remove_put_aside(const std::string& folder);

} // namespace chronoknock::io

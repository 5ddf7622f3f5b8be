#include "app/folder_change.hpp"

#include "app/options.hpp"

#include <utility>

namespace chronoknock::app {

io::folder_lock lock_folder_of(const std::string& file) {
    auto lock = io::folder_lock::take(file, patience_with_others);
    if (!lock) throw stop{say(failed, lock.error().text)};
    return std::move(*lock);
}

} // namespace chronoknock::app

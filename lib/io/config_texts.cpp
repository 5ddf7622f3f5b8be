#include "io/config_texts.hpp"

#include "io/system/files.hpp"
#include "io/system/include.hpp"
#include "io/time/nts_ke.hpp"
#include "method/method.hpp"

#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace chronoknock::io {

namespace {

using file = helper::configuration_texts::file;
using source = file::source;

key::secret_text secret(const std::string& text) { return {text.begin(), text.end()}; }

/// Reads the disk, and keeps what was read.
config_source recording(bool allow_loose_permissions, std::vector<file>& files) {
    return {[&files](const std::string& path) {
                auto text = read_file(path);
                files.push_back({source::main, path, "", text ? secret(*text) : key::secret_text(),
                                 text ? "" : text.error().text});
                return text;
            },
            [&files, allow_loose_permissions](const std::string& path) -> result<key::credential_ptr> {
                auto text = read_key_text(path, allow_loose_permissions);
                if (!text) {
                    files.push_back({source::key, path, "", {}, text.error().text});
                    return text.error();
                }
                files.push_back({source::key, path, "", *text, ""});
                return read_key(path, *text);
            },
            [&files](const std::string& pattern) {
                auto found = read_included(pattern);
                if (!found || found->empty())
                    files.push_back({source::included, pattern, "", {}, found ? "" : found.error().text});
                else
                    for (const auto& f : *found)
                        files.push_back({source::included, pattern, f.path, secret(f.text), ""});
                return found;
            },
            [&files](const std::string& path) {
                auto text = read_authorities(path);
                files.push_back({source::authorities, path, "", text ? secret(*text) : key::secret_text(),
                                 text ? "" : text.error().text});
                return text;
            },
            [&files, allow_loose_permissions](const std::string& path) {
                auto text = read_key_text(path, allow_loose_permissions);
                files.push_back({source::secret, path, "", text ? *text : key::secret_text(),
                                 text ? "" : text.error().text});
                return text;
            }};
}

/// What was read, by where it comes from and its name.
class index_of_files {
public:
    explicit index_of_files(const helper::configuration_texts& texts) {
        for (const auto& f : texts.files) files_[f.from][f.name].push_back(&f);
    }
    /// Several for the pattern of included ones.
    const std::vector<const file*>& find(source from, const std::string& name) const {
        static const std::vector<const file*> none;
        const auto of_source = files_.find(from);
        if (of_source == files_.end()) return none;
        const auto found = of_source->second.find(name);
        return found == of_source->second.end() ? none : found->second;
    }

private:
    std::map<source, std::unordered_map<std::string_view, std::vector<const file*>>> files_;
};

error not_read(const std::string& path) { return {path + ": the helper has not read it"}; }

} // namespace

read_texts read_config_texts(const std::string& path, bool allow_loose_permissions) {
    read_texts read;
    const auto whole = load_server_config(path, recording(allow_loose_permissions, read.texts.files),
                                          without_keys::once_served);
    if (!whole) return read;
    read.is_whole = true;
    const auto& [open, close, time_limit] = whole->firewall.programs;
    for (const auto& p :
         {named_program{helper::program::event, whole->events.command, whole->events.time_limit},
          {helper::program::open, open, time_limit},
          {helper::program::close, close, time_limit}})
        if (!p.command.empty()) read.programs.push_back(p);
    return read;
}

result<config::server> load_server_config(const std::string& path, const helper::configuration_texts& texts,
                                          without_keys none) {
    const index_of_files files(texts);
    const auto text_of = [&](source from, const std::string& name) -> result<std::string> {
        const auto& found = files.find(from, name);
        if (found.empty()) return not_read(name);
        const auto* const f = found.front();
        if (!f->problem.empty()) return error{f->problem};
        return {boost::system::in_place_value, f->text.begin(), f->text.end()};
    };
    const config_source given{[&](const std::string& name) { return text_of(source::main, name); },
                              [&](const std::string& name) -> result<key::credential_ptr> {
                                  const auto& found = files.find(source::key, name);
                                  if (found.empty()) return not_read(name);
                                  const auto* const f = found.front();
                                  if (!f->problem.empty()) return error{f->problem};
                                  return read_key(name, f->text);
                              },
                              [&](const std::string& pattern) -> result<std::vector<config::included_file>> {
                                  std::vector<config::included_file> all;
                                  const auto& found = files.find(source::included, pattern);
                                  if (found.empty()) return not_read(pattern);
                                  for (const auto* const f : found) {
                                      if (!f->problem.empty()) return error{f->problem};
                                      if (!f->path.empty())
                                          all.push_back({f->path, {f->text.begin(), f->text.end()}});
                                  }
                                  return all;
                              },
                              [&](const std::string& name) { return text_of(source::authorities, name); },
                              [&](const std::string& name) -> result<key::secret_text> {
                                  const auto& found = files.find(source::secret, name);
                                  if (found.empty()) return not_read(name);
                                  const auto* const f = found.front();
                                  if (!f->problem.empty()) return error{f->problem};
                                  return f->text;
                              }};
    return load_server_config(path, given, none);
}

} // namespace chronoknock::io

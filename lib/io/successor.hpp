#pragma once

#include "config/server.hpp"
#include "grant/pipeline.hpp"
#include "method/verifier_set.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace chronoknock::io {

/// Reads a configuration. It blocks, and may be called in another thread.
using config_reader = std::function<result<config::server>()>;
/// What verifiers ask the record of burnt tokens.
struct record_view {
    std::function<bool(const address&)> known; ///< method::verifier_settings::known
    std::function<std::optional<granting::burnt>(const std::string&)> newest;
    std::function<bool(const std::string&, std::int64_t, const std::string&)> is_burnt;
};

/// A configuration and what takes long to make of it.
struct successor {
    std::unique_ptr<config::server> configuration; ///< without secrets that the verifiers have taken
    std::unique_ptr<method::verifier_set> verifiers;
    granting::terms terms;
    std::vector<std::string> changes; ///< from the configuration before (config::differences())
    bool captures_other = false;      ///< than the configuration before
};

granting::terms terms_of(const config::server& c);

/// Verifiers for a configuration, whose secrets it wipes then. They are to take the place of `before`.
std::unique_ptr<method::verifier_set> make_verifiers(config::server& c, record_view record,
                                                     const method::verifier_set* before);

/// Has the kernel give all the memory of their tables (base/zero_pages.hpp). It blocks; they may be in use
/// meanwhile, but for take_over().
void populate(const method::verifier_set& verifiers);

/// Reads what is to take the place of `old`, and makes verifiers to take the place of `before`. With other
/// settings for what is remembered they have a table of their own from now on, beside the old one: without
/// memory for both all stays as it is. Only for the time of the call, and blocks.
result<successor> read_successor(const config_reader& reader, record_view record, const config::server& old,
                                 const method::verifier_set* before);

} // namespace chronoknock::io

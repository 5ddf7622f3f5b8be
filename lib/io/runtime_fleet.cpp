// What a server of a fleet needs of its configuration and its helper. Its life is in runtime.cpp.
#include "io/runtime.hpp"

namespace chronoknock::io {

/// Names are looked up by the helper.
resolver runtime::names() const {
    return [helper = helper_](const std::string& host) { return helper->look_up(host); };
}

/// Endpoints, certificates and passwords may change; who this host is, and what is sealed by which secret,
/// does not while it serves.
result<void> runtime::fits_fleet(const config::fleet_settings& next) const {
    const auto& old = configuration_->fleet;
    if (next.is_set() == old.is_set() && next.prefix == old.prefix && next.name == old.name &&
        next.seal == old.seal)
        return {};
    return error{
        "[fleet] prefix, name and seal: expected as they were, and the section there or not as it was; "
        "a restart changes them"};
}

} // namespace chronoknock::io

#pragma once

#include "base/address.hpp"
#include "base/ini.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chronoknock::config {

/// Where metrics are asked for: a socket's path, or a port of a loopback address.
struct metrics_place {
    std::string path; ///< empty: by address and port
    address host;
    std::uint16_t port = 0;

    /// unix:PATH, 127.0.0.1:PORT or [::1]:PORT; a relative path counts from `folder`.
    static result<metrics_place> parse(std::string_view text, const std::string& folder);
    std::string to_string() const;
    bool operator==(const metrics_place&) const = default;
};

/// [metrics]
struct metrics_settings {
    std::string file; ///< empty: none
    nanoseconds interval = seconds(15);
    std::optional<metrics_place> listen = {};

    bool operator==(const metrics_settings&) const = default;
};

/// Reads the section of a file; relative paths count from `folder`.
result<void> read_metrics(const std::string& file, const ini_section& section, const std::string& folder,
                          metrics_settings& to);

} // namespace chronoknock::config

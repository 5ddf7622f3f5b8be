#pragma once

#include "method/method.hpp"

/// One-time passwords: a clock is not needed, and the server's file cannot knock (Worth's COK; RFC 2289).
namespace chronoknock::otp {

method::row row();

} // namespace chronoknock::otp

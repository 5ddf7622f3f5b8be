#pragma once

namespace chronoknock::key {

/// 2,048 words with a blank between two, in the order of their numbers.
extern const char* const otp_dictionary;

} // namespace chronoknock::key

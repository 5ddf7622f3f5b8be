#include "helper/answers.hpp"

/// Answers of every kind are read, or are errors.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock::helper;
    const std::span bytes(data, size);
    (void)decode_refusal(bytes).has_value();
    (void)decode_flag(bytes).has_value();
    (void)decode_addresses(bytes).has_value();
    (void)decode_texts(bytes).has_value();
    (void)decode_end(bytes).has_value();
    (void)decode_number(bytes).has_value();
    return 0;
}

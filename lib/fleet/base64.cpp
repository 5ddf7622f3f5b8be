#include "fleet/base64.hpp"

#include "key/base64.hpp"

namespace chronoknock::fleet {

std::string to_base64(std::string_view bytes) {
    auto text = key::to_base64({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    text.resize((text.size() + 3) / 4 * 4, '=');
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    const auto bytes = key::from_base64(text);
    if (!bytes) return {};
    return std::string(bytes->begin(), bytes->end());
}

} // namespace chronoknock::fleet

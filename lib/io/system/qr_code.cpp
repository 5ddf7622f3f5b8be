#include "io/system/qr_code.hpp"

#include <memory>
#include <qrencode.h>

namespace chronoknock::io {

namespace {

constexpr int quiet = 4; ///< modules around the code
constexpr int most_bytes = 2953; ///< of version 40, level L

} // namespace

result<std::string> qr_code(std::string_view text, bool colours) {
    if (text.size() > most_bytes)
        return error{std::to_string(text.size()) + " bytes are too many for a QR code, which holds " +
                     std::to_string(most_bytes)};
    const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
        QRcode_encodeData(static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0,
                          QR_ECLEVEL_L),
        QRcode_free);
    if (!code) return error{"a QR code cannot be made"};
    const auto light = [&](int x, int y) {
        if (x < 0 || y < 0 || x >= code->width || y >= code->width) return true;
        return (code->data[y * code->width + x] & 1) == 0;
    };
    std::string lines;
    for (int y = -quiet; y < code->width + quiet; y += 2) {
        if (colours) lines += "\x1b[97;40m";
        for (int x = -quiet; x < code->width + quiet; ++x) {
            const bool upper = light(x, y);
            const bool lower = y + 1 < code->width + quiet && light(x, y + 1);
            lines += upper && lower ? "\u2588" : upper ? "\u2580" : lower ? "\u2584" : " ";
        }
        lines += colours ? "\x1b[0m\n" : "\n";
    }
    return {boost::system::in_place_value, std::move(lines)};
}

} // namespace chronoknock::io

#include "io/control/protocol.hpp"

#include "base/text.hpp"
#include "io/control/plain_json.hpp"

#include <boost/json.hpp>

namespace chronoknock::io {

namespace json = boost::json;

std::string to_frame(std::string_view text) {
    std::string frame;
    frame.reserve(sizeof(frame_header) + text.size());
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(text.size() >> shift & 0xff);
    return frame += text;
}

result<std::size_t> frame_size(const frame_header& header, std::size_t most) {
    std::size_t size = 0;
    for (const auto byte : header) size = size << 8 | byte;
    if (size == 0 || size > most)
        return error{"expected 1 to " + std::to_string(most) + " bytes of JSON, not " + std::to_string(size)};
    return size;
}

std::string to_text(const request& r) {
    return json::serialize(json::object{{"operation", r.operation}, {"arguments", r.arguments}});
}

result<request> parse_request(std::string_view text) {
    boost::system::error_code failed;
    auto value = json::parse(text, failed);
    if (failed) return error{"request: expected JSON: " + failed.message()};
    auto* const fields = value.if_object();
    if (!fields) return error{"request: expected a JSON object"};
    request r;
    for (auto& [name, content] : *fields) {
        if (name == "operation" && content.is_string())
            r.operation.assign(content.get_string().data(), content.get_string().size());
        else if (name == "arguments" && content.is_object())
            r.arguments = std::move(content.get_object());
        else
            return error{"request: expected a text operation and an object arguments, not " +
                         printable(std::string_view(name))};
    }
    if (r.operation.empty()) return error{"request: expected an operation"};
    return r;
}

std::string to_text(const answer& a) {
    if (!a) {
        json::object o{{"error", a.error().text}};
        if (a.error().status != refusal().status) o["status"] = a.error().status;
        if (!a.error().code.empty()) o["code"] = a.error().code;
        return json::serialize(o);
    }
    auto text = "{\"result\":" + plain_json(*a) + '}';
    if (text.size() <= most_answer) return text;
    return to_text(answer(error{"the answer is longer than " + std::to_string(most_answer) + " bytes"}));
}

namespace {

int status_of(const json::object& fields) {
    const auto* const status = fields.if_contains("status");
    return status && status->is_int64() && status->get_int64() == 2 ? 2 : refusal().status;
}

std::string code_of(const json::object& fields) {
    const auto* const code = fields.if_contains("code");
    return code && code->is_string() ? std::string(std::string_view(code->get_string())) : std::string();
}

} // namespace

answer parse_answer(std::string_view text) {
    boost::system::error_code failed;
    auto value = json::parse(text, failed);
    if (auto* const fields = failed ? nullptr : value.if_object()) {
        if (auto* const found = fields->if_contains("result"); found && found->is_object())
            return std::move(found->get_object());
        if (const auto* const why = fields->if_contains("error"); why && why->is_string())
            return refusal(error{{why->get_string().data(), why->get_string().size()}}, status_of(*fields),
                           code_of(*fields));
    }
    return error{"the server's answer is not what this program knows"};
}

} // namespace chronoknock::io

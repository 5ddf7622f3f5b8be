#include "io/control/history_view.hpp"
#include "io/control/protocol.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

void expect_line(const std::string& text) {
    for (const char c : text)
        if (c < 0x20 || c == 0x7f) std::abort();
}

} // namespace

/// A request as it comes over the control socket, header first: read, or refused with one line that can be
/// printed; so are the arguments of the operation that has the most of them. What was read and written is
/// read again (numbers may differ in the last bit). An answer is read, or is an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronoknock;
    io::frame_header header{};
    if (size < header.size()) return 0;
    std::copy_n(data, header.size(), header.begin());
    const auto rest = size - header.size();
    // A mutation hardly ever keeps the length right: the text is tried whatever the header says.
    const auto announced = io::frame_size(header, io::most_request);
    if (announced && (*announced == 0 || *announced > io::most_request)) std::abort();
    const std::string_view text{reinterpret_cast<const char*>(data) + header.size(),
                                std::min(rest, io::most_request)};
    const auto r = io::parse_request(text);
    if (r) {
        const auto again = io::parse_request(io::to_text(*r));
        if (r->operation.empty() || !again || again->operation != r->operation ||
            again->arguments.size() != r->arguments.size())
            std::abort();
        if (const auto q = io::read_history_query(r->arguments); !q) expect_line(q.error().text);
    } else {
        expect_line(r.error().text);
    }
    const auto a = io::parse_answer(text);
    if (a && !io::parse_answer(io::to_text(a))) std::abort();
    return 0;
}

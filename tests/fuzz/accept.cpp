#include "report/metrics.hpp"

#include <cstdlib>
#include <string>

using namespace chronoknock;

/// What whoever asks for metrics says that he takes. OpenMetrics is given only where its name is in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string text(reinterpret_cast<const char*>(data), size);
    const auto form = report::asked_for(text);
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (form == report::exposition::openmetrics && text.find("openmetrics") == text.npos) std::abort();
    return 0;
}

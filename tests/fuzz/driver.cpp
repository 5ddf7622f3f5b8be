#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using bytes = std::vector<std::uint8_t>;

void read_seeds(const std::filesystem::path& folder, std::vector<bytes>& seeds) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) paths.push_back(entry.path());
    std::ranges::sort(paths);
    for (const auto& p : paths) {
        std::ifstream in{p, std::ios::binary};
        seeds.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
    }
}

class mutator {
public:
    mutator(const std::vector<bytes>& seeds, std::uint64_t seed) : seeds_(seeds), random_(seed) {}

    /// A seed with a few changes, most of them small, as a fuzzer without feedback makes them.
    bytes next() {
        bytes b = seeds_[below(seeds_.size())];
        for (auto n = 1 + below(4); n > 0; --n) change(b);
        return b;
    }

private:
    void change(bytes& b) {
        constexpr std::uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
        const auto at = below(b.size() + 1);
        const auto here = b.begin() + static_cast<std::ptrdiff_t>(at);
        switch (below(7)) {
        case 0:
            b.resize(at);
            break;
        case 1:
            b.insert(here, 1 + below(16), byte());
            break;
        case 2:
            b.erase(here, b.end() - static_cast<std::ptrdiff_t>(below(b.size() - at + 1)));
            break;
        case 3: {
            const auto& other = seeds_[below(seeds_.size())];
            b.insert(here, other.begin(),
                     other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1)));
            break;
        }
        case 4:
            if (at < b.size()) b[at] = telling[below(std::size(telling))];
            break;
        case 5:
            if (at < b.size()) b[at] = static_cast<std::uint8_t>(b[at] + below(9) - 4);
            break;
        default:
            if (at < b.size()) b[at] ^= static_cast<std::uint8_t>(1u << below(8));
        }
    }

    std::size_t below(std::size_t n) { return random_() % n; }
    std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }

    const std::vector<bytes>& seeds_;
    std::mt19937_64 random_;
};

/// What was being tried, kept where the end of the program leaves it to be looked at.
bytes current;

void save_current() {
    std::ofstream{"crash-input", std::ios::binary}.write(reinterpret_cast<const char*>(current.data()),
                                                         static_cast<std::streamsize>(current.size()));
}

void try_one(bytes input) {
    current = std::move(input);
    // A copy of just its size: reading past the end is then seen.
    const bytes exact = current;
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

} // namespace

/// fuzz_NAME MUTATIONS CORPUS...: the seeds, then mutations of them, for some seconds at most.
int main(int argc, char** argv) {
    if (argc < 3) return std::cerr << "usage: " << argv[0] << " MUTATIONS CORPUS...\n", 2;
    const auto mutations = std::stoull(argv[1]);
    std::vector<bytes> seeds;
    for (int i = 2; i < argc; ++i) read_seeds(argv[i], seeds);
    if (seeds.empty()) return std::cerr << "no seeds in " << argv[2] << "\n", 2;
    mutator mutate{seeds, 1};

    // A target aborts where a promise is broken; so does the runtime where an exception is caught by nobody,
    // and a sanitizer by abort_on_error=1, which has handlers of its own for the others.
    for (const int s : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
        const auto before = std::signal(s, [](int caught) {
            std::signal(caught, SIG_DFL);
            save_current();
            std::raise(caught);
        });
        if (before != SIG_DFL) std::signal(s, before);
    }
    for (const auto& s : seeds) try_one(s);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    std::uint64_t tried = 0;
    for (; tried < mutations && std::chrono::steady_clock::now() < end; ++tried) try_one(mutate.next());
    std::cout << seeds.size() << " seeds and " << tried << " mutations tried\n";
}

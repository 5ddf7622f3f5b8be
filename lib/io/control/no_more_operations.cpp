#include "io/control/more_operations.hpp"

namespace chronoknock::io {

operations more_operations() { return {}; }

} // namespace chronoknock::io

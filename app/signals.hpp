#pragma once

namespace chronoknock::app {

/// Signals that come before the server can listen for them wait until it does, instead of ending it.
void hold_signals();
void let_signals_come();

} // namespace chronoknock::app

#include "app/signals.hpp"

#include <csignal>
#include <initializer_list>

namespace chronoknock::app {

namespace {

void mask_signals(int how) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    sigprocmask(how, &set, nullptr);
}

} // namespace

void hold_signals() { mask_signals(SIG_BLOCK); }

void let_signals_come() { mask_signals(SIG_UNBLOCK); }

} // namespace chronoknock::app

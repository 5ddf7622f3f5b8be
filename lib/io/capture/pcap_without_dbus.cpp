#include <pcap/pcap.h>

// Two functions of libpcap's that its archive (1.10) has in a file for capturing from D-Bus, and that
// pcap_create and pcap_findalldevs ask in turn. Linked before the archive they take the place of that file,
// and nothing asks for libdbus any more, which brings libsystemd, libgcrypt and eight others. The answers are
// those of a libpcap that was built without D-Bus: no device is one of its, and it has none.

extern "C" {

pcap_t* dbus_create(const char* device, char* error_text, int* is_ours);
int dbus_findalldevs(void* devices, char* error_text);

pcap_t* dbus_create(const char*, char*, int* is_ours) {
    *is_ours = 0;
    return nullptr;
}

int dbus_findalldevs(void*, char*) { return 0; }
}

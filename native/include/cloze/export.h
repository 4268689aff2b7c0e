#pragma once

#include <cstdint>

// Exports a function that Java binds by name.
#define CLOZE_EXPORT extern "C" __attribute__((visibility("default")))

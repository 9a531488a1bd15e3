// The main function of each native test program; `--help` lists its filters and reporters.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

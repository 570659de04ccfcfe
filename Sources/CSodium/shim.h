#pragma once
#include <sodium.h>
#include <sys/random.h>

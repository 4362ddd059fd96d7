// The mechanisms whose tiles are compiled for every instruction set: a line each.
#pragma once

#include "attention/mechanisms/softmax.h"
#include "attention/mechanisms/stick_breaking.h"

#define WEFT_FOR_EACH_STREAMING(X) X(Softmax) X(StickBreaking)

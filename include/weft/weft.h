// Everything that the public face has.
#pragma once

#include "weft/exception.h"
#include "weft/language_model.h"
#include "weft/own.h"

// The instruction sets of this build, for tables of functions compiled once for each.
#pragma once

/// Expands X(isa) for every instruction set, strongest first. A *_simd.cc file defines its
/// functions in namespace weft::WEFT_ISA; whoever chooses among them declares and lists them with
/// this. Those with a dot product of bf16 have a list of their own: only *_mechanism.cc files are
/// compiled for them.
#if defined(__x86_64__) || defined(_M_X64)
#define WEFT_FOR_EACH_ISA(X) X(avx512) X(avx2) X(generic)
#define WEFT_FOR_EACH_DOT_ISA(X) X(avx512bf16)
#elif defined(__aarch64__)
#define WEFT_FOR_EACH_ISA(X) X(neon)
#define WEFT_FOR_EACH_DOT_ISA(X)
#else
#define WEFT_FOR_EACH_ISA(X) X(generic)
#define WEFT_FOR_EACH_DOT_ISA(X)
#endif

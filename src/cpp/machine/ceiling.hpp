// What this machine can do at best, measured: the yardstick of bench/.
#pragma once

namespace pymlp {

// Floating-point operations a second of independent FMA chains in registers, on `n_threads` threads.
template <class Operand>
double measure_fma(int n_threads, double seconds);

// Bytes a second that all threads together read from memory (each sums its part of 256 MiB).
double measure_memory(int n_threads, double seconds);

// Seconds that one barrier of the training team takes.
double measure_barrier(int n_threads, int rounds);

}  // namespace pymlp

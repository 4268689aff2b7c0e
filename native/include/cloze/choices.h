#pragma once

#include "cloze/gemm.h"

// The library for each shape of matrix multiplication. Without a table and without tuning, it is always our kernel.
namespace cloze {

// Runs the multiplication with oneDNN if the table says so; with tuning on, a shape that is not in the table is timed
// first.
bool by_choice(const Product& product);

void own_gemm(const Product& product);

bool onednn_is_open();
// Each thread's part of the multiplication is one call of dnnl_sgemm. Blocks have a fixed size, so that bits do not
// depend on the number of threads.
void onednn_gemm(const Product& product);

}  // namespace cloze

#pragma once

#include "cloze/gemm.h"

// Which library multiplies which shape. Without a table, and without tuning, every product is our own.
namespace cloze {

// Runs the product elsewhere if the table says so; with tuning on, a shape that is not in the table is timed first.
bool by_choice(const Product& product);

void own_gemm(const Product& product);

bool onednn_is_open();
// One thread's share of the product is one call of dnnl_sgemm; blocks are of fixed size, so that bits do not depend on
// the threads.
void onednn_gemm(const Product& product);

}  // namespace cloze

package cloze.op;

import java.util.List;
import java.util.Map;

/** What an op makes of one set of inputs: its results, and the gradients by the input that they are of. */
record Values(List<Array64> results, Map<Integer, Array64> gradients) {}

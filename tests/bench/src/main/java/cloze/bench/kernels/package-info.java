/** JMH benchmarks of each op of the CPU backend. */
@org.jspecify.annotations.NullMarked
package cloze.bench.kernels;

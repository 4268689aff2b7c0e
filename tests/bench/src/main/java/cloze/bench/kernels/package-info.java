/** The kernels of {@code cloze bench kernels}, by JMH. */
@org.jspecify.annotations.NullMarked
package cloze.bench.kernels;
